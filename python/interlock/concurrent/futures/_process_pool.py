"""`ProcessPoolExecutor`: the engine runs it, or the standard library's own code, if a program has changed that."""

from __future__ import annotations

import multiprocessing
import os
from types import FunctionType

from interlock import _interlock
from interlock._installation import installed
from interlock._originals import is_original, originals
from interlock.concurrent.futures._base import Future
from interlock.concurrent.futures._process_crew import Crew, Manager, end
from interlock.concurrent.futures._transport import dump_call
from interlock.multiprocessing._family import home

TYPE_CHECKING = False
if TYPE_CHECKING:
    import concurrent.futures.process as _std
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Literal

    from interlock.concurrent.futures._process_submitter import ProcessSubmitter
    from interlock.concurrent.futures._progress import _Progress
    from interlock.concurrent.futures._stats import Stats

    OnWorkerDeath = Literal["fail-task", "retry", "break"]
else:
    from concurrent.futures import process

    _std = originals(process, "ProcessPoolExecutor")

__all__ = ["ProcessPoolExecutor"]

_StdExecutor: Any = _std.ProcessPoolExecutor
_Broken = _std.BrokenProcessPool
_INTERNALS = tuple(
    name
    for name in (
        "_CallItem",
        "_ExecutorManagerThread",
        "_ResultItem",
        "_SafeQueue",
        "_ThreadWakeup",
        "_WorkItem",
        "_process_chunk",
        "_process_worker",
    )
    if hasattr(_std, name)
)
"""What the standard executor is made of. If somebody replaces one of them, executors run the standard code."""
_known = {name: getattr(_std, name) for name in _INTERNALS}
_known_run = _std._ExecutorManagerThread.run
_private = {
    name: what
    for name, what in vars(_StdExecutor).items()
    if isinstance(what, FunctionType)
    and name not in ("__init__", "kill_workers", "map", "shutdown", "submit", "terminate_workers")
}
"""Methods of the standard class that its other methods call."""
_native_init = is_original(_StdExecutor.__init__)
_process_count: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)
_DEFAULT: Any = object()
_REFRESH = 0.05
"""Seconds between two checks by `progress()`."""


class ProcessPoolExecutor(_std.ProcessPoolExecutor):
    """An executor that runs calls in a number of processes.

    See https://docs.python.org/3/library/concurrent.futures.html#processpoolexecutor.
    """

    _interlock_pool: _interlock.ProcessPool | None = None
    _interlock_running: _interlock.ProcessPool | None = None
    """The same, as long as the executor takes calls."""

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: Any = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
        on_worker_death: OnWorkerDeath = _DEFAULT,
        retries: int = 0,
        max_pending: int | None = None,
        memory_limit: int | None = None,
    ) -> None:
        """Make an executor with at most `max_workers` processes (None: as many as processors).

        Each process first calls `initializer(*initargs)`. `max_tasks_per_child`: a process ends after so many calls, and
        another one takes its place.

        `on_worker_death` says what the death of a process means: "fail-task" (its call fails with
        `interlock.WorkerDiedError`, another process takes its place, and every other call runs), "retry" (its call runs
        again, `retries` times at most), or "break" (all calls fail with BrokenProcessPool, as in the standard library).
        The default is "fail-task", or "break" after `interlock.install()`. At most `max_pending` calls wait for a process
        (None: any number); when so many do, submit() blocks. `memory_limit`: a process that has more bytes of resident
        memory after a call ends, and another one takes its place.
        """
        if not self._interlock_can_be_native():
            if (
                on_worker_death is not _DEFAULT
                or retries
                or max_pending is not None
                or memory_limit is not None
            ):
                raise TypeError(
                    "an executor that runs the standard library's code does not support on_worker_death, retries, "
                    "max_pending and memory_limit"
                )
            _StdExecutor.__init__(
                self, max_workers, mp_context, initializer, initargs, max_tasks_per_child=max_tasks_per_child
            )
            return
        if max_pending is not None and max_pending <= 0:
            raise ValueError("max_pending must be greater than 0")
        if retries < 0:
            raise ValueError("retries must not be negative")
        is_installed = "concurrent.futures" in installed()
        if on_worker_death is _DEFAULT:
            on_worker_death = "break" if is_installed else "fail-task"
        self._interlock_on_worker_death = on_worker_death
        self._interlock_retries = retries if on_worker_death == "retry" else 0
        self._interlock_held: set[Any] = set()
        self._interlock_raises_at_submit = not is_installed
        _std._check_system_limits()
        self._set_workers(max_workers)
        self._set_context(mp_context, max_tasks_per_child)
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._initializer = initializer
        self._initargs = initargs
        self._executor_manager_thread: Any = None
        self._processes: Any = {}
        self._shutdown_thread = False
        self._shutdown_lock = _std.threading.Lock()
        self._broken: Any = False
        pool = _interlock.ProcessPool(
            home(),
            (self._max_workers, max_pending or 0, max_tasks_per_child),
            on_worker_death,
            self._interlock_retries,
            not self._safe_to_dynamically_spawn_children,
        )
        self._interlock_pool = pool
        self._interlock_crew = Crew(
            pool,
            self._mp_context.Process,
            self._processes,
            initializer,
            initargs,
            memory_limit=memory_limit,
        )

    def _interlock_can_be_native(self) -> bool:
        """Whether nobody has changed what the standard executor is made of."""
        cls = type(self)
        return (
            _native_init
            and all(getattr(cls, name, None) is what for name, what in _private.items())
            and all(getattr(_std, name, None) is what for name, what in _known.items())
            and _std._ExecutorManagerThread.run is _known_run
        )

    def _set_workers(self, max_workers: Any) -> None:
        if max_workers is None:
            max_workers = _process_count() or 1
        elif max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        self._max_workers = max_workers if isinstance(max_workers, int) else int(-(-max_workers // 1))

    def _set_context(self, mp_context: Any, max_tasks_per_child: Any) -> None:
        if mp_context is None:
            ours = multiprocessing
            if "multiprocessing.popen_fork" not in installed():
                from interlock import multiprocessing as ours  # type: ignore[no-redef]
            mp_context = ours.get_context("spawn" if max_tasks_per_child is not None else None)
        self._mp_context = mp_context
        method = mp_context.get_start_method(allow_none=False)
        self._safe_to_dynamically_spawn_children = method != "fork"
        if max_tasks_per_child is not None:
            if not isinstance(max_tasks_per_child, int):
                raise TypeError("max_tasks_per_child must be an integer")
            if max_tasks_per_child <= 0:
                raise ValueError("max_tasks_per_child must be >= 1")
            if method == "fork":
                raise ValueError(
                    "max_tasks_per_child is incompatible with the 'fork' multiprocessing start method; supply a "
                    "different mp_context."
                )
        self._max_tasks_per_child = max_tasks_per_child

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Let a process call `fn(*args, **kwargs)`, and return the future of its result.

        Blocks only if the executor has `max_pending` and that many calls wait. Raises RuntimeError after shutdown(), and
        BrokenProcessPool if the executor is broken. What can't be pickled is refused here, with the path to the culprit;
        after `interlock.install()`, the future has that exception, as in the standard library.
        """
        pool = self._interlock_running
        if pool is not None:
            future = pool.submit_plain(self._interlock_crew.start_missing, fn, args, kwargs)
            if future is not None:
                return future  # type: ignore[return-value]
        if self._interlock_pool is None:
            return _StdExecutor.submit(self, fn, *args, **kwargs)  # type: ignore[no-any-return]
        return self._interlock_submit(fn, args, kwargs, (0, None, self._interlock_retries))

    def _interlock_submit(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        limits: tuple[int, float | None, int],
        held: Future[Any] | None = None,
    ) -> Future[Any]:
        pool: Any = self._interlock_pool
        if held is None:
            with self._shutdown_lock:
                self._interlock_check()
                if self._executor_manager_thread is None:
                    self._interlock_begin()
        future = Future() if held is None else held
        try:
            payload = dump_call(fn, args, kwargs)
        except Exception as error:
            if self._interlock_raises_at_submit or held is not None:
                raise
            future.set_running_or_notify_cancel()
            future.set_exception(error)
            return future
        refusal = pool.submit(future, payload, limits, held is not None)
        if refusal is not None:
            raise self._interlock_refused(refusal)
        if self._safe_to_dynamically_spawn_children:
            self._interlock_crew.start_missing()
        return future

    def _interlock_check(self) -> None:
        """Raise what submit() raises if the executor takes no calls."""
        if self._broken:
            raise _Broken(self._broken)
        if self._shutdown_thread:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if _std._global_shutdown:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    def _interlock_refused(self, refusal: Any) -> Exception:
        if refusal == "parent":
            return RuntimeError("the executor belongs to the process that forked this one")
        if refusal == "shutdown":
            return RuntimeError("cannot schedule new futures after shutdown")
        from interlock.concurrent.futures._process_results import broken_message

        return _Broken(broken_message(refusal))

    def _interlock_begin(self) -> None:
        """Start the processes, if they are forked, and then the thread: a process that forks should have few threads."""
        if not self._safe_to_dynamically_spawn_children:
            self._interlock_crew.start_missing()
        manager = Manager(self, self._interlock_crew, _broke)
        manager.start()
        self._executor_manager_thread = manager
        self._interlock_running = self._interlock_pool
        _std._threads_wakeups[manager] = manager

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **extras: Any,
    ) -> Iterator[Any]:
        """Return an iterator over the results of `fn` for the items of the iterables, in order, like built-in `map`.

        It submits all calls at once, `chunksize` items in each, or, with `buffersize`, at most so many ahead of the
        results that the caller has taken. The iterator's __next__() blocks until the next result arrives. It raises what
        the call raised, or TimeoutError `timeout` seconds after map().
        """
        if self._interlock_pool is None:
            results: Iterator[Any] = _StdExecutor.map(
                self, fn, *iterables, timeout=timeout, chunksize=chunksize, **extras
            )
            return results
        from interlock.concurrent.futures._process_map import mapped

        return mapped(self, fn, iterables, timeout, chunksize, **extras)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, and end the processes when all calls are done.

        If `cancel_futures`, cancels the calls that no process has taken. If `wait`, blocks until the processes have ended.
        """
        pool = self._interlock_pool
        if pool is None:
            return _StdExecutor.shutdown(self, wait, cancel_futures=cancel_futures)  # type: ignore[no-any-return]
        with self._shutdown_lock:
            self._shutdown_thread = True
            self._interlock_running = None
            manager = self._executor_manager_thread
            held = [*self._interlock_held]
        if cancel_futures:
            for future in held:
                future._interlock_cancel_at_once()
        if cancel_futures or not held:
            pool.shutdown()  # else the last of the calls that are held does this
        if cancel_futures:
            pool.cancel_waiting()
        if manager is not None and wait:
            manager.join()
        self._executor_manager_thread = None
        self._processes = None
        return None

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        manager = self._executor_manager_thread
        if self._interlock_pool is not None and manager is not None and isinstance(error, KeyboardInterrupt):
            self.shutdown(wait=False, cancel_futures=True)
            manager.interrupt()
        return super().__exit__(kind, error, traceback)  # type: ignore[no-any-return]

    def _interlock_hold(self, future: Future[Any]) -> None:
        """Keep the executor from ending before a call that will be submitted later."""
        with self._shutdown_lock:
            self._interlock_check()
            if self._executor_manager_thread is None:
                self._interlock_begin()
            self._interlock_held.add(future)

    def _interlock_let_go(self, future: Future[Any]) -> None:
        """Forget a call that was held."""
        with self._shutdown_lock:
            self._interlock_held.discard(future)
            if self._shutdown_thread and not self._interlock_held:
                self._interlock_pool.shutdown()  # type: ignore[union-attr]

    def _interlock_submit_ready(self, future: Future[Any], limits: Any, call: Any, site: str | None) -> None:
        """Submit a call that was held, which will complete `future`."""
        self._interlock_submit(*call, limits, future)

    @property
    def _interlock_notes(self) -> bool:
        """Exceptions have the worker's traceback, and no notes."""
        return False

    # Beyond the standard library.

    def at(
        self, *, priority: int = 0, timeout: float | None = None, retries: int | None = None
    ) -> ProcessSubmitter:
        """Return a submitter of calls to this executor with conditions.

        `priority`: calls with a smaller number begin first; the default is 0. `timeout` (seconds): a call that runs for
        longer is ended, with its process, and fails with TimeoutError; another process takes that one's place. `retries`:
        how often a call runs again whose process died (with `on_worker_death="retry"`).
        """
        from interlock.concurrent.futures._process_submitter import ProcessSubmitter

        return ProcessSubmitter(self._interlock_native(), 0, None, ()).at(
            priority=priority, timeout=timeout, retries=retries
        )

    def after(self, *futures: Any) -> ProcessSubmitter:
        """Return a submitter whose calls begin when all these futures are done.

        No thread waits for them. If one fails or is cancelled, the call fails or is cancelled, too.
        """
        from interlock.concurrent.futures._process_submitter import ProcessSubmitter

        return ProcessSubmitter(self._interlock_native(), 0, None, ()).after(*futures)

    def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit like submit(), and replace futures among the arguments by their results, without blocking a thread.

        If one of them fails or is cancelled, the call fails or is cancelled, too.
        """
        from interlock.concurrent.futures._process_submitter import ProcessSubmitter

        return ProcessSubmitter(self._interlock_native(), 0, None, ()).call(fn, *args, **kwargs)

    def stop(self, future: Future[Any]) -> bool:
        """End a call of this executor that is running, and its process. Returns whether it is ended.

        Its future is cancelled. Another process takes that one's place; no other call is lost. Does not block.
        """
        return self._interlock_native()._interlock_pool.stop(future)  # type: ignore[union-attr]

    def progress(self, progress: _Progress = True) -> None:
        """Show how many of the calls submitted so far are done, until all are.

        `progress`: True to show a bar, a string as its title, or a function to call with the numbers of calls done and
        of all. Blocks until all these calls are done.
        """
        from interlock.concurrent.futures._progress import bar

        pool: Any = self._interlock_native()._interlock_pool
        counts = pool.counts()
        total, done = counts[0], counts[3]
        show = bar(progress, total)
        try:
            show(min(done, total))
            while done < total:
                done = pool.wait_for_ended(total, _REFRESH)
                show(min(done, total))
        finally:
            show(-1)

    def stats(self) -> Stats:
        """Count the calls submitted, running, waiting, done and failed, and the busy seconds of each process."""
        from interlock.concurrent.futures._stats import Stats

        pool: Any = self._interlock_native()._interlock_pool
        submitted, running, waiting, done, failed, _ = pool.counts()
        names = {pid: process.name for pid, process in (self._processes or {}).items()}
        busy = {names.get(pid, f"process {pid}"): seconds for pid, seconds in pool.busy()}
        return Stats(submitted, running, waiting, done, failed, busy)

    def _interlock_native(self) -> ProcessPoolExecutor:
        if self._interlock_pool is None:
            raise RuntimeError(f"{self} runs the standard library's code, which has no such method")
        return self

    def terminate_workers(self) -> None:
        """Cancel the waiting calls, and end the processes by SIGTERM. The calls that they run fail."""
        self._interlock_end_workers("terminate")

    def kill_workers(self) -> None:
        """Cancel the waiting calls, and end the processes by SIGKILL. The calls that they run fail."""
        self._interlock_end_workers("kill")

    def _interlock_end_workers(self, how: str) -> None:
        processes = dict(self._processes or {})
        if self._interlock_pool is not None:
            self._interlock_pool.abandon()
        self.shutdown(wait=False, cancel_futures=True)
        if self._interlock_pool is not None:
            self._interlock_crew.end_all(how)
            return
        for process in processes.values():
            end(process, how)

    def __getattr__(self, name: str) -> Any:
        """Make what the standard executor has and this one does without, for programs that look at it."""
        if "_interlock_pool" in self.__dict__ and name in _STAND_INS:
            return _STAND_INS[name](self)
        if "_interlock_pool" in self.__dict__ and name in _LACKING:
            raise AttributeError(
                f"{name!r} is a part of the standard library's executor, which this one does without", name=name, obj=self
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)


def _broke(executor: ProcessPoolExecutor, death: Any) -> None:
    """A process died, and the executor breaks with it."""
    from interlock.concurrent.futures._process_results import broken_message

    with executor._shutdown_lock:
        executor._broken = broken_message(death)
        executor._interlock_running = None
        executor._shutdown_thread = True


class _CallQueue:
    """Stands for the queue between the standard executor and its processes, which has a thread of its own."""

    def close(self) -> None:
        """There is nothing to close."""

    def join_thread(self) -> None:
        """There is no thread."""

    def cancel_join_thread(self) -> None:
        """There is no thread."""


def _pending(executor: ProcessPoolExecutor) -> dict[int, None]:
    """As many entries as there are calls that have not ended. (Their futures are with their owners.)"""
    counts = executor._interlock_pool.counts()  # type: ignore[union-attr]
    return dict.fromkeys(range(counts[0] - counts[3]))


_LACKING = ("_idle_worker_semaphore", "_work_ids")
_STAND_INS: dict[str, Callable[[ProcessPoolExecutor], Any]] = {
    "_call_queue": lambda executor: _CallQueue(),
    "_result_queue": lambda executor: None,
    "_executor_manager_thread_wakeup": lambda executor: executor._executor_manager_thread,
    "_pending_work_items": _pending,
    "_queue_count": lambda executor: executor._interlock_pool.counts()[0],  # type: ignore[union-attr]
    "_cancel_pending_futures": lambda executor: False,
}
