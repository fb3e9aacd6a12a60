"""An echo server of generators, in the notation of the classic teaching scheduler: `yield "recv", sock`."""

import socket
import threading

from interlock.scheduler import Scheduler


def server(scheduler, listener, connections):
    for _ in range(connections):
        yield "recv", listener
        connection, _ = listener.accept()
        scheduler.spawn(echo(connection))


def echo(connection):
    with connection:
        while True:
            yield "recv", connection
            data = connection.recv(1000)
            if not data:
                return
            yield "send", connection
            connection.send(data)


def client(address, name, answers):
    with socket.create_connection(address) as connection:
        for number in range(3):
            connection.sendall(f"{name}{number}".encode())
            answers.append(connection.recv(1000).decode())


def main():
    answers = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        clients = [
            threading.Thread(target=client, args=(listener.getsockname(), name, answers)) for name in "abc"
        ]
        for thread in clients:
            thread.start()
        scheduler = Scheduler()
        scheduler.spawn(server(scheduler, listener, len(clients)))
        scheduler.run()
        for thread in clients:
            thread.join()
    print(*sorted(answers))


if __name__ == "__main__":
    main()
