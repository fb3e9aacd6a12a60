"""`ThreadPoolExecutor`: what is above the engine's `ThreadPool`, which holds the tasks."""

from __future__ import annotations

import concurrent.futures.thread as _std
import itertools
import os
import threading as _std_threading
import weakref
from concurrent.futures._base import LOGGER

from interlock._interlock import Results, Seat, ThreadPool
from interlock.threading import Lock, Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

__all__ = ["ThreadPoolExecutor"]

_AFTER_EXIT = "cannot schedule new futures after interpreter shutdown"
_INITIALIZER_FAILED = "A thread initializer failed, the thread pool is not usable anymore"


class _Exit:
    """The exit of the interpreter: workers do what waits, and end."""

    def __init__(self) -> None:
        self.began = False
        self.seats: weakref.WeakKeyDictionary[Thread, Seat] = weakref.WeakKeyDictionary()
        _std_threading._register_atexit(self.begin)  # type: ignore[attr-defined]

    def begin(self) -> None:
        self.began = True
        workers = list(self.seats.items())
        for _, seat in workers:
            seat.close()
        for thread, _ in workers:
            thread.join()


_exit = _Exit()
_executors: weakref.WeakSet[ThreadPoolExecutor] = weakref.WeakSet()


class ThreadPoolExecutor(ThreadPool, _std.ThreadPoolExecutor):
    """Calls made by a number of threads; see
    https://docs.python.org/3/library/concurrent.futures.html#threadpoolexecutor.
    """

    _counter = itertools.count().__next__

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_pending: int | None = None,
        block: bool = True,
    ) -> None:
        """Make an executor with at most `max_workers` threads (None: 4 more than processors, at most 32).

        Each thread calls `initializer(*initargs)` first. At most `max_pending` calls wait for a thread (None: any number):
        then submit() blocks, or raises queue.Full if `block` is false. Raises ValueError for a number below one, TypeError
        for an initializer that can't be called.
        """
        if max_workers is None:
            max_workers = min(32, (_processors() or 1) + 4)
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if max_pending is not None and max_pending <= 0:
            raise ValueError("max_pending must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._max_workers = max_workers
        self._blocks = block
        self._threads: set[Thread] = set()
        self._broken: str | bool = False
        self._shutdown = False
        self._shutdown_lock = Lock()
        self._thread_name_prefix = thread_name_prefix or f"ThreadPoolExecutor-{self._counter()}"
        self._initializer = initializer
        self._initargs = initargs
        _executors.add(self)

    def _adjust_thread_count(self) -> None:
        """Start another worker; called when more calls wait than workers are idle."""
        if _exit.began:
            raise RuntimeError(_AFTER_EXIT)
        with self._shutdown_lock:
            number = len(self._threads)
            if number >= self._max_workers:
                return
            seat = self._seat()
            thread = Thread(
                name=f"{self._thread_name_prefix or self}_{number}",
                target=_work,
                args=(seat, weakref.ref(self), self._initializer, self._initargs),
            )
            thread.start()
            self._threads.add(thread)
            _exit.seats[thread] = seat

    def _refuse(self) -> None:
        """Raise what submit() raises when there will be no more calls."""
        if self._broken:
            raise _std.BrokenThreadPool(self._broken)
        if _exit.began and not self._shutdown:
            raise RuntimeError(_AFTER_EXIT)

    def _initializer_failed(self) -> None:
        with self._shutdown_lock:
            self._broken = _INITIALIZER_FAILED
            for future in self._close(True):
                future.set_exception(_std.BrokenThreadPool(self._broken))

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        return_exceptions: bool = False,
    ) -> Iterator[Any]:
        """Call `fn` for the items of the iterables, as the built-in map() does; an iterator over the results, in their order.

        All calls are submitted at once. The iterator's __next__() blocks until the next result is there, and raises
        what the call raised (or gives it, if `return_exceptions`), or TimeoutError `timeout` seconds after map().
        """
        if type(self).submit is ThreadPool.submit:
            return self._map_each(fn, zip(*iterables), timeout, return_exceptions)  # noqa: B905 - as map() does
        futures = [self.submit(fn, *args) for args in zip(*iterables)]  # noqa: B905 - as map() does
        return Results(futures, timeout, return_exceptions)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and let the threads end when those that wait are done, or cancelled if `cancel_futures`.

        Blocks until the threads have ended, if `wait`.
        """
        with self._shutdown_lock:
            self._shutdown = True
            pending = self._close(cancel_futures)
        for future in pending:
            if future.cancel():
                future.set_running_or_notify_cancel()
        if wait:
            for thread in self._threads:
                thread.join()


def _work(
    seat: Seat,
    executor_reference: weakref.ref[ThreadPoolExecutor],
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    """The life of a worker."""
    if initializer is not None:
        try:
            initializer(*initargs)
        except BaseException:
            LOGGER.critical("Exception in initializer:", exc_info=True)
            executor = executor_reference()
            if executor is not None:
                executor._initializer_failed()
            return
    while True:
        try:
            seat.work()
            return
        except BaseException:
            LOGGER.critical("Exception in worker", exc_info=True)


def _processors() -> int | None:
    count: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)
    return count()


def _after_fork() -> None:
    """In the child of a fork there are no workers; those that are needed are started."""
    for executor in _executors:
        executor._threads = set()
        executor._shutdown_lock._at_fork_reinit()
        executor._forget_workers()


os.register_at_fork(after_in_child=_after_fork)
