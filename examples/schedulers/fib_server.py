"""A server that computes Fibonacci numbers while another client wants an echo: without and with `call()`.

The server is one thread. If it computes by itself, all clients wait. With `call()` another thread computes.
"""

import socket

from interlock.scheduler import Scheduler, call, recv, send


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def serve(scheduler, listener, handle, connections):
    for _ in range(connections):
        yield recv(listener)
        connection, _ = listener.accept()
        scheduler.spawn(handle(connection))


def by_itself(connection):
    with connection:
        while request := (yield recv(connection, 100)):
            answer = request if request == b"echo" else str(fib(int(request))).encode()
            yield send(connection, answer)


def with_call(connection):
    with connection:
        while request := (yield recv(connection, 100)):
            answer = request if request == b"echo" else str((yield call(fib, int(request)))).encode()
            yield send(connection, answer)


def ask(address, requests, log):
    with socket.create_connection(address) as connection:
        for request in requests:
            yield send(connection, request)
            log.append((yield recv(connection, 100)).decode())


def main():
    for handle in (by_itself, with_call):
        log = []
        with Scheduler() as scheduler, socket.create_server(("127.0.0.1", 0)) as listener:
            scheduler.spawn(serve(scheduler, listener, handle, 2))
            scheduler.spawn(ask(listener.getsockname(), [b"30"], log))
            scheduler.spawn(ask(listener.getsockname(), [b"echo"], log))
            scheduler.run()
        print(f"{handle.__name__}: {', '.join(log)}")


if __name__ == "__main__":
    main()
