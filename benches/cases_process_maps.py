"""`multiprocessing.Pool`: maps, streams of results, single calls, and pools from start to end."""

from __future__ import annotations

import importlib
from collections import deque
from functools import partial
from itertools import repeat
from typing import Any

from case import Body, Case
from namespaces import Namespace

PROCESSES = 2
PEERS = ("multiprocess", "mpire", "joblib", "ray")
STREAMS = ("multiprocess", "mpire", "ray")


def pool(ns: Namespace, method: str = "fork") -> Any:
    """Return a new pool of a namespace. Its processes start by `method`, or in the peer's own way."""
    if ns.name not in {"std", "interlock"}:
        return ns.pool.Pool(PROCESSES)
    prefix = "" if ns.name == "std" else f"{ns.name}."
    context = importlib.import_module(f"{prefix}multiprocessing").get_context(method)
    return importlib.import_module(f"{prefix}multiprocessing.pool").Pool(PROCESSES, context=context)


def mapped(chunksize: int | None, ns: Namespace) -> Body:
    """``pool.map(abs, range(n))``: an item is one operation."""
    made = pool(ns)
    return lambda n: made.map(abs, range(n), chunksize) and None


def streamed(ns: Namespace) -> Body:
    """``for result in pool.imap_unordered(abs, range(n))``: an item is one operation."""
    made = pool(ns)
    return lambda n: deque(made.imap_unordered(abs, range(n)), 0) and None


def applied(ns: Namespace) -> Body:
    """Many ``pool.apply(abs, (1,))``, one after the other: a call is one operation."""
    made = pool(ns)

    def body(n: int) -> None:
        for _ in repeat(None, n):
            made.apply(abs, (1,))

    return body


def lives(method: str, ns: Namespace) -> Body:
    """Make a pool, do one task, close and join it."""
    make = partial(pool, ns, method)

    def body(n: int) -> None:
        for _ in repeat(None, n):
            made = make()
            made.apply(abs, (1,))
            made.close()
            made.join()

    return body


CASES = (
    Case(
        "process-pool-map", "Pool.map, trivial tasks, each", 1.1, partial(mapped, None), PEERS, least=200_000
    ),
    Case("process-pool-map-1", "Pool.map, chunksize 1, each", 4, partial(mapped, 1), PEERS, least=5_000),
    Case("process-pool-imap", "Pool.imap_unordered, each", 6, streamed, STREAMS, least=5_000),
    Case("process-pool-apply", "Pool.apply, each", 8, applied, PEERS, least=500),
    Case(
        "process-pool-life-fork",
        "Pool(2), 1 task, close, join; fork",
        1.5,
        partial(lives, "fork"),
        ("multiprocess", "mpire"),
        apart=True,
    ),
    Case(
        "process-pool-life-forkserver",
        "Pool(2), 1 task, close, join; forkserver",
        2,
        partial(lives, "forkserver"),
        apart=True,
    ),
    Case(
        "process-pool-life-spawn",
        "Pool(2), 1 task, close, join; spawn",
        1.3,
        partial(lives, "spawn"),
        ("joblib",),
        apart=True,
    ),
)
