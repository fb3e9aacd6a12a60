"""Thread pools with the interface of `multiprocessing`: maps, streams of results, and pools from start to end."""

from __future__ import annotations

import importlib
from collections import deque
from functools import partial
from itertools import repeat
from typing import Any

from case import Body, Case
from namespaces import Namespace

THREADS = 4


def pool_class(ns: Namespace) -> Any:
    """Return the `ThreadPool` of a namespace."""
    prefix = "" if ns.name == "std" else f"{ns.name}."
    return importlib.import_module(f"{prefix}multiprocessing.pool").ThreadPool


def same(value: int) -> int:
    """A trivial task."""
    return value


def mapped(ns: Namespace) -> Body:
    """``pool.map(same, range(n))``: an item is one operation."""
    pool = pool_class(ns)(THREADS)
    return lambda n: pool.map(same, range(n)) and None


def streamed(ns: Namespace) -> Body:
    """``for result in pool.imap_unordered(same, range(n))``: an item is one operation."""
    pool = pool_class(ns)(THREADS)
    return lambda n: deque(pool.imap_unordered(same, range(n)), 0) and None


def applied(ns: Namespace) -> Body:
    """Many ``pool.apply_async(same, (1,))``, then all results: a call is one operation."""
    pool = pool_class(ns)(THREADS)

    def body(n: int) -> None:
        for result in [pool.apply_async(same, (1,)) for _ in repeat(None, n)]:
            result.get()

    return body


def lives(ns: Namespace) -> Body:
    """Make a pool, do one task, close and join it."""
    make = partial(pool_class(ns), THREADS)

    def body(n: int) -> None:
        for _ in repeat(None, n):
            pool = make()
            pool.apply(same, (1,))
            pool.close()
            pool.join()

    return body


CASES = (
    Case("thread-pool-map", "ThreadPool.map, trivial tasks, each", 1.2, mapped, least=200_000),
    Case("thread-pool-imap", "ThreadPool.imap_unordered, each", 5, streamed, least=20_000),
    Case("thread-pool-apply", "ThreadPool.apply_async + get, each", 5, applied, least=2_000),
    Case("thread-pool-life", "ThreadPool(4), 1 task, close, join", 3, lives),
)
