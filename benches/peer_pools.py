"""The peers' thread pools, where they can be used like an executor.

A pool without futures to wait for has methods for the whole job instead: ``run_all`` makes ``n`` calls, ``run_each``
makes them one after the other.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any


def _pebble() -> Any:
    pool_class = importlib.import_module("pebble").ThreadPool

    class Pool(pool_class):  # type: ignore[misc, valid-type]
        """``schedule`` and ``submit`` return futures; ``map`` returns one future for all items."""

        def map(self, fn: Callable[..., Any], items: Iterable[Any]) -> Iterable[Any]:
            result: Iterable[Any] = super().map(fn, items).result()
            return result

    return Pool


def _joblib() -> Any:
    joblib = importlib.import_module("joblib")

    class Pool:
        """One ``Parallel`` that keeps its threads."""

        def __init__(self, workers: int) -> None:
            self.parallel = joblib.Parallel(n_jobs=workers, backend="threading")
            self.parallel.__enter__()

        def map(self, fn: Callable[..., Any], items: Iterable[Any]) -> Iterable[Any]:
            call = joblib.delayed(fn)
            results: Iterable[Any] = self.parallel(call(item) for item in items)
            return results

    return Pool


def _anyio() -> Any:
    anyio = importlib.import_module("anyio")
    to_thread = importlib.import_module("anyio.to_thread")

    class Pool:
        """``to_thread.run_sync`` under a limiter; each job has an event loop of its own."""

        def __init__(self, workers: int) -> None:
            self.workers = workers

        def run_all(self, fn: Callable[[], Any], n: int) -> None:
            async def job() -> None:
                limiter = anyio.CapacityLimiter(self.workers)
                async with anyio.create_task_group() as group:
                    for _ in repeat(None, n):
                        group.start_soon(lambda: to_thread.run_sync(fn, limiter=limiter))

            anyio.run(job)

        def run_each(self, fn: Callable[[], Any], n: int) -> None:
            async def job() -> None:
                for _ in repeat(None, n):
                    await to_thread.run_sync(fn)

            anyio.run(job)

    return Pool


LOADERS: dict[str, Callable[[], Any]] = {"anyio": _anyio, "joblib": _joblib, "pebble": _pebble}
"""Each returns a class that makes a pool of a number of workers, or raises ImportError if its package is missing."""
