"""`ThreadPool`: the engine runs it while it is native, the standard library's code once it is materialized."""

from __future__ import annotations

import os
import sys
import warnings
import weakref
from multiprocessing import util
from types import FunctionType, MethodType

from interlock._interlock import MultiprocessingPool
from interlock._lifecycle import after_fork_in_child
from interlock._native_classes import make_native, ways_in
from interlock._originals import is_original, line_of_warning, originals, warning_as
from interlock.multiprocessing._calls import call_for_each
from interlock.multiprocessing._core import PoolCore

TYPE_CHECKING = False
if TYPE_CHECKING:
    import multiprocessing.pool as _std
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any
else:
    from multiprocessing import pool

    _std = originals(pool, "ThreadPool")

__all__ = ["ThreadPool"]

_StdThreadPool: Any = _std.ThreadPool

_PYTHON_FUNCTIONS = FunctionType, MethodType
_IN_PYTHON = 128 if sys.version_info >= (3, 12) else sys.maxsize
"""From this many items on, a loop in Python is faster for a chunk, if the function is a Python function (measured)."""

_mapstar, _starmapstar = _std.mapstar, _std.starmapstar  # type: ignore[attr-defined]

_worker = _std.worker if is_original(_std.worker) else None  # type: ignore[attr-defined]
"""The workers' loop. If it has been replaced, pools run the standard library's code."""

_pools: weakref.WeakValueDictionary[int, ThreadPool] = weakref.WeakValueDictionary()
"""Pools by their identity, because a pool of a derived class may not be hashable."""


class ThreadPool(MultiprocessingPool, _std.ThreadPool):
    """A pool of threads with the interface of a pool of processes.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.pool.ThreadPool.
    """

    __dict__, __setattr__, __delattr__, __reduce_ex__ = ways_in

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
    ) -> None:
        """Make a pool of `processes` threads (None: as many as processors).

        Each thread first calls `initializer(*initargs)`. Raises ValueError for a number below one, TypeError for an
        initializer that can't be called.
        """
        count = (_processors() or 1) if processes is None else processes
        is_plain = type(count) is int and 0 < count < 2**31 and (initializer is None or callable(initializer))
        is_plain = is_plain and _std.worker is _worker  # type: ignore[attr-defined]
        if not is_plain and self._interlock_core() is None:
            self._interlock_begin_materialized()
        if self._interlock_core() is not None or not self._interlock_is_native():
            self._interlock_materialize()
            _StdThreadPool.__init__(self, processes, initializer, initargs)
        else:
            core = PoolCore(self, count, initializer, initargs)
            self._interlock_begin(core, count)
            _pools[id(self)] = self
            if initializer is not None:
                core.start_workers(count)

    def __repr__(self) -> str:
        core = self._interlock_core()
        if core is None or self._interlock_is_materialized:
            return _StdThreadPool.__repr__(self)  # type: ignore[no-any-return]
        cls = type(self)
        return f"<{cls.__module__}.{cls.__qualname__} state={core.state} pool_size={core.processes}>"

    def __del__(
        self, _warn: Any = warnings.warn, RUN: str = _std.RUN, _del: Any = _std.ThreadPool.__del__
    ) -> None:
        # Bound above, because at the end of the interpreter the names of the module may be gone.
        if self._interlock_is_materialized:
            if hasattr(
                self, "_state"
            ):  # not in its `__dict__`: making that now would keep the pool alive for another collection
                _del(self)
            return
        core = self._interlock_core()
        if core is not None and core.state == RUN:
            _warn(f"unclosed running multiprocessing pool {self!r}", ResourceWarning, source=self)

    __del__ = warning_as(
        __del__, _std.ThreadPool.__del__, line_of_warning(_std.ThreadPool.__del__, _state=_std.RUN)
    )

    # The methods that the standard library's other methods call.

    def apply_async(
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] = {},
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> Any:
        """Let a worker call `func(*args, **kwds)`, and return an `AsyncResult`. Does not block.

        A thread of the pool calls `callback` with the result, or `error_callback` with the exception, one callback at a
        time.
        """
        result = self._interlock_apply(func, args, kwds, (callback or None, error_callback or None))
        if result is None:
            return _StdThreadPool.apply_async(self, func, args, kwds, callback, error_callback)
        return result

    def _map_async(
        self,
        func: Callable[..., Any],
        iterable: Any,
        mapper: Callable[..., Any],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> Any:
        if mapper not in (_mapstar, _starmapstar):
            self._interlock_materialize()
        if self._interlock_is_native():
            self._check_running()  # type: ignore[attr-defined]
            if not hasattr(iterable, "__len__"):
                iterable = list(iterable)
            length = len(iterable)
            size = -(-length // (self._processes * 4)) if chunksize is None else chunksize  # type: ignore[attr-defined]
            if length == 0:
                size = 0
            star = mapper is _starmapstar
            in_python = size >= _IN_PYTHON and not star and type(func) in _PYTHON_FUNCTIONS
            call = func, star, call_for_each if in_python else None
            callbacks = callback or None, error_callback or None
            result = self._interlock_map(call, iterable, (length, size), callbacks)
            if result is not None:
                return result
        return _StdThreadPool._map_async(self, func, iterable, mapper, chunksize, callback, error_callback)

    def imap(  # type: ignore[override]
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 1
    ) -> Any:
        """Let workers call `func` for each item, and return an iterator over the results in the order of the items.

        Does not block. Free workers take `chunksize` items at a time, whether or not the caller asks for results.
        """
        return self._interlock_imap_as("imap", func, iterable, chunksize, ":n")

    def imap_unordered(  # type: ignore[override]
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 1
    ) -> Any:
        """Do the same as imap(), but return the results as they arrive."""
        return self._interlock_imap_as("imap_unordered", func, iterable, chunksize, "!r")

    def _interlock_imap_as(
        self, name: str, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int, shown: str
    ) -> Any:
        if self._interlock_is_native():
            self._check_running()  # type: ignore[attr-defined]
            if chunksize < 1:
                raise ValueError(f"Chunksize must be 1+, not {{0{shown}}}".format(chunksize))
            results = self._interlock_imap(func, iterable, chunksize, name == "imap")
            if results is not None:
                return results if chunksize == 1 else (item for chunk in results for item in chunk)
        return getattr(_StdThreadPool, name)(self, func, iterable, chunksize)

    def close(self) -> None:
        """Accept no more calls; the workers end when all calls are done. Does not block."""
        with _WhileNative(self) as core:
            if core is None:
                return _StdThreadPool.close(self)  # type: ignore[no-any-return]
            util.debug("closing pool")
            if core.state == _std.RUN:
                core.close()

    def terminate(self) -> None:
        """Start no more calls; results of calls that were not made raise RuntimeError. Does not block."""
        with _WhileNative(self) as core:
            if core is not None:
                core.state = _std.TERMINATE
        if core is None:
            return _StdThreadPool.terminate(self)  # type: ignore[no-any-return]
        util.debug("terminating pool")
        core.terminate()  # not under the lock, because arguments of the calls may have destructors

    def join(self) -> None:
        """Block until the workers have ended. Raises ValueError unless close() or terminate() was called before."""
        core = self._interlock_core()
        if core is not None and not self._interlock_is_materialized:
            util.debug("joining pool")
            if core.state == _std.RUN:
                raise ValueError("Pool is still running")
            core.join()
        if self._interlock_is_materialized:
            _StdThreadPool.join(self)


class _WhileNative:
    """Keeps a native pool native during a `with` block. Gives the pool's core, or None if it is materialized."""

    def __init__(self, pool: ThreadPool) -> None:
        self._pool, self._core = pool, pool._interlock_core()

    def __enter__(self) -> Any:
        pool, core = self._pool, self._core
        if core is None or not pool._interlock_is_native():
            pool._interlock_materialize()
            self._core = None
            return None
        core.lock.acquire()
        if core.attributes is None:
            return core
        core.lock.release()
        pool._interlock_materialize()
        self._core = None
        return None

    def __exit__(self, *_: object) -> None:
        if self._core is not None:
            self._core.lock.release()


class _Counted:
    """`_taskqueue` or `_cache` of a native pool. It only tells its length; any other use materializes the pool."""

    def __init__(self, pool: ThreadPool, name: str, **counts: Callable[[], Any]) -> None:
        self._interlock_inside: Callable[[], Any] = lambda: _materialized(pool)[name]
        self._interlock_count: Callable[[str], Any] = lambda name: (
            None if pool._interlock_is_materialized else counts.get(name)
        )

    def __getattr__(self, name: str) -> Any:
        return self._interlock_count(name) or getattr(self._interlock_inside(), name)

    def __repr__(self) -> str:
        return repr(self._interlock_inside())


class _Cache(_Counted):
    def __len__(self) -> int:
        return self.__getattr__("__len__")()  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._interlock_inside())

    def __getitem__(self, job: Any) -> Any:
        return self._interlock_inside()[job]

    def __setitem__(self, job: Any, result: Any) -> None:
        self._interlock_inside()[job] = result

    def __delitem__(self, job: Any) -> None:
        del self._interlock_inside()[job]

    def __eq__(self, other: object) -> bool:
        return bool(self._interlock_inside() == other)

    __hash__ = None  # type: ignore[assignment]


def _materialized(pool: ThreadPool) -> Any:
    pool._interlock_materialize()
    return pool._interlock_core().attributes


def _read(name: str, read: Callable[[ThreadPool, PoolCore], Any]) -> Callable[[ThreadPool], Any]:
    """Return a reader of a native pool's attribute; a pool whose `__init__` was not called has no attributes."""

    def reads(pool: ThreadPool) -> Any:
        core = pool._interlock_core()
        if core is None:
            pool._interlock_materialize()
            return getattr(pool, name)
        return read(pool, core)

    return reads


def _workers(_: ThreadPool, core: PoolCore) -> list[Any]:
    if core.state == _std.RUN:
        core.start_workers(core.processes)
    return core.workers


def _task_queue(pool: ThreadPool, core: PoolCore) -> _Counted:
    waiting = core.handle.waiting
    return _Counted(pool, "_taskqueue", qsize=waiting, empty=lambda: not waiting())


def _cache(pool: ThreadPool, core: PoolCore) -> _Counted:
    return _Cache(pool, "_cache", __len__=core.handle.unfinished)


def _attributes(pool: ThreadPool, _: bool) -> dict[str, Any]:
    core = pool._interlock_core()
    return {} if core is None else core.materialize(pool)


def _processors() -> int | None:
    count: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)
    return count()


make_native(
    ThreadPool,
    _std.ThreadPool,
    _attributes,
    {
        "_pool": _read("_pool", _workers),
        "_state": _read("_state", lambda _, core: core.state),
        "_processes": _read("_processes", lambda _, core: core.processes),
        "_initializer": _read("_initializer", lambda _, core: core.initializer),
        "_initargs": _read("_initargs", lambda _, core: core.initargs),
        "_maxtasksperchild": _read("_maxtasksperchild", lambda *_: None),
        "_taskqueue": _read("_taskqueue", _task_queue),
        "_cache": _read("_cache", _cache),
        "_change_notifier": None,
        "_ctx": None,
        "_inqueue": None,
        "_outqueue": None,
        "_quick_get": None,
        "_quick_put": None,
        "_result_handler": None,
        "_task_handler": None,
        "_terminate": None,
        "_worker_handler": None,
    },
    (),
    hooks=("Process",),
)


def _after_fork() -> None:
    """In a forked child, forget the parent's workers and waiting calls; pools start new workers when needed."""
    # Most processes have no pools. Reading the dictionary inside costs a child the fewest pages then.
    for pool in list(_pools.values()) if _pools.data else ():  # type: ignore[attr-defined]
        if not pool._interlock_is_materialized:
            pool._interlock_core().forget_threads()


after_fork_in_child(_after_fork)
