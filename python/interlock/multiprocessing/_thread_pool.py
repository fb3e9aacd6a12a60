"""`ThreadPool`: what is above the engine's `MappingPool`, which holds the jobs and the results.

The standard library's pool has three threads of its own beside its workers: one feeds them, one collects their
results, one replaces those that ended. Here workers take their jobs, and items of iterables, themselves, and hand the
results over; a further thread is started when the first callback is to be called. Workers are started when there is
something to do for them, or at once if there is an initializer.
"""

from __future__ import annotations

import multiprocessing.pool as _std
import os
import sys
import threading as _std_threading
import weakref
from multiprocessing import util
from types import FunctionType, MethodType, SimpleNamespace

from interlock._interlock import MappingPool, MappingSeat
from interlock.multiprocessing._calls import call_for_each
from interlock.threading import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from multiprocessing.dummy import DummyProcess
    from typing import Any

__all__ = ["ThreadPool", "report"]

_INITIALIZER_FAILED = "the initializer of every worker of the pool failed"

_PYTHON_FUNCTIONS = FunctionType, MethodType
_IN_PYTHON = 128 if sys.version_info >= (3, 12) else sys.maxsize
"""From so many items on, a chunk is better left to a loop in Python, if the function is in Python: measured."""

_pools: weakref.WeakSet[ThreadPool] = weakref.WeakSet()


class ThreadPool(MappingPool, _std.ThreadPool):
    """A pool of threads with the interface of a pool of processes.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.pool.ThreadPool.
    """

    _ctx: Any = None
    _maxtasksperchild = None
    _result_handler: DummyProcess | None = None

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
    ) -> None:
        """Make a pool of `processes` threads (None: as many as processors).

        Each of them calls `initializer(*initargs)` first. Raises ValueError for a number below one, TypeError for an
        initializer that can't be called.
        """
        self._state = _std.INIT
        self._workers: list[DummyProcess] = []
        self._initializer = initializer
        self._initargs = initargs
        self._initializers_failed = 0
        if processes is None:
            processes = _processors() or 1
        if processes < 1:
            raise ValueError("Number of processes must be at least 1")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._processes = processes
        self._starting = RLock()
        self._terminate = util.Finalize(self, self._end().terminate, exitpriority=15)
        _pools.add(self)
        self._state = _std.RUN
        if initializer is not None:
            self._repopulate_pool()

    # What the engine calls.

    def _start_workers(self, count: int) -> None:
        """Start `count` workers, as far as there may be so many."""
        with self._starting:
            for _ in range(min(count, self._processes - len(self._workers))):
                seat = self._seat(False)
                args = seat, weakref.ref(self), self._initializer, self._initargs
                try:
                    thread = self._start_thread(worker, args)
                except BaseException:
                    seat.leave()
                    if self._workers:  # which do it all, if more slowly
                        return
                    raise
                self._workers.append(thread)

    def _start_result_handler(self) -> None:
        """Start the thread that calls callbacks."""
        with self._starting:
            if self._result_handler is None:
                seat = self._seat(True)
                try:
                    self._result_handler = self._start_thread(_handle_results, (seat,))
                except BaseException:
                    seat.leave()
                    raise

    def _start_thread(self, target: Callable[..., object], args: tuple[Any, ...]) -> DummyProcess:
        thread: Any = self.Process(self._ctx, target=target, args=args)
        thread.daemon = True
        thread.start()
        return thread  # type: ignore[no-any-return]

    def _initializer_failed(self, error: BaseException) -> None:
        with self._starting:
            self._initializers_failed += 1
            if self._initializers_failed < self._processes:
                return
        failure = RuntimeError(_INITIALIZER_FAILED)
        failure.__cause__ = error
        self._fail(failure)

    # What others look at.

    def _repopulate_pool(self) -> None:
        """Start the workers that are missing."""
        self._start_workers(self._processes)

    @property
    def _pool(self) -> list[DummyProcess]:
        if self._state == _std.RUN:
            self._repopulate_pool()
        return self._workers

    @property
    def _taskqueue(self) -> SimpleNamespace:
        """How many tasks wait for a worker: what programs ask of the standard library's queue of that name."""
        return SimpleNamespace(qsize=self._waiting, empty=lambda: not self._waiting())

    @property
    def _cache(self) -> range:
        """As long as there are jobs that are not finished; there are no results in it."""
        return range(self._unfinished())

    def __repr__(self) -> str:
        cls = type(self)
        size = self._processes if self._state != _std.INIT else 0
        return f"<{cls.__module__}.{cls.__qualname__} state={self._state} pool_size={size}>"

    # The public methods that the standard library's others are made of.

    def apply_async(
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] = {},
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> Any:
        """Have a worker call `func(*args, **kwds)`: its `AsyncResult`. Does not block.

        `callback` is called with the result, or `error_callback` with what was raised, one callback of the pool at a
        time.
        """
        self._check_running()  # type: ignore[attr-defined]
        return self._apply(func, args, kwds, (callback or None, error_callback or None))

    def _map_async(
        self,
        func: Callable[..., Any],
        iterable: Any,
        mapper: Callable[..., Any],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> Any:
        self._check_running()  # type: ignore[attr-defined]
        if not hasattr(iterable, "__len__"):
            iterable = list(iterable)
        length = len(iterable)
        if chunksize is None:
            chunksize = -(-length // (self._processes * 4))
        if length == 0:
            chunksize = 0
        star = mapper is _std.starmapstar  # type: ignore[attr-defined]
        in_python = chunksize >= _IN_PYTHON and not star and type(func) in _PYTHON_FUNCTIONS
        call = func, star, call_for_each if in_python else None
        callbacks = callback or None, error_callback or None
        return self._map(call, iterable, (length, chunksize), callbacks)

    def imap(  # type: ignore[override]
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 1
    ) -> Any:
        """Have workers call `func` for each item: an iterator over the results in the order of the items.

        Does not block. Workers take `chunksize` items at a time, as they are free, whether or not anybody asks for
        results.
        """
        self._check_running()  # type: ignore[attr-defined]
        if chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {chunksize:n}")
        results = self._imap(func, iterable, chunksize, True)
        return results if chunksize == 1 else (item for chunk in results for item in chunk)

    def imap_unordered(  # type: ignore[override]
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 1
    ) -> Any:
        """The same as imap(), with the results as they come."""
        self._check_running()  # type: ignore[attr-defined]
        if chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {chunksize!r}")
        results = self._imap(func, iterable, chunksize, False)
        return results if chunksize == 1 else (item for chunk in results for item in chunk)

    def close(self) -> None:
        """Take no more calls; the workers end when those that there are have been made. Does not block."""
        util.debug("closing pool")
        if self._state == _std.RUN:
            self._state = _std.CLOSE
            self._close()

    def terminate(self) -> None:
        """Make no more calls: the results of those that were not made raise RuntimeError. Does not block."""
        util.debug("terminating pool")
        self._state = _std.TERMINATE
        self._terminate()

    def join(self) -> None:
        """Wait until the workers have ended. Raises ValueError unless close() or terminate() was called before."""
        util.debug("joining pool")
        if self._state == _std.RUN:
            raise ValueError("Pool is still running")
        if self._state not in (_std.CLOSE, _std.TERMINATE):
            raise ValueError("In unknown state")
        for thread in self._workers:
            thread.join()
        self._close_deliveries()
        if self._result_handler is not None:
            self._result_handler.join()

    def _forget_threads(self) -> None:
        """In the child of a fork, which has none of them."""
        self._workers = []
        self._result_handler = None
        self._initializers_failed = 0
        self._starting._at_fork_reinit()
        self._after_fork()


def worker(
    seat: MappingSeat,
    pool_reference: weakref.ref[ThreadPool],
    initializer: Callable[..., object] | None,
    initargs: Iterable[Any],
) -> None:
    """The life of a worker."""
    if initializer is not None:
        try:
            initializer(*initargs)
        except BaseException as error:
            seat.leave()
            pool = pool_reference()
            if pool is not None:
                pool._initializer_failed(error)
                del pool
            raise
    _work(seat)


def _handle_results(seat: MappingSeat) -> None:
    """The life of the thread that calls callbacks."""
    _work(seat)


def _work(seat: MappingSeat) -> None:
    while True:
        try:
            seat.work()
            return
        except BaseException as error:
            report(error)


def report(error: BaseException) -> None:
    """Report what a callback raised, as what a thread raises is."""
    hook = _std_threading.excepthook
    hook(
        _std_threading.ExceptHookArgs(
            (type(error), error, error.__traceback__, _std_threading.current_thread())
        )
    )


def _processors() -> int | None:
    count: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)
    return count()


def _after_fork() -> None:
    """In the child of a fork there are no workers: those that are needed are started. What waited is the parent's."""
    for pool in _pools:
        pool._forget_threads()


os.register_at_fork(after_in_child=_after_fork)
