"""`ThreadPoolExecutor`: what is above the engine's `ThreadPool`, which holds the tasks."""

from __future__ import annotations

import concurrent.futures.thread as _std
import itertools
import os
import threading as _std_threading
import weakref
from collections.abc import Sized
from concurrent.futures._base import LOGGER, BrokenExecutor, InvalidStateError
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import NamedTuple

from interlock._interlock import Results, Seat, ThreadPool, own_methods
from interlock.concurrent.futures._base import Future
from interlock.concurrent.futures._exit import Exit
from interlock.concurrent.futures._lazily import checked_buffersize, lazily
from interlock.concurrent.futures._notes import site
from interlock.concurrent.futures._own_queue import WorkQueue
from interlock.concurrent.futures._progress import bar, shown
from interlock.concurrent.futures._submitter import (
    Submitter,
    checked_futures,
    checked_priority,
    checked_timeout,
)
from interlock.threading import Condition, Lock, Semaphore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from threading import Thread
    from typing import Any, NoReturn

    from interlock.concurrent.futures._progress import _Progress

__all__ = ["ThreadPoolExecutor"]

_AFTER_SHUTDOWN = "cannot schedule new futures after shutdown"
_AFTER_EXIT = "cannot schedule new futures after interpreter shutdown"
_REFRESH = 0.05
"""Seconds between two looks of `progress()`."""
_INITIALIZER_FAILED = "A thread initializer failed, the thread pool is not usable anymore"


_exit = Exit()


class ThreadPoolExecutor(ThreadPool, _std.ThreadPoolExecutor):
    """Calls made by a number of threads.

    See https://docs.python.org/3/library/concurrent.futures.html#threadpoolexecutor.
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
        notes: bool = False,
    ) -> None:
        """Make an executor with at most `max_workers` threads (None: 4 more than processors, at most 32).

        Each thread calls `initializer(*initargs)` first. At most `max_pending` calls wait for a thread (None: any
        number): then submit() blocks, or raises queue.Full if `block` is false. With `notes`, an exception that a
        call raises has a note that says which call, submitted where, run by which thread. Raises ValueError for a
        number below one, TypeError for an initializer that can't be called.
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
        self._set_bound(max_pending or 0, bool(block))
        self._threads: set[Thread] = set()
        self._seats: dict[Thread, Seat] = {}
        self._broken: str | bool = False
        self._shutdown = False
        self._shutdown_lock = Lock()
        self._thread_name_prefix = thread_name_prefix or f"ThreadPoolExecutor-{self._counter()}"
        self._initializer = initializer
        self._initargs = initargs
        self._held: set[Future] = set()
        self._nothing_held = Condition(self._shutdown_lock)
        self._own_queue: Any = None
        self._earlier_threads: set[Thread] = set()
        self._notes = notes
        if notes or _exit.began:
            self._submit_no_more()
        if type(self)._adjust_thread_count is not ThreadPoolExecutor._adjust_thread_count:
            self._work_queue = SimpleQueue()  # its threads take from that, as in the standard library
        _exit.add_executor(self)

    @property
    def _work_queue(self) -> Any:
        """The calls that wait.

        A queue that is assigned to it takes its place, and the standard algorithm that of the engine.
        """
        return WorkQueue(self) if self._own_queue is None else self._own_queue

    @_work_queue.setter
    def _work_queue(self, queue: Any) -> None:
        with self._shutdown_lock:
            if self._own_queue is None:
                self._close(False)  # its threads end when they have done what waits
                self._earlier_threads, self._threads = self._threads, set()
                self._idle_semaphore = Semaphore(0)
            self._own_queue = queue
            self._submit_no_more()

    def _submit_otherwise(self, priority: int, fn: Any, args: tuple[Any, ...], kwargs: Any) -> Future:
        """What submit() does when there is more to it: an own queue, notes, or the end of the executor."""
        if self._own_queue is not None:
            return _std.ThreadPoolExecutor.submit(self, fn, *args, **(kwargs or {}))  # type: ignore[return-value]
        if self._shutdown or self._broken or _exit.began:
            self._refuse()
        future = Future()
        self._submit_held(future, priority, (fn, args, kwargs, site() if self._notes else None), False)
        return future

    def _submit_ready(
        self, future: Future, priority: int, call: tuple[Any, Any, Any], site: str | None
    ) -> None:
        """Submit a call that has been held; there is always room for it."""
        if self._own_queue is None:
            self._submit_held(future, priority, (*call, site), True)
        elif self._shutdown:
            raise RuntimeError(_AFTER_SHUTDOWN)
        else:
            self._put_into_own_queue(_std._WorkItem(future, *call))

    def _put_into_own_queue(self, item: Any) -> None:
        self._own_queue.put(item)
        try:
            self._adjust_thread_count()
        except Exception:
            if not self._threads:  # which would make the call
                item.future = Future()
                item.future.cancel()  # whoever takes it from the queue leaves it out
                raise

    def _adjust_thread_count(self) -> None:
        """Start another worker; called when more calls wait than workers are idle."""
        if self._own_queue is not None:
            return super()._adjust_thread_count()
        if _exit.ended:
            raise RuntimeError(_AFTER_EXIT)
        with self._shutdown_lock:
            number = len(self._threads)
            if number >= self._max_workers:
                return
            seat = self._seat()
            thread = _std_threading.Thread(
                name=f"{self._thread_name_prefix or self}_{number}",
                target=_work,
                args=(seat, weakref.ref(self), self._initializer, self._initargs),
            )
            _exit.add_worker(thread, seat)
            try:
                thread.start()
            except BaseException:
                _exit.remove_worker(thread)
                raise
            self._threads.add(thread)
            self._seats[thread] = seat
            self._count_workers(number + 1)

    def _refuse(self) -> NoReturn:
        """Raise what submit() raises when there will be no more calls."""
        if self._broken:
            raise _std.BrokenThreadPool(self._broken)
        raise RuntimeError(_AFTER_EXIT if _exit.began and not self._shutdown else _AFTER_SHUTDOWN)

    @staticmethod
    def _refuses_for_exit(error: Exception) -> bool:
        """Whether this error is one that comes of the interpreter's exit: no more calls, and no more threads."""
        return _exit.began and isinstance(error, RuntimeError) and not isinstance(error, BrokenExecutor)

    def _initializer_failed(self) -> None:
        if self._own_queue is not None:
            return super()._initializer_failed()
        with self._shutdown_lock:
            self._broken = _INITIALIZER_FAILED
            pending = self._close(True)
        _break(pending, _INITIALIZER_FAILED)

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        return_exceptions: bool = False,
        progress: _Progress = False,
    ) -> Iterator[Any]:
        """An iterator over the results of `fn` for the items of the iterables, in their order, as the built-in `map`.

        All calls are submitted at once, or at most `buffersize` before the first of their results was asked for:
        then the iterables may have no end. The iterator's __next__() blocks until the next result is there, and raises
        what the call raised (or gives it, if `return_exceptions`), or TimeoutError `timeout` seconds after map().
        `progress`: True to show a bar, a string as its title, or a function that is called with the numbers of results
        given and of all (None: not known). `chunksize` is for executors with processes.
        """
        if self._own_queue is not None:
            return super().map(fn, *iterables, timeout=timeout, chunksize=chunksize)
        calls = zip(*iterables)  # noqa: B905 - as map() does
        if buffersize is not None:
            results = lazily(
                partial(self.submit, fn), calls, checked_buffersize(buffersize), timeout, return_exceptions
            )
        elif type(self).submit is _submit and "submit" not in vars(self):
            results = self._map_each(fn, calls, timeout, return_exceptions)
        else:
            results = Results([self.submit(fn, *args) for args in calls], timeout, return_exceptions)
        return shown(results, progress, _length(iterables)) if progress else results

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and let the threads end when those that wait are done, or cancelled if `cancel_futures`.

        Blocks until the threads have ended, if `wait`.
        """
        self._begin_end(cancel_futures)
        if wait:
            with self._nothing_held:
                self._nothing_held.wait_for(lambda: not self._held)
        if self._own_queue is not None:
            super().shutdown(wait, cancel_futures=cancel_futures)
        elif self._pending() and not self._threads and not _exit.ended:
            self._adjust_thread_count()  # who submitted is about to do that
        if wait:
            self._join_threads()
            self._join_threads()  # one that a late submit() started meanwhile

    def _join_threads(self) -> None:
        with self._shutdown_lock:
            threads = list(self._threads if self._own_queue is None else self._earlier_threads)
        for thread in threads:
            thread.join()

    def _begin_end(self, cancel: bool) -> None:
        pending: list[Any] = []
        with self._shutdown_lock:
            self._shutdown = True
            self._submit_no_more()
            held = list(self._held)
            if cancel:
                pending = self._close(True)
            elif not held:
                self._close(False)
        if cancel:
            for future in held:
                future.cancel()
            for future in pending:
                future._cancel_at_once()

    # Calls that wait for futures.

    def _hold(self, future: Future) -> None:
        """Stay open for a call that comes later."""
        with self._shutdown_lock:
            if self._shutdown or self._broken or _exit.began:
                self._refuse()
            self._held.add(future)

    def _let_go(self, future: Future) -> None:
        with self._shutdown_lock:
            self._held.discard(future)
            if not self._held:
                self._nothing_held.notify_all()
                if self._shutdown:
                    self._close(False)

    # Beyond the standard library.

    def at(self, *, priority: int = 0, timeout: float | None = None) -> Submitter:
        """This executor, to submit calls under conditions.

        `priority`: calls with a smaller number are made first; the default is 0. `timeout` (seconds): a call that has
        not begun by then is cancelled, and one that runs is told so: see `interlock.current_task()`.
        """
        timeout = None if timeout is None else checked_timeout(timeout)
        return Submitter(self, checked_priority(priority), timeout, ())

    def after(self, *futures: Any) -> Submitter:
        """This executor, to submit calls that begin when all these futures are done.

        No thread waits for them. If one fails or is cancelled, so does the call.
        """
        return Submitter(self, 0, None, checked_futures(futures))

    def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """As submit(), and futures among the arguments are replaced by their results, for which no thread waits.

        If one of them fails or is cancelled, so does the call.
        """
        return Submitter(self, 0, None, ()).call(fn, *args, **kwargs)

    def progress(self, progress: _Progress = True) -> None:
        """Show how many of the calls submitted so far are done, until all are.

        `progress`: True to show a bar, a string as its title, or a function that is called with the numbers of calls
        done and of all. Blocks until all these calls are done.
        """
        total = self._counts()[0]
        show = bar(progress, total)
        try:
            done = self._counts()[2]
            show(min(done, total))
            while done < total:
                done = self._wait_for_done(total, _REFRESH)
                show(min(done, total))
        finally:
            show(-1)

    def stats(self) -> Stats:
        """How many calls were submitted, run, wait, are done, and failed; the busy time of each worker in seconds."""
        submitted, running, done, failed = self._counts()
        busy = {thread.name: seat.busy() for thread, seat in self._seats.copy().items()}
        return Stats(submitted, running, self._pending(), done, failed, busy)


own_methods(ThreadPoolExecutor, "submit")
_submit = ThreadPoolExecutor.submit
"""The method as it is, whoever puts another in its place."""


class Stats(NamedTuple):
    """Counts of an executor's calls at one moment; see `ThreadPoolExecutor.stats()`."""

    submitted: int
    running: int
    waiting: int
    done: int
    failed: int
    busy: dict[str, float]


def _length(iterables: tuple[Iterable[Any], ...]) -> int | None:
    """How many calls map() makes, if that is known before."""
    lengths = [len(iterable) for iterable in iterables if isinstance(iterable, Sized)]
    return min(lengths) if len(lengths) == len(iterables) else None


def _work(
    seat: Seat,
    executor_reference: weakref.ref[ThreadPoolExecutor],
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    """The life of a worker."""
    try:
        if initializer is not None:
            try:
                seat.initialize(initializer, *initargs)
            except BaseException:
                LOGGER.critical("Exception in initializer:", exc_info=True)
                executor = executor_reference()
                if executor is not None:
                    executor._initializer_failed()
                else:
                    _break(seat.drain(), _INITIALIZER_FAILED)
                return
        while True:
            try:
                return seat.work()
            except BaseException:
                LOGGER.critical("Exception in worker", exc_info=True)
    finally:
        _exit.remove_worker(_std_threading.current_thread())


def _break(futures: Iterable[Future], why: str) -> None:
    """End futures of calls that nobody will make."""
    for future in futures:
        with suppress(InvalidStateError):  # it was cancelled
            future.set_exception(_std.BrokenThreadPool(why))


def _processors() -> int | None:
    count: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)
    return count()


def _after_fork() -> None:
    """In the child of a fork there are no workers; those that are needed are started.

    Nobody there waits for the parent's calls that are held, or cancels them.
    """
    _exit.forget_workers()
    for executor in _exit.executors():
        executor._threads, executor._earlier_threads = set(), set()
        executor._seats, executor._held = {}, set()
        executor._shutdown_lock._at_fork_reinit()
        executor._forget_workers()


os.register_at_fork(after_in_child=_after_fork)
