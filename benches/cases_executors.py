"""`ProcessPoolExecutor`: submits, maps, large data, executors from start to end, and many threads that feed one."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import partial
from itertools import repeat
from typing import Any

from case import Body, Case
from crew import together
from namespaces import Namespace

WORKERS, FED, FEEDERS = 2, 4, 16
BURST = 5_000
PEERS = ("loky", "pebble", "joblib", "mpire", "multiprocess", "ray", "dask")
MAPS = tuple(name for name in PEERS if name != "pebble")
"""Pebble's map returns one future for all items."""

FORK, FORKSERVER, SPAWN = ("pebble", "mpire", "multiprocess"), (), ("loky", "joblib", "ray", "dask")
"""How the peers start their processes: peers that execute a program are listed with `spawn`."""

ARRAY = 12_500_000
"""Numbers of 8 bytes."""


def executor(ns: Namespace, workers: int = WORKERS, method: str = "fork") -> Any:
    """Return a new executor of a namespace. Its processes start by `method`, or in the peer's own way."""
    if ns.name not in {"std", "interlock"}:
        return ns.futures.ProcessPoolExecutor(workers)
    prefix = "" if ns.name == "std" else f"{ns.name}."
    context = importlib.import_module(f"{prefix}multiprocessing").get_context(method)
    return ns.futures.ProcessPoolExecutor(workers, mp_context=context)


def burst(made: Any, n: int) -> None:
    """Submit ``n`` trivial calls, then take their results."""
    if hasattr(made, "run_all"):
        made.run_all(abs, -1, n)
        return
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
    """A task that returns its argument."""
    return data


def large(size: int, count: int, ns: Namespace) -> Body:
    """Submit arguments of this size that come back as results: all of them are one operation."""
    made = executor(ns)
    # Separate objects: a peer that sends several calls at once would send the same object only once.
    data = [bytearray(size) for _ in repeat(None, count)]

    def body(n: int) -> None:
        for _ in repeat(None, n):
            for result in round_trips(made, data):
                if len(result) != size:
                    raise AssertionError("the result has another size")

    return body


def round_trips(made: Any, data: list[Any]) -> Iterator[Any]:
    """Submit a call for each of these large arguments, and yield the results."""
    if hasattr(made, "run_large"):
        yield from made.run_large(data)
        return
    for future in [made.submit(same, each) for each in data]:
        yield future.result()


def array(ns: Namespace) -> Body:
    """Submit an array of 100 MB that comes back as the result, and look at its last number."""
    made = executor(ns)
    try:
        data = importlib.import_module("numpy").ones(ARRAY)
    except ImportError:  # NumPy is not installed for this version
        data = bytearray(b"\1") * (8 * ARRAY)
    last = len(data) - 1

    def body(n: int) -> None:
        for _ in repeat(None, n):
            (result,) = round_trips(made, [data])
            if result[last] != 1:
                raise AssertionError("the result is another one")

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
    Case("executor-map-1", "map, chunksize 1, each", 15, partial(mapped, 1), MAPS, least=BURST),
    Case("executor-map-100", "map, chunksize 100, each", 1.2, partial(mapped, 100), MAPS, least=100_000),
    Case("executor-100mib", "100 MiB argument and result", 8, partial(large, 100 * MIB, 1), PEERS),
    Case("executor-array", "array of 100 MB, argument and result", 8, array, PEERS),
    Case("executor-64x1mib", "64 arguments and results of 1 MiB", 5, partial(large, MIB, 64), PEERS),
    Case(
        "executor-life-fork",
        "2 workers, 1 call, shut down; fork",
        1.5,
        partial(lives, "fork"),
        FORK,
        apart=True,
    ),
    Case(
        "executor-life-forkserver",
        "2 workers, 1 call, shut down; forkserver",
        2,
        partial(lives, "forkserver"),
        FORKSERVER,
        apart=True,
    ),
    Case(
        "executor-life-spawn",
        "2 workers, 1 call, shut down; spawn",
        1.3,
        partial(lives, "spawn"),
        SPAWN,
        apart=True,
    ),
    Case("executor-fed", "4 workers, fed by 16 threads, each", 10, fed, multiple=FEEDERS, least=3_200),
)
