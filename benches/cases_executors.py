"""`ProcessPoolExecutor`: submits, maps, large data, executors from start to end, and many threads that feed one."""

from __future__ import annotations

import importlib
from functools import partial
from itertools import repeat
from typing import Any

from case import Body, Case
from crew import together
from namespaces import Namespace

WORKERS, FED, FEEDERS = 2, 4, 16
BURST = 5_000
PEERS = ("loky", "pebble")


def executor(ns: Namespace, workers: int = WORKERS, method: str = "fork") -> Any:
    """Return a new executor of a namespace, whose processes start in this way, or in the peer's own."""
    if ns.name not in {"std", "interlock"}:
        return ns.futures.ProcessPoolExecutor(workers)
    prefix = "" if ns.name == "std" else f"{ns.name}."
    context = importlib.import_module(f"{prefix}multiprocessing").get_context(method)
    return ns.futures.ProcessPoolExecutor(workers, mp_context=context)


def burst(made: Any, n: int) -> None:
    """Submit ``n`` trivial calls, then take their results."""
    for future in [made.submit(abs, -1) for _ in repeat(None, n)]:
        future.result()


def submitted(ns: Namespace) -> Body:
    """Submit all trivial calls, then take all results: a call is one operation."""
    return partial(burst, executor(ns))


def one_by_one(ns: Namespace) -> Body:
    """Submit a trivial call and wait for it: a call is one operation."""
    made = executor(ns)

    def body(n: int) -> None:
        for _ in repeat(None, n):
            made.submit(abs, -1).result()

    return body


def mapped(chunksize: int, ns: Namespace) -> Body:
    """``list(executor.map(abs, range(n)))``: an item is one operation."""
    made = executor(ns)
    return lambda n: list(made.map(abs, range(n), chunksize=chunksize)) and None


def same(data: bytearray) -> bytearray:
    """The task that returns its argument."""
    return data


def large(size: int, count: int, ns: Namespace) -> Body:
    """Submit arguments of this size that come back as results: all of them are one operation."""
    made = executor(ns)
    data = bytearray(size)

    def body(n: int) -> None:
        for _ in repeat(None, n):
            for future in [made.submit(same, data) for _ in repeat(None, count)]:
                if len(future.result()) != size:
                    raise AssertionError("the result has another size")

    return body


def lives(method: str, ns: Namespace) -> Body:
    """Make an executor, make one call, shut it down."""
    make = partial(executor, ns, WORKERS, method)

    def body(n: int) -> None:
        for _ in repeat(None, n):
            with make() as made:
                made.submit(abs, -1).result()

    return body


def fed(ns: Namespace) -> Body:
    """16 threads submit to 4 workers, and each waits for its results: a call is one operation."""
    made = executor(ns, FED)
    return lambda n: together(*[partial(burst, made, n // FEEDERS)] * FEEDERS)


MIB = 1 << 20
CASES = (
    Case(
        "executor-submit",
        "ProcessPoolExecutor, 5,000 submits + results, each",
        20,
        submitted,
        PEERS,
        least=BURST,
    ),
    Case("executor-one", "submit and wait, one at a time, each", 8, one_by_one, PEERS, least=500),
    Case("executor-map-1", "map, chunksize 1, each", 15, partial(mapped, 1), ("loky",), least=BURST),
    Case("executor-map-100", "map, chunksize 100, each", 1.2, partial(mapped, 100), ("loky",), least=100_000),
    Case("executor-100mib", "100 MiB argument and result", 8, partial(large, 100 * MIB, 1), PEERS),
    Case("executor-64x1mib", "64 arguments and results of 1 MiB", 5, partial(large, MIB, 64), PEERS),
    Case("executor-life-fork", "2 workers, 1 call, shut down; fork", 1.5, partial(lives, "fork")),
    Case("executor-life-forkserver", "the same, forkserver", 2, partial(lives, "forkserver")),
    Case("executor-life-spawn", "the same, spawn", 1.3, partial(lives, "spawn")),
    Case("executor-fed", "4 workers, fed by 16 threads, each", 10, fed, multiple=FEEDERS, least=3_200),
)
