"""Compares echo servers: tasks of a scheduler, asyncio's streams and protocols, and these on uvloop, if installed.

    python benches/echo.py --connections 1000 10000

Each server is a process of its own. Another process opens all connections and keeps one message of 100 bytes underway
on each of them. A round lasts some seconds; the servers take turns, and the median of their rounds counts.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import select
import socket
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

MESSAGE = b"x" * 100


def listening() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    return listener


def generators(ready: Callable[[int], None], whole: bool) -> None:
    """Tasks that wait and then call the socket (the classic form), or that let the scheduler move the bytes."""
    from interlock.scheduler import Scheduler, recv, send

    def classic(connection: socket.socket) -> Any:
        while True:
            yield recv(connection)
            data = connection.recv(4096)
            if not data:
                return
            yield send(connection)
            connection.send(data)

    def moving(connection: socket.socket) -> Any:
        while data := (yield recv(connection, 4096)):
            yield send(connection, data)

    def accept(listener: socket.socket) -> Any:
        while True:
            yield recv(listener)
            try:
                while True:
                    connection, _ = listener.accept()
                    connection.setblocking(False)
                    scheduler.spawn((moving if whole else classic)(connection), errors="keep")
            except BlockingIOError:
                pass

    scheduler, listener = Scheduler(), listening()
    scheduler.spawn(accept(listener))
    ready(listener.getsockname()[1])
    scheduler.run()


async def streams(ready: Callable[[int], None]) -> None:
    """A coroutine for each connection, over `StreamReader` and `StreamWriter`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
        writer.close()

    listener = listening()
    ready(listener.getsockname()[1])
    async with await asyncio.start_server(serve, sock=listener) as server:
        await server.serve_forever()


class Echo(asyncio.Protocol):
    """A callback for each message: no task at all."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def protocol(ready: Callable[[int], None]) -> None:
    """The same over `Protocol`."""
    listener = listening()
    ready(listener.getsockname()[1])
    async with await asyncio.get_running_loop().create_server(Echo, sock=listener) as server:
        await server.serve_forever()


def on_uvloop(main: Callable[[Callable[[int], None]], Any], ready: Callable[[int], None]) -> None:
    import uvloop  # type: ignore[import-not-found]

    uvloop.run(main(ready))


SERVERS: dict[str, Callable[[Callable[[int], None]], None]] = {
    "scheduler, recv(sock, n)": lambda ready: generators(ready, whole=True),
    "scheduler, recv(sock)": lambda ready: generators(ready, whole=False),
    "asyncio, streams": lambda ready: asyncio.run(streams(ready)),
    "asyncio, protocol": lambda ready: asyncio.run(protocol(ready)),
    "uvloop, streams": lambda ready: on_uvloop(streams, ready),
    "uvloop, protocol": lambda ready: on_uvloop(protocol, ready),
}


def serve(name: str, pipe: Connection) -> None:
    raise_limit()
    SERVERS[name](pipe.send)


def raise_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def load(port: int, count: int, seconds: float) -> tuple[float, float]:
    """Keep a message underway on each connection; return messages per second, and the 99th percentile in ms."""
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    by_number = {connection.fileno(): connection for connection in connections}
    poller, sent = select.epoll(), {}
    for number, connection in by_number.items():
        connection.setblocking(False)
        poller.register(number, select.EPOLLIN)
        sent[number] = time.perf_counter()
        connection.send(MESSAGE)
    times: list[float] = []
    warm = time.perf_counter() + seconds / 4
    begin, done, now = warm, 0, 0.0
    while now < begin + seconds:
        for number, _ in poller.poll(5, 512):
            connection = by_number[number]
            connection.recv(4096)
            now = time.perf_counter()
            if now > warm:
                done += 1
                times.append(now - sent[number])
            sent[number] = now
            connection.send(MESSAGE)
        now = time.perf_counter()
    for connection in connections:
        connection.close()
    times.sort()
    return done / (now - begin), times[len(times) * 99 // 100] * 1000


def measure(name: str, count: int, seconds: float) -> tuple[float, float]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(name, theirs), daemon=True)
    server.start()
    theirs.close()
    try:
        return load(ours.recv(), count, seconds)
    finally:
        server.kill()
        server.join()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=list(SERVERS))
    options = parser.parse_args()
    raise_limit()
    for count in options.connections:
        print(f"{count} connections: messages a second, 99th percentile")
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in options.only}
        for _ in range(options.rounds):
            for name in options.only:
                try:
                    found[name].append(measure(name, count, options.seconds))
                except EOFError:  # uvloop is not installed
                    continue
        for name, rounds in found.items():
            if rounds:
                rates, late = zip(*rounds, strict=True)
                print(f"  {name:26} {statistics.median(rates):9,.0f}/s  {statistics.median(late):8.1f} ms")
            else:
                print(f"  {name:26} not measured")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
