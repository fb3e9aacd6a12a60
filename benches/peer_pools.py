"""The peers' pools of threads, as far as they can be used like an executor.

What has no futures to wait for, brings the whole job along instead: ``run_all`` makes ``n`` calls, ``run_each``
makes them one after the other.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

NAMES = ("anyio", "joblib", "pebble")


def load(name: str) -> Any:
    """What makes a pool of so many workers. Raises ImportError when the package is not installed."""
    return {"anyio": _anyio, "joblib": _joblib, "pebble": _pebble}[name]()


def _pebble() -> Any:
    pool_class = importlib.import_module("pebble").ThreadPool

    class Pool(pool_class):  # type: ignore[misc, valid-type]
        """``schedule`` and ``submit`` give futures; so does ``map``, one for all."""

        def map(self, fn: Callable[..., Any], items: Iterable[Any]) -> Iterable[Any]:
            result: Iterable[Any] = super().map(fn, items).result()
            return result

    return Pool


def _joblib() -> Any:
    joblib = importlib.import_module("joblib")

    class Pool:
        """One ``Parallel`` that is kept, with its threads."""

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
        """``to_thread.run_sync`` under a limiter; each job is an event loop of its own."""

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
