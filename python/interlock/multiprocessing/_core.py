"""The threads of a native `ThreadPool`, and how they continue when it is materialized.

The standard library's pool has three threads of its own beside its workers: one feeds the workers, one collects their
results, one replaces ended workers. In a native pool, workers take jobs and items of iterables themselves, and deliver
the results; the pool starts one more thread when it has to call the first callback. It starts workers when there is
work for them, or at once if there is an initializer.

When a pool is materialized, it starts the standard library's three threads. The workers stay the same: they do the jobs
that the engine still has, and then continue in the standard library's `worker()`. So the pool never has too many
workers, and later jobs never overtake earlier ones.
"""

from __future__ import annotations

import threading as _std_threading
from types import SimpleNamespace

from interlock._lifecycle import when_gone_or_at_exit
from interlock._originals import originals
from interlock.threading import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import multiprocessing.pool as _std
    from collections.abc import Callable, Iterable
    from typing import Any

    from interlock._interlock import PoolHandle
else:
    from multiprocessing import pool

    _std = originals(pool, "ApplyResult", "ThreadPool")

__all__ = ["PoolCore", "report"]

_StdThreadPool: Any = _std.ThreadPool
_std_worker = _std.worker  # type: ignore[attr-defined]
_std_set: Any = _std.ApplyResult._set  # type: ignore[attr-defined]

_INITIALIZER_FAILED = "the initializer of every worker of the pool failed"


class PoolCore:
    """The threads of a pool. They have no reference to the pool, so it can be freed while they wait."""

    def __init__(
        self,
        pool: Any,
        processes: int,
        initializer: Callable[..., object] | None,
        initargs: Iterable[Any],
    ) -> None:
        """Make the core of a pool of `processes` workers, without any thread yet."""
        self.state = _std.RUN
        self.processes = processes
        self.initializer = initializer
        self.initargs = initargs
        self.workers: list[Any] = []
        self.handle: PoolHandle = pool._interlock_handle()
        self.end = when_gone_or_at_exit(pool, self.handle.terminate)
        self.lock = RLock()
        self.rest: _Rest | None = None
        self.attributes: dict[str, Any] | None = None
        self.result_handler: Any = None
        self._at_work = 0
        self._initializers_failed = 0

    # Called by the engine.

    def start_workers(self, count: int) -> None:
        """Start `count` workers, or fewer if the pool would have too many."""
        with self.lock:
            for _ in range(count):
                handle = self.handle.for_worker()
                if handle is None:
                    return
                try:
                    thread = _start(worker, (handle, self))
                except BaseException:
                    handle.leave()
                    if self.workers:  # these workers will do all the work, only more slowly
                        return
                    raise
                self._at_work += 1
                self.workers.append(thread)

    def start_result_handler(self) -> None:
        """Start the thread that calls callbacks."""
        with self.lock:
            if self.result_handler is None:
                handle = self.handle.for_result_handler()
                try:
                    self.result_handler = _start(_handle_results, (handle,))
                except BaseException:
                    handle.leave()
                    raise

    def end_result_handler(self) -> None:
        """Wait until the engine's callbacks have been called; if no thread has begun, call them here."""
        with self.lock:
            handler = self.result_handler
            if handler is None:
                self.result_handler = _std_threading.current_thread()
        if handler is None:
            _handle_results(self.handle.for_result_handler())
        else:
            handler.join()

    # Called by a native pool.

    def close(self) -> None:
        """Accept no more calls."""
        self.state = _std.CLOSE
        self.handle.close()

    def terminate(self) -> None:
        """Make no more calls."""
        self.end.cancel()
        self.handle.terminate()

    def join(self) -> None:
        """Wait until the threads have ended."""
        for thread in self.workers:
            thread.join()
        self.handle.close_deliveries()
        if self.result_handler is not None:
            self.result_handler.join()

    def forget_threads(self) -> None:
        """Forget the parent's threads, in a forked child."""
        self.workers = []
        self.result_handler = None
        self._at_work = self._initializers_failed = 0
        self.rest = self.attributes = None  # in case the parent was materializing the pool
        self.lock._at_fork_reinit()
        self.handle.after_fork(self.processes)

    # Called when the pool is materialized.

    def materialize(self, pool: Any) -> dict[str, Any]:
        """Start the standard library's threads beside the workers, and return the attributes of a standard pool."""
        with self.lock:
            if self.attributes is None:
                self.attributes = self._standard(pool)
            return self.attributes

    def _standard(self, pool: Any) -> dict[str, Any]:
        if self.state == _std.RUN:
            self.start_workers(self.processes)
        machinery: Any = _Machinery(self.workers, self.processes, self.initializer, self.initargs)
        made: dict[str, Any] = vars(machinery).copy()
        args = (self.handle, *machinery._terminate._args)
        machinery._terminate.cancel()  # before the object is freed
        self.end.cancel()
        made["_terminate"] = when_gone_or_at_exit(pool, _terminate, *args)
        if self._at_work:
            self.rest = _Rest(pool, self, made)
        made["_state"] = self.state
        if self.state != _std.RUN:  # the threads end when the cache is empty
            made["_worker_handler"]._state = _std.CLOSE
            made["_change_notifier"].put(None)
        return made

    # Called by a worker.

    def initializer_failed(self, error: BaseException) -> None:
        """Record that the initializer of a worker failed, and fail the pool if that happened to every worker."""
        with self.lock:
            self._at_work -= 1
            self._initializers_failed += 1
            if self._initializers_failed < self.processes:
                return
        failure = RuntimeError(_INITIALIZER_FAILED)
        failure.__cause__ = error
        self.handle.fail(failure)

    def go_on(self) -> None:
        """Continue as a standard worker if the pool was materialized, once the engine has no more work."""
        with self.lock:
            self._at_work -= 1
            rest = self.rest
        if rest is not None:
            rest.begin()
            if self.state == _std.RUN:
                _std_worker(rest.inqueue, rest.outqueue)


class _Machinery(_std.ThreadPool):
    """A pool that exists only to make the attributes of another pool, and uses that pool's workers."""

    def __init__(self, workers: list[Any], *args: Any) -> None:
        self._workers = workers
        super().__init__(*args)
        del self._workers

    def _repopulate_pool(self) -> None:
        self._pool = self._workers

    def __del__(self) -> None:
        """Do nothing: the threads belong to the other pool."""


class _Rest(_std.ApplyResult):  # type: ignore[type-arg]
    """The jobs that a materialized pool still has in the engine: one result in its `_cache` until the last has ended.

    The standard library's result thread calls their callbacks, after it has waited for the engine's callbacks to be
    called. So there is still only one callback at a time.
    """

    left: int
    """The number of unfinished jobs; the engine sets it when the pool is materialized, before the first job ends."""

    def __init__(self, pool: Any, core: PoolCore, made: dict[str, Any]) -> None:
        super().__init__(SimpleNamespace(_cache=made["_cache"]), None, None)  # type: ignore[arg-type]
        self._pool = pool
        self._core = core
        self.inqueue, self.outqueue = made["_inqueue"], made["_outqueue"]
        self._has_begun = False

    def begin(self) -> None:
        """Make the result thread wait for the engine's callbacks before it calls any other; each worker calls this."""
        with self._core.lock:
            if not self._has_begun:
                self._has_begun = True
                self._tell(self._core.end_result_handler)

    def end(self, deliver: Callable[[], object] | None) -> None:
        """Report that a job has ended; the engine calls this, with a function that calls the job's callback."""
        self.begin()
        self._tell(deliver)

    def _tell(self, call: Callable[[], object] | None) -> None:
        self.outqueue.put((self._job, 0, call))  # type: ignore[attr-defined]

    def _set(self, _: int, deliver: Callable[[], object] | None) -> None:
        """Handle the end of one job; the standard library's result thread calls this."""
        if deliver is not None:
            deliver()
        self.left -= 1
        if not self.left:
            _std_set(self, 0, (True, None))


def _terminate(handle: PoolHandle, *args: Any) -> None:
    handle.terminate()
    _StdThreadPool._terminate_pool(*args)


def _start(target: Callable[..., object], args: tuple[Any, ...]) -> Any:
    thread = _StdThreadPool.Process(None, target=target, args=args)
    thread.daemon = True
    thread.start()
    return thread


def worker(handle: PoolHandle, core: PoolCore) -> None:
    """Run a worker from its initializer to its end."""
    if core.initializer is not None:
        try:
            core.initializer(*core.initargs)
        except BaseException as error:
            handle.leave_place()
            core.initializer_failed(error)
            raise
    _work(handle)
    core.go_on()


def _handle_results(handle: PoolHandle) -> None:
    """Run the thread that calls callbacks."""
    _work(handle)


def _work(handle: PoolHandle) -> None:
    while True:
        try:
            handle.work()
            return
        except BaseException as error:
            report(error)


def report(error: BaseException) -> None:
    """Report an exception from a callback through `threading.excepthook`, like one that ends a thread."""
    hook = _std_threading.excepthook
    hook(
        _std_threading.ExceptHookArgs(
            (type(error), error, error.__traceback__, _std_threading.current_thread())
        )
    )
