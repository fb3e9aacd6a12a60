"""How long an echo takes while other connections have the same server compute fib(27): without and with `call()`.

    python benches/fib_server.py

The server is a process of its own, with one scheduler. Some clients ask for the next number as soon as they have got
one; another client asks for an echo every few milliseconds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

NUMBER = 27
WAYS = ("by itself", "call()", "call().in_process()")


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def serve(way: str, pipe: Connection) -> None:
    from interlock.scheduler import Scheduler, call, recv, send

    def computed(number: int) -> Any:
        if way == "by itself":
            return fib(number)
        operation = call(fib, number)
        return (yield operation.in_process() if way.endswith("in_process()") else operation)

    def handle(connection: socket.socket) -> Any:
        while request := (yield recv(connection, 100)):
            answer = request if request == b"echo" else str((yield from computed(int(request)))).encode()
            yield send(connection, answer)

    def accept(listener: socket.socket) -> Any:
        while True:
            yield recv(listener)
            scheduler.spawn(handle(listener.accept()[0]), errors="keep")

    with socket.create_server(("127.0.0.1", 0)) as listener, Scheduler() as scheduler:
        scheduler.spawn(accept(listener))
        pipe.send(listener.getsockname()[1])
        scheduler.run()


def ask(
    port: int, request: bytes, pause: float, stop: threading.Event, seen: Callable[[float], None]
) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while not stop.wait(pause):
            begin = time.perf_counter()
            connection.send(request)
            connection.recv(100)
            seen(time.perf_counter() - begin)


def measure(way: str, clients: int, seconds: float) -> tuple[list[float], int]:
    """The times of the echoes, sorted, and how many numbers were computed."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(way, theirs))
    server.start()
    port, stop = ours.recv(), threading.Event()
    echoes: list[float] = []
    numbers: list[float] = []
    threads = [
        threading.Thread(target=ask, args=(port, str(NUMBER).encode(), 0, stop, numbers.append))
        for _ in range(clients)
    ]
    threads.append(threading.Thread(target=ask, args=(port, b"echo", 0.005, stop, echoes.append)))
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    server.terminate()
    server.join()
    return sorted(echoes), len(numbers)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    for way in WAYS:
        echoes, numbers = measure(way, options.clients, options.seconds)
        median, late = (echoes[len(echoes) * part // 100] * 1000 for part in (50, 99))
        print(
            f"{way:20} echo: median {median:6.2f} ms, p99 {late:6.2f} ms of {len(echoes)}; "
            f"{numbers / options.seconds:5.1f} numbers/s"
        )


if __name__ == "__main__":
    main()
