"""The peers' pools of processes, as their documentation recommends them, with the interface of the bodies.

Each class makes a pool of a number of processes, which stays until its ``with`` block ends. If a peer has something
better than one future for each call, its class has methods for a whole job: ``run_all`` makes ``n`` calls and takes all
results, ``run_large`` makes a call for each large argument and returns the results.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat
from types import SimpleNamespace
from typing import Any

WITH_POOL = ("joblib", "mpire", "multiprocess", "ray")
"""Pools with the methods of `multiprocessing.Pool`, or some of them."""


def load_pool(name: str) -> Any:
    """Return a function that makes a pool with the methods of `multiprocessing.Pool`. Raises ImportError."""
    if name == "multiprocess":
        return importlib.import_module("multiprocess").get_context("fork").Pool
    if name == "ray":
        return _ray_pool()
    return LOADERS[name]()


def end() -> None:
    """Shut down the cluster whose processes are outside of this process's group."""
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()


class _Left:
    """A pool that is closed at the end of its ``with`` block."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.join()

    def close(self) -> None:
        """Close the pool."""

    def join(self) -> None:
        """Wait until the pool has ended."""


def absolute(number: int) -> int:
    """The trivial task, for peers that can't run a built-in function."""
    return abs(number)


def same(data: Any) -> Any:
    """A task that returns its argument."""
    return data


def _loky() -> Any:
    return importlib.import_module("loky").ProcessPoolExecutor


def _pebble() -> Any:
    pool_class = importlib.import_module("pebble").ProcessPool

    class Executor(pool_class):  # type: ignore[misc, valid-type]
        """``submit`` has a time limit as its second argument."""

        def submit(self, fn: Callable[..., Any], *args: Any) -> Any:
            return self.schedule(fn, args=args)

    return Executor


def _joblib() -> Any:
    joblib = importlib.import_module("joblib")
    loky = importlib.import_module("joblib.externals.loky")

    class Pool(_Left):
        """One ``Parallel`` that keeps its processes; it has no futures."""

        def __init__(self, workers: int) -> None:
            self.parallel = joblib.Parallel(n_jobs=workers)
            self.parallel.__enter__()

        def close(self) -> None:
            self.parallel.__exit__(None, None, None)
            loky.get_reusable_executor().shutdown(wait=True)  # otherwise its processes stay

        def apply(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
            return self.parallel([joblib.delayed(fn)(*args)])[0]

        def submit(self, fn: Callable[..., Any], *args: Any) -> Any:
            return _Given(self.apply(fn, args))

        def run_all(self, fn: Callable[..., Any], arg: Any, n: int) -> None:
            call = joblib.delayed(fn)
            self.parallel(call(arg) for _ in repeat(None, n))

        def run_large(self, data: list[Any]) -> Any:
            return self.parallel(joblib.delayed(same)(each) for each in data)

        def map(
            self, fn: Callable[..., Any], items: Iterable[Any], chunksize: int | None = None
        ) -> Iterable[Any]:
            self.parallel.batch_size = chunksize or "auto"
            call = joblib.delayed(fn)
            results: Iterable[Any] = self.parallel(call(item) for item in items)
            return results

    return Pool


class _Given:
    """A finished result."""

    def __init__(self, result: Any) -> None:
        self._result = result

    def result(self) -> Any:
        """Return it."""
        return self._result


class _Got:
    """An `AsyncResult` as a future."""

    def __init__(self, result: Any) -> None:
        self.result = result.get


def _mpire() -> Any:
    pool_class = importlib.import_module("mpire").WorkerPool

    class Pool(pool_class):  # type: ignore[misc, valid-type]
        """A ``WorkerPool`` whose workers are kept alive."""

        def __init__(self, workers: int) -> None:
            super().__init__(workers, start_method="fork", keep_alive=True)

        def __exit__(self, *_: object) -> None:
            self.stop_and_join()
            self.terminate()

        def close(self) -> None:
            self.stop_and_join()

        def join(self) -> None:
            self.terminate()

        def submit(self, fn: Callable[..., Any], *args: Any) -> Any:
            return _Got(self.apply_async(fn, args))

        def map(self, fn: Callable[..., Any], items: Iterable[Any], chunksize: int | None = None) -> Any:
            return super().map(fn, items, chunk_size=chunksize)

    return Pool


def _multiprocess() -> Any:
    context = importlib.import_module("multiprocess").get_context("fork")

    class Pool(_Left):
        """``Pool``: the package has no executor."""

        def __init__(self, workers: int) -> None:
            self.pool = context.Pool(workers)
            self.close, self.join = self.pool.close, self.pool.join  # type: ignore[method-assign]
            self.map = self.pool.map

        def submit(self, fn: Callable[..., Any], *args: Any) -> Any:
            return _Got(self.pool.apply_async(fn, args))

    return Pool


def _ray_started(workers: int) -> Any:
    ray = importlib.import_module("ray")
    if not ray.is_initialized():
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    return ray


def _ray() -> Any:
    importlib.import_module("ray")

    class Cluster(_Left):
        """A local cluster: remote functions, made once; large arguments by ``ray.put``."""

        def __init__(self, workers: int) -> None:
            self.ray = _ray_started(workers)
            self.absolute = self.ray.remote(absolute)
            self.same = self.ray.remote(same)

        def close(self) -> None:
            self.ray.shutdown()

        def submit(self, fn: Callable[..., Any], *args: Any) -> Any:
            # The function is always the trivial one.
            return SimpleNamespace(result=partial(self.ray.get, self.absolute.remote(*args)))

        def run_all(self, fn: Callable[..., Any], arg: Any, n: int) -> None:
            self.ray.get([self.absolute.remote(arg) for _ in repeat(None, n)])

        def run_large(self, data: list[Any]) -> Any:
            return self.ray.get([self.same.remote(self.ray.put(each)) for each in data])

        def map(self, fn: Callable[..., Any], items: Sequence[Any], chunksize: int = 1) -> Any:
            if chunksize == 1:
                return self.ray.get([self.absolute.remote(item) for item in items])
            if not hasattr(self, "pool"):
                self.pool = _ray_pool()(2)
            return self.pool.map(fn, items, chunksize=chunksize)

    return Cluster


def _ray_pool() -> Any:
    module = importlib.import_module("ray.util.multiprocessing")

    def make(workers: int) -> Any:
        _ray_started(workers)
        return module.Pool(workers)

    return make


def _dask() -> Any:
    distributed = importlib.import_module("distributed")
    bag = importlib.import_module("dask.bag")

    class Cluster(_Left):
        """A ``LocalCluster`` of processes with one thread each; large arguments by ``scatter``."""

        def __init__(self, workers: int) -> None:
            self.cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                silence_logs=logging.ERROR,
            )
            self.client = distributed.Client(self.cluster)

        def close(self) -> None:
            self.client.close()
            self.cluster.close()

        def submit(self, fn: Callable[..., Any], *args: Any) -> Any:
            return self.client.submit(fn, *args, pure=False)

        def run_all(self, fn: Callable[..., Any], arg: Any, n: int) -> None:
            self.client.gather([self.client.submit(fn, arg, pure=False) for _ in repeat(None, n)])

        def run_large(self, data: list[Any]) -> Any:
            client = self.client
            sent = [client.scatter(each, hash=False) for each in data]
            return client.gather([client.submit(same, each, pure=False) for each in sent])

        def map(self, fn: Callable[..., Any], items: Sequence[Any], chunksize: int = 1) -> Any:
            if chunksize == 1:
                return self.client.gather(self.client.map(fn, items, pure=False))
            return bag.from_sequence(items, partition_size=chunksize).map(fn).compute()

    return Cluster


LOADERS: dict[str, Callable[[], Any]] = {
    "loky": _loky,
    "pebble": _pebble,
    "joblib": _joblib,
    "mpire": _mpire,
    "multiprocess": _multiprocess,
    "ray": _ray,
    "dask": _dask,
}
"""Each returns a factory of executors by number of processes, or raises ImportError if its package is missing."""
