"""`ThreadPoolExecutor`, derived from the engine's `ThreadPool`, which holds the calls, and from the standard class.

Modules that most programs do not need are imported by the methods that need them.
"""

from __future__ import annotations

from _thread import LockType as _StdLock
from _thread import allocate_lock as _std_allocate_lock
from collections.abc import Sized
from operator import attrgetter, is_, methodcaller

from interlock._interlock import Results, ThreadPool, allocate_lock, remember_work_items
from interlock._native_classes import fresh, make_native, over_our_locks, ways_in
from interlock._originals import is_original, originals
from interlock.concurrent.futures._held import held_by, hold, holders, let_go, may_start, submit_ready
from interlock.concurrent.futures._workers import busy, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    import concurrent.futures.thread as _std
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from interlock._progress import _Progress
    from interlock.concurrent.futures._base import Future
    from interlock.concurrent.futures._stats import Stats
    from interlock.concurrent.futures._submitter import Submitter
else:
    from concurrent.futures import thread

    _std = originals(thread, "ThreadPoolExecutor")

__all__ = ["ThreadPoolExecutor"]

_REFRESH = 0.05
"""Seconds between two checks by `progress()`."""
_StdExecutor = _std.ThreadPoolExecutor
_std_init = over_our_locks(_StdExecutor.__init__, _StdExecutor)
_HAS_CONTEXT = hasattr(_StdExecutor, "prepare_context")
_CPU_COUNT = "process_cpu_count" if hasattr(_std.os, "process_cpu_count") else "cpu_count"
_insides_of = attrgetter(
    "_WorkItem",
    "_WorkItem.__init__",
    "_WorkItem.run",
    "_worker",
    *(f"WorkerContext.{name}" for name in ("__init__", "initialize", "finalize", "run") if _HAS_CONTEXT),
)
"""The parts of a standard executor. If a program replaces one, executors run the standard library's code."""
_insides = _insides_of(_std)
_were_changed = not all(map(is_original, _insides))
"""Whether a part had been replaced before this module was imported."""


def _insides_are_changed() -> bool:
    return _were_changed or not all(map(is_, _insides_of(_std), _insides))


class ThreadPoolExecutor(ThreadPool, _std.ThreadPoolExecutor):
    """An executor that runs calls in a number of threads.

    See https://docs.python.org/3/library/concurrent.futures.html#threadpoolexecutor.
    """

    __dict__, __setattr__, __delattr__, __reduce_ex__ = ways_in

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
        **ctxkwargs: Any,
    ) -> None:
        """Make an executor with at most `max_workers` threads (None: 4 more than processors, at most 32).

        Each thread first calls `initializer(*initargs)`. At most `max_pending` calls wait for a thread (None: any
        number); when so many do, submit() blocks, or raises queue.Full if `block` is false. With `notes`, an exception
        raised by a call gets a note that names the call, where it was submitted and the thread that ran it. Raises
        ValueError for a number below one, TypeError for an initializer that can't be called.
        """
        if max_pending is not None and max_pending <= 0:
            raise ValueError("max_pending must be greater than 0")
        if not (self._interlock_is_materialized or ctxkwargs or _insides_are_changed()):
            made = _made(max_workers, thread_name_prefix, initializer, initargs)
            if self._interlock_begin(made, max_pending or 0, bool(block), notes):
                return
        if max_pending is not None or notes:
            raise TypeError(
                "an executor that runs the standard library's code does not support max_pending and notes"
            )
        self._interlock_materialize()
        _std_init(self, max_workers, thread_name_prefix, initializer, initargs, **ctxkwargs)

    def _interlock_start_worker(self) -> bool:
        """Start another worker, when more calls wait than workers are idle. Returns whether there is any worker."""
        with self._shutdown_lock, _std._global_shutdown_lock:
            if self._interlock_is_materialized:
                self._adjust_thread_count()
                return True
            if not may_start():
                return bool(self._threads)
            start(self)
            return True

    def _interlock_hold(self, future: Future) -> None:
        """Keep the executor from ending before a call that will be submitted later."""
        hold(self, future)

    def _interlock_let_go(self, future: Future) -> None:
        """Forget a held call."""
        let_go(self, future)

    def _interlock_submit_ready(self, future: Future, priority: int, call: Any, site: str | None) -> None:
        """Submit a held call, which will complete `future`."""
        submit_ready(self, future, priority, call, site)

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
        """Return an iterator over the results of `fn` for the items of the iterables, in order, like built-in `map`.

        It submits all calls at once. With `buffersize`, it submits at most that many calls ahead of the results that
        the caller has taken, so the iterables may be endless. The iterator's __next__() blocks until the next result
        arrives. It raises what the call raised (or returns it, if `return_exceptions`), or TimeoutError `timeout`
        seconds after map(). `progress`: True to show a bar, a string as its title, or a function to call with the
        numbers of results returned and of all (None: not known). `chunksize` has an effect only in executors with
        processes.
        """
        from interlock.concurrent.futures._lazily import checked_buffersize, give, lazily

        calls = zip(*iterables)  # noqa: B905 - as map() does
        ours = None
        if buffersize is not None:
            checked_buffersize(buffersize)
            results = lazily(self, fn, calls, buffersize, timeout, return_exceptions)
        else:
            if not self._interlock_is_materialized and type(self).submit is _submit:
                ours = self._interlock_map(fn, calls, timeout, return_exceptions)
            if ours is None and return_exceptions:
                ours = Results([self.submit(fn, *args) for args in calls], timeout, True)
            if ours is not None:
                results = give(ours)
            else:
                results = _StdExecutor.map(self, fn, *iterables, timeout=timeout, chunksize=chunksize)
        if not progress:
            return results
        from interlock._progress import shown

        return shown(results, progress, _length(iterables))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, and end the threads when all calls are done.

        If `cancel_futures`, cancels the waiting calls. If `wait`, blocks until the threads have ended.
        """
        held = held_by(self) if holders else None
        with self._shutdown_lock:
            holding = held.futures.copy() if held is not None else ()
            taken = self._interlock_shut_down(bool(holding), cancel_futures)
        if taken is None:
            return _StdExecutor.shutdown(self, wait, cancel_futures=cancel_futures)
        if cancel_futures:
            try:
                for future in (*holding, *taken):
                    future._interlock_cancel_at_once()
            finally:
                self._interlock_calls()._interlock_taken_out(len(taken))
        if not wait:
            return
        if held is not None:
            held.wait_for_none()
        threads: Any = self._threads
        if not threads and self._work_queue.qsize():
            self._interlock_start_worker()  # the submitting thread is about to do the same
        known = threads.copy()
        for thread in known:
            thread.join()
        if self._interlock_workers() > len(known):  # a late submit() has started a thread meanwhile
            with self._shutdown_lock:
                late = threads - known
            for thread in late:
                thread.join()

    # Additions to the standard library.

    def at(self, *, priority: int = 0, timeout: float | None = None) -> Submitter:
        """Return a `Submitter` that submits calls to this executor with a priority or a time limit.

        `priority`: workers take calls with a smaller number first; the default is 0. `timeout` (seconds): a call that
        has not begun by then is cancelled, and a running call is asked to stop: see `interlock.current_task()`.
        """
        from interlock.concurrent.futures._submitter import Submitter, checked_priority, checked_timeout

        timeout = None if timeout is None else checked_timeout(timeout)
        return Submitter(self, checked_priority(priority), timeout, ())

    def after(self, *futures: Any) -> Submitter:
        """Return a `Submitter` whose calls begin when all these futures are done.

        No thread waits for them. If one fails or is cancelled, the call fails or is cancelled, too.
        """
        from interlock.concurrent.futures._submitter import Submitter, checked_futures

        return Submitter(self, 0, None, checked_futures(futures))

    def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Submit like submit(), and replace futures among the arguments by their results, without blocking a thread.

        If one of them fails or is cancelled, the call fails or is cancelled, too.
        """
        from interlock.concurrent.futures._submitter import Submitter

        return Submitter(self, 0, None, ()).call(fn, *args, **kwargs)

    def progress(self, progress: _Progress = True) -> None:
        """Show how many of the calls submitted so far are done, until all of them are done.

        `progress`: True to show a bar, a string as its title, or a function to call with the number of calls done and
        the number of all calls. Blocks until all these calls are done.
        """
        from interlock._progress import bar

        total = _counts(self)[0]
        show = bar(progress, total)
        try:
            done = _counts(self)[2]
            show(min(done, total))
            while done < total:
                done = self._interlock_calls()._interlock_wait(total, _REFRESH)
                show(min(done, total))
        finally:
            show(-1)

    def stats(self) -> Stats:
        """Count the calls submitted, running, waiting, done and failed, and the busy seconds of each worker."""
        from interlock.concurrent.futures._stats import Stats

        submitted, running, done, failed = _counts(self)
        return Stats(submitted, running, self._work_queue.qsize(), done, failed, busy(self))


def _counts(executor: ThreadPoolExecutor) -> tuple[int, int, int, int]:
    if executor._interlock_is_materialized:
        raise RuntimeError(f"{executor} runs the standard library's code, which does not count calls")
    return executor._interlock_counts()


def _made(max_workers: Any, prefix: Any, initializer: Any, initargs: Any) -> dict[str, Any]:
    """Return the attributes that the standard `__init__` makes, except those that a native executor replaces."""
    init = _StdExecutor.__init__
    if init is _known_init and init.__code__ is _known_code:
        if max_workers is None:
            max_workers = min(32, (getattr(_std.os, _CPU_COUNT)() or 1) + 4)
        if type(max_workers) is int and max_workers > 0 and (initializer is None or callable(initializer)):
            return _plainly_made(max_workers, prefix, initializer, initargs)
    made = fresh(_StdExecutor, max_workers, prefix, initializer, initargs)
    del made["_work_queue"], made["_idle_semaphore"]
    return made


def _plainly_made(max_workers: int, prefix: Any, initializer: Any, initargs: Any) -> dict[str, Any]:
    """Return the same for valid arguments, without making a standard object and attributes to throw away."""
    kind: Any = _std.threading.Lock
    lock = allocate_lock() if kind is _StdLock or kind is _std_allocate_lock else kind()
    made: dict[str, Any] = {
        "_max_workers": max_workers,
        "_threads": set(),
        "_broken": False,
        "_shutdown": False,
        "_shutdown_lock": allocate_lock() if type(lock) is _StdLock else lock,
        "_thread_name_prefix": prefix or f"ThreadPoolExecutor-{_StdExecutor._counter()}",
    }
    if _HAS_CONTEXT:
        context, resolve = _StdExecutor.prepare_context(initializer, initargs)
        return {"_create_worker_context": context, "_resolve_work_item_task": resolve, **made}
    made["_initializer"] = initializer
    made["_initargs"] = initargs
    return made


def _attributes(executor: ThreadPoolExecutor, somebody_waits: bool) -> dict[str, Any]:
    """The attributes that a native executor lacks, looked up in the module as the standard `__init__` does."""
    return {"_work_queue": _std.queue.SimpleQueue(), "_idle_semaphore": _std.threading.Semaphore(0)}


_known_init: Any = None
"""The standard `__init__`, if it makes the attributes that we know, and has not been changed."""
_expected = fresh(_StdExecutor, 1, "any")
if is_original(_StdExecutor.__init__):
    _known_init, _known_code = _StdExecutor.__init__, _StdExecutor.__init__.__code__
    _lacking = {"_work_queue", "_idle_semaphore"}
    if [*_plainly_made(1, "any", None, ())] != [name for name in _expected if name not in _lacking]:
        _known_init = None

remember_work_items(_std._WorkItem, "task" in _std._WorkItem.__init__.__code__.co_varnames)
make_native(
    ThreadPoolExecutor,
    _std.ThreadPoolExecutor,
    _attributes,
    {
        "_work_queue": methodcaller("_interlock_calls"),
        **dict.fromkeys(_expected.keys() - {"_work_queue"}),
    },
    ("submit",),
    ("BROKEN", "prepare_context"),
)
_submit = ThreadPoolExecutor.submit
"""The method as we defined it, even if a program replaces it."""


def _length(iterables: tuple[Iterable[Any], ...]) -> int | None:
    """Return how many calls map() makes, or None if that is not known."""
    lengths = [len(iterable) for iterable in iterables if isinstance(iterable, Sized)]
    return min(lengths) if len(lengths) == len(iterables) else None
