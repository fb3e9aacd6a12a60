"""`ProcessPoolExecutor`: the engine runs it, or the standard library's own code, if a program has changed that."""

from __future__ import annotations

from types import FunctionType

from interlock import _interlock
from interlock._installed import installed
from interlock._originals import is_original, originals
from interlock._worker_process.payload import (
    dump_read_only_result,
    placed,
    read_only,
    remembers,
)
from interlock._worker_process.transport import dump_call, dump_result
from interlock.concurrent.futures._base import Future
from interlock.concurrent.futures._process_crew import Crew, Manager, end, interrupt, is_interrupt
from interlock.concurrent.futures._process_errors import answer as error_of
from interlock.concurrent.futures._process_errors import failed, not_pickled
from interlock.concurrent.futures._process_settings import (
    checked_context,
    checked_initializer,
    checked_memory_limit,
    checked_policy,
    checked_workers,
)
from interlock.concurrent.futures._process_stand_ins import STAND_INS, parts
from interlock.multiprocessing._family import home
from interlock.threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import concurrent.futures.process as _std
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Literal

    from interlock._progress import _Progress
    from interlock.concurrent.futures._process_submitter import ProcessSubmitter
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
"""The parts of the standard executor. If a program replaces one of them, executors run the standard code."""
_known = {name: getattr(_std, name) for name in _INTERNALS}
_known_run = _std._ExecutorManagerThread.run
_CALLED = "__init__", "_force_shutdown", "kill_workers", "map", "shutdown", "submit", "terminate_workers"
_private = {
    name: what
    for name, what in vars(_StdExecutor).items()
    if isinstance(what, FunctionType) and name not in _CALLED
}
"""Methods of the standard class that its other methods call, but for those that ours call, too."""
_native_init = is_original(_StdExecutor.__init__)
_NO_EXTRAS = (
    "an executor that runs the standard library's code does not support on_worker_death, retries, max_pending, "
    "memory_limit, relay, remember_submit and read_only_buffers"
)


class ProcessPoolExecutor(_std.ProcessPoolExecutor):
    """An executor that runs calls in a number of processes.

    See https://docs.python.org/3/library/concurrent.futures.html#processpoolexecutor.
    """

    _interlock_pool: _interlock.ProcessPool | None = None
    _interlock_running: _interlock.ProcessPool | None = None
    """The same pool, as long as the executor accepts calls."""

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: Any = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
        on_worker_death: OnWorkerDeath | None = None,
        retries: int = 0,
        max_pending: int | None = None,
        memory_limit: int | None = None,
        relay: bool = False,
        remember_submit: bool | None = None,
        read_only_buffers: bool = False,
    ) -> None:
        """Make an executor with at most `max_workers` processes (None: as many as processors).

        Each process first calls `initializer(*initargs)`. `max_tasks_per_child`: a process ends after so many calls,
        and a new process takes its place.

        `on_worker_death` says what the death of a process means: "fail-task" (its call fails with
        `interlock.WorkerDiedError`, another process takes its place, and every other call runs), "retry" (its call runs
        again, `retries` times at most), or "break" (all calls fail with BrokenProcessPool, as in the standard library).
        The default is "fail-task", or "break" after `interlock.install()`. At most `max_pending` calls wait for a
        process (None: any number); when so many do, submit() blocks. `memory_limit`: a process with more bytes of
        resident memory ends after its call, and a new process takes its place. With `relay`, log records of the
        processes go to the loggers of this process, and lines that they print appear here, after the worker's name.
        With `remember_submit`, a WorkerDiedError says where its call was submitted; that makes submit() slower (None:
        if the environment variable INTERLOCK_SUBMIT_PLACE is 1). With `read_only_buffers`, the receiver can't write to
        large buffers of arguments and results, such as the data of NumPy arrays; otherwise the buffers are the
        receiver's own.
        """
        if not self._interlock_can_be_native():
            extras = (
                on_worker_death,
                retries,
                max_pending,
                memory_limit,
                relay,
                remember_submit,
                read_only_buffers,
            )
            if any(extras):
                raise TypeError(_NO_EXTRAS)
            _StdExecutor.__init__(
                self, max_workers, mp_context, initializer, initargs, max_tasks_per_child=max_tasks_per_child
            )
            return
        _std._check_system_limits()
        self._max_workers = checked_workers(max_workers)
        self._mp_context = checked_context(mp_context, max_tasks_per_child)
        self._max_tasks_per_child = max_tasks_per_child
        self._initializer: Any = checked_initializer(initializer)
        self._initargs = initargs
        policy = checked_policy(on_worker_death, retries, max_pending)
        self._interlock_on_worker_death, self._interlock_retries = policy
        self._interlock_remembers = remembers(remember_submit)
        self._interlock_shares_read_only = read_only_buffers
        self._interlock_begin_with(max_pending or 0, relay, checked_memory_limit(memory_limit))

    def _interlock_begin_with(self, max_pending: int, relay: bool, memory_limit: int | None) -> None:
        context: Any = self._mp_context
        self._safe_to_dynamically_spawn_children = context.get_start_method(allow_none=False) != "fork"
        self._executor_manager_thread: Any = None
        self._processes: Any = {}
        self._shutdown_thread = False
        self._shutdown_lock: Any = Lock()
        self._interlock_held: set[Any] = set()
        self._interlock_raises_at_submit = "concurrent.futures" not in installed()
        self._interlock_made_with = max_pending, relay, memory_limit
        self._interlock_make()

    def _interlock_make(self) -> None:
        """Make the pool. A forked child does that anew if its parent had not used the executor before the fork."""
        max_pending, relay, memory_limit = self._interlock_made_with
        context: Any = self._mp_context
        pool = _interlock.ProcessPool(
            home(),
            (self._max_workers, max_pending, self._max_tasks_per_child),
            self._interlock_on_worker_death,
            self._interlock_retries,
            not self._safe_to_dynamically_spawn_children,
        )
        self._interlock_pool = pool
        self._interlock_crew = Crew(
            pool,
            context.Process,
            self._processes,
            self._initializer,
            self._initargs,
            _inlet(context) if relay else None,
            memory_limit=memory_limit,
            dump=dump_read_only_result if self._interlock_shares_read_only else dump_result,
        )

    def _interlock_can_be_native(self) -> bool:
        """Whether the parts of the standard executor are unchanged."""
        cls = type(self)
        return (
            _native_init
            and all(getattr(cls, name, None) is _own.get(name, what) for name, what in _private.items())
            and all(getattr(_std, name, None) is what for name, what in _known.items())
            and _std._ExecutorManagerThread.run is _known_run
        )

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Let a process call `fn(*args, **kwargs)`, and return the future of its result.

        Blocks only if the executor has `max_pending` and that many calls wait. Never blocks in a callback on the
        executor's own thread, because that thread makes room. Raises RuntimeError after shutdown(), and
        BrokenProcessPool if the executor is broken. If the call can't be pickled, raises the error, with the path to
        the culprit; after `interlock.install()`, the future gets that exception, as in the standard library.
        """
        pool = self._interlock_running
        if pool is not None:
            future = pool.submit_plain(self._interlock_crew.start_for, fn, args, kwargs)
            if future is not None:
                return future
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
        is_first = False
        if held is None:
            with self._shutdown_lock:
                self._interlock_check()
                is_first = self._executor_manager_thread is None
                if is_first:
                    self._interlock_begin()
        pool: Any = self._interlock_pool
        future = Future() if held is None else held
        try:
            payload = dump_call(placed(fn) if self._interlock_remembers else fn, args, kwargs)
            if self._interlock_shares_read_only:
                payload = read_only(payload)
        except Exception as error:
            if self._interlock_raises_at_submit or held is not None:
                raise
            if self._safe_to_dynamically_spawn_children:
                with self._shutdown_lock:
                    self._interlock_crew.start_another()
            return failed(future, not_pickled(error))
        refusal = pool.submit(future, payload, limits, held is not None)
        if refusal is not None:
            if is_first and not isinstance(
                refusal, str
            ):  # the standard library has the call before it has processes
                return failed(future, error_of("broken", refusal))
            raise self._interlock_refused(refusal)
        if self._safe_to_dynamically_spawn_children:
            self._interlock_crew.start_for(future)
        return future

    def _interlock_check(self) -> None:
        """Raise what submit() raises if the executor takes no calls."""
        if self._broken:
            raise _Broken(self._broken)
        # At exit, the standard library's manager thread shuts its executor down, if it has such a thread.
        if self._shutdown_thread or (_std._global_shutdown and self._executor_manager_thread is not None):
            raise RuntimeError("cannot schedule new futures after shutdown")
        if _std._global_shutdown:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    def _interlock_refused(self, refusal: Any) -> Exception:
        if refusal == "parent":
            return RuntimeError("the executor belongs to the process that forked this one")
        if refusal == "shutdown":
            return RuntimeError("cannot schedule new futures after shutdown")
        return _Broken(self._broken)

    def _interlock_begin(self) -> None:
        """Start the processes, if they are forked, and then the manager thread."""
        if self._interlock_pool.is_of_parent():  # type: ignore[union-attr]
            self._interlock_make()
        self._interlock_crew.begin(not self._safe_to_dynamically_spawn_children)
        manager = Manager(self, self._interlock_crew, _broke)
        manager.start()
        self._executor_manager_thread = manager
        if not self._interlock_remembers and not self._interlock_shares_read_only:
            self._interlock_running = self._interlock_pool
        _std._threads_wakeups[manager] = manager.waker()

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        return_exceptions: bool = False,
        progress: _Progress = False,
        task_timeout: float | None = None,
    ) -> Iterator[Any]:
        """Return an iterator over the results of `fn` for the items of the iterables, in order, like built-in `map`.

        It submits all calls at once, `chunksize` items in each. With `buffersize`, it submits at most that many calls
        ahead of the results that the caller has taken. The iterator's __next__() blocks until the next result arrives.
        It raises what the call raised, or TimeoutError `timeout` seconds after map().
        """
        from interlock.concurrent.futures._process_map import given, mapped

        more = (buffersize, return_exceptions, progress, task_timeout)
        if self._interlock_pool is None:
            results: Iterator[Any] = _StdExecutor.map(
                self, fn, *iterables, timeout=timeout, chunksize=chunksize, **given(*more)
            )
            return results
        return mapped(self, fn, iterables, timeout, chunksize, *more)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, and end the processes when all calls are done.

        If `cancel_futures`, cancels the calls that no process has taken. If `wait`, blocks until the processes have
        ended.
        """
        if self._interlock_pool is None:
            return _StdExecutor.shutdown(self, wait, cancel_futures=cancel_futures)  # type: ignore[no-any-return]
        return self._interlock_shut_down(wait, cancel_futures)

    def _interlock_shut_down(self, wait: bool, cancel_futures: bool) -> None:
        pool: Any = self._interlock_pool
        with self._shutdown_lock:
            self._shutdown_thread = True
            self._interlock_running = None
            manager = self._executor_manager_thread
            held = [*self._interlock_held]
        if cancel_futures:
            for future in held:
                future._interlock_cancel_at_once()
        if cancel_futures or not held:
            pool.shutdown()  # otherwise the last held call does this
        if cancel_futures:
            pool.cancel_waiting()
        if manager is not None and wait:
            manager.join()
        self._executor_manager_thread = None
        self._processes = None

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool | None:
        manager = self._executor_manager_thread
        if self._interlock_pool is None or manager is None:
            return super().__exit__(kind, error, traceback)
        if is_interrupt(error):
            self._interlock_interrupt(manager)
        try:
            return super().__exit__(kind, error, traceback)
        except KeyboardInterrupt:  # during the wait
            self._interlock_interrupt(manager)
            raise

    def _interlock_interrupt(self, manager: Manager) -> None:
        self._interlock_shut_down(wait=False, cancel_futures=True)
        interrupt([manager])

    def _interlock_hold(self, future: Future[Any]) -> None:
        """Keep the executor from ending before a call that will be submitted later."""
        with self._shutdown_lock:
            self._interlock_check()
            if self._executor_manager_thread is None:
                self._interlock_begin()
            self._interlock_held.add(future)

    def _interlock_let_go(self, future: Future[Any]) -> None:
        """Forget a held call."""
        with self._shutdown_lock:
            self._interlock_held.discard(future)
            if self._shutdown_thread and not self._interlock_held:
                self._interlock_pool.shutdown()  # type: ignore[union-attr]

    def _interlock_submit_ready(self, future: Future[Any], limits: Any, call: Any, site: str | None) -> None:
        """Submit a held call, which will complete `future`."""
        fn, args, kwargs = call
        if self._interlock_remembers and site is not None:
            fn = placed(fn, site)
        self._interlock_submit(fn, args, kwargs, limits, future)

    @property
    def _interlock_notes(self) -> bool:
        """Whether calls that wait for others note where they were submitted."""
        return self._interlock_remembers

    # Additions to the standard library.

    def at(
        self, *, priority: int = 0, timeout: float | None = None, retries: int | None = None
    ) -> ProcessSubmitter:
        """Return a submitter of calls to this executor with conditions.

        `priority`: calls with a smaller number begin first; the default is 0. `timeout` (seconds): a call that runs for
        longer is ended, with its process, and fails with TimeoutError; a new process takes its place. `retries`: how
        often a call runs again after its process died (with `on_worker_death="retry"`).
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
        """Cancel a call of this executor, even a running one: then its process is ended.

        A new process takes its place; no other call is lost. Returns whether the call is cancelled, as
        ``future.cancel(running=True)`` does. Raises ValueError if it is a call of another executor. Does not block.
        """
        pool: Any = self._interlock_native()._interlock_pool
        if not (pool.has(future) or future in self._interlock_held or future.done()):
            raise ValueError(f"{future!r} is not a call of this executor")
        return future.cancel(running=True)

    def progress(self, progress: _Progress = True) -> None:
        """Show how many of the calls submitted so far are done, until all of them are done.

        `progress`: True to show a bar, a string as its title, or a function to call with the number of calls done and
        the number of all calls. Blocks until all these calls are done.
        """
        from interlock.concurrent.futures._process_map import show_progress

        show_progress(self._interlock_native()._interlock_pool, progress)

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
        self._force_shutdown(operation="terminate")

    def kill_workers(self) -> None:
        """Cancel the waiting calls, and end the processes by SIGKILL. The calls that they run fail."""
        self._force_shutdown(operation="kill")

    def _force_shutdown(self, operation: str) -> None:
        if operation not in ("terminate", "kill"):
            raise ValueError(f"Unsupported operation: {operation!r}")
        processes = dict(self._processes or {})
        if self._interlock_pool is not None:
            self._interlock_pool.abandon()
        self.shutdown(wait=False, cancel_futures=True)
        if self._interlock_pool is not None and not self._interlock_pool.is_of_parent():
            self._interlock_crew.end_all(operation)
            return
        for process in processes.values():
            process.is_alive()  # raises in a forked child, as in the standard library
            end(process, operation)


_own = parts(_StdExecutor, _private)
for _name, _method in (_own | STAND_INS).items():
    setattr(ProcessPoolExecutor, _name, _method)


def _inlet(context: Any) -> Any:
    from interlock.concurrent.futures._relay import Inlet

    return Inlet(context)


def _broke(executor: ProcessPoolExecutor) -> None:
    """Mark an executor as broken after a process died."""
    with executor._shutdown_lock:
        executor._interlock_running = None
        executor._shutdown_thread = True
