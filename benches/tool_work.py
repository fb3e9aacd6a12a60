"""Does one kind of work with one tool, in a process of its own; prints the seconds and the memory in MiB.

tool_work.py slow|fast|computation TOOL PORT
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any

from interlock.concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

SLOW_CONNECTIONS, DELAY = 1_000, 200
FAST_CONNECTIONS, QUESTIONS = 4, 5_000
NUMBERS = [30] * 8


def ask(port: int, line: bytes, times: int) -> int:
    """Ask `times` times over one connection; return the number of answers."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times):
            connection.sendall(line)
            answer = connection.recv(len(line))
            if answer != line:
                raise AssertionError(answer)
    return times


async def ask_async(port: int, line: bytes, times: int) -> int:
    """Do the same without a thread."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(times):
        writer.write(line)
        answer = await reader.readline()
        if answer != line:
            raise AssertionError(answer)
    writer.close()
    await writer.wait_closed()
    return times


def fib(n: int) -> int:
    """Compute a Fibonacci number."""
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def with_pool(
    make: Callable[[int], Executor], workers: int, call: Callable[[Any], int], items: list[Any]
) -> int:
    """Return the sum of the calls' results."""
    with make(workers) as pool:
        return sum(pool.map(call, items))


async def gathered(call: Callable[[Any], Any], items: list[Any]) -> int:
    """Return the sum of the coroutines' results."""
    return sum(await asyncio.gather(*map(call, items)))


def work(name: str, tool: str, port: int) -> int:
    """Do the work, and return its result, a number."""
    calls = {
        "slow": (partial(ask, port, b"%d\n" % DELAY), [1] * SLOW_CONNECTIONS),
        "fast": (partial(ask, port, b"0\n"), [QUESTIONS] * FAST_CONNECTIONS),
        "computation": (fib, NUMBERS),
    }
    call, items = calls[name]
    kind, _, workers = tool.partition(" ")
    if kind == "async":
        line = call.args[1]  # type: ignore[attr-defined]
        return asyncio.run(gathered(partial(ask_async, port, line), items))
    if kind == "none":
        return sum(map(call, items))
    make = ThreadPoolExecutor if kind == "threads" else ProcessPoolExecutor
    return with_pool(make, int(workers), call, items)


def main() -> None:
    """Measure the work that the command line names."""
    name, tool, port = sys.argv[1:]
    begin = time.perf_counter()
    result = work(name, tool, int(port))
    seconds = time.perf_counter() - begin
    ends = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processes = int(tool.split()[1]) if tool.startswith("processes") else 0
    memory = (ends[0] + processes * ends[1]) / 1024
    print(json.dumps({"seconds": seconds, "memory": memory, "result": result}))


if __name__ == "__main__":
    main()
