"""Who works for a closed `ThreadPool`, and how they go on when it is opened.

The standard library's pool has three threads of its own beside its workers: one feeds them, one collects their
results, one replaces those that ended. As long as a pool is closed, workers take their jobs, and items of iterables,
themselves, and hand the results over; a further thread is started when the first callback is to be called. Workers are
started when there is something to do for them, or at once if there is an initializer.

When a pool is opened the standard library's three threads are started. The workers stay the same ones: they do what
the engine still has, and then go on as the standard library's `worker()`. So there are never more at work than the pool
has, and nothing overtakes what came before.
"""

from __future__ import annotations

import threading as _std_threading
from multiprocessing import util
from types import SimpleNamespace

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
    """The threads of a pool. They don't know the pool, which so can be freed while they wait."""

    def __init__(
        self,
        pool: Any,
        processes: int,
        initializer: Callable[..., object] | None,
        initargs: Iterable[Any],
    ) -> None:
        """Nobody, for a pool of `processes` workers."""
        self.state = _std.RUN
        self.processes = processes
        self.initializer = initializer
        self.initargs = initargs
        self.workers: list[Any] = []
        self.handle: PoolHandle = pool._interlock_handle()
        self.end = util.Finalize(pool, self.handle.terminate, exitpriority=15)
        self.lock = RLock()
        self.rest: _Rest | None = None
        self.attributes: dict[str, Any] | None = None
        self.result_handler: Any = None
        self._at_work = 0
        self._initializers_failed = 0

    # What the engine calls.

    def start_workers(self, count: int) -> None:
        """Start `count` workers, as far as there may be so many."""
        with self.lock:
            for _ in range(min(count, self.processes - len(self.workers))):
                handle = self.handle.for_worker()
                try:
                    thread = _start(worker, (handle, self))
                except BaseException:
                    handle.leave()
                    if self.workers:  # which do it all, if more slowly
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
        """Wait until the engine's callbacks were called; if nobody has begun with them, call them."""
        with self.lock:
            handler = self.result_handler
            if handler is None:
                self.result_handler = _std_threading.current_thread()
        if handler is None:
            _handle_results(self.handle.for_result_handler())
        else:
            handler.join()

    # What a closed pool calls.

    def close(self) -> None:
        """Take no more calls."""
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
        """In the child of a fork, which has none of them."""
        self.workers = []
        self.result_handler = None
        self._at_work = self._initializers_failed = 0
        self.rest = self.attributes = None  # of one that was being opened
        self.lock._at_fork_reinit()
        self.handle.after_fork()

    # What a pool that is opened calls.

    def open(self, pool: Any) -> dict[str, Any]:
        """Start the standard library's threads beside the workers: the attributes of a standard pool."""
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
        machinery._terminate.cancel()  # before the object goes away
        self.end.cancel()
        made["_terminate"] = util.Finalize(pool, _terminate, args=args, exitpriority=15)
        if self._at_work:
            self.rest = _Rest(pool, self, made)
        made["_state"] = self.state
        if self.state != _std.RUN:  # the threads end when nothing is in the cache any more
            made["_worker_handler"]._state = _std.CLOSE
            made["_change_notifier"].put(None)
        return made

    # What a worker calls.

    def initializer_failed(self, error: BaseException) -> None:
        """Say that a worker has ended before it began."""
        with self.lock:
            self._at_work -= 1
            self._initializers_failed += 1
            if self._initializers_failed < self.processes:
                return
        failure = RuntimeError(_INITIALIZER_FAILED)
        failure.__cause__ = error
        self.handle.fail(failure)

    def go_on(self) -> None:
        """Do what is to be done by a worker for whom the engine has nothing any more."""
        with self.lock:
            self._at_work -= 1
            rest = self.rest
        if rest is not None:
            rest.begin()
            if self.state == _std.RUN:
                _std_worker(rest.inqueue, rest.outqueue)


class _Machinery(_std.ThreadPool):
    """A pool that makes the attributes of another one, with the workers of that."""

    def __init__(self, workers: list[Any], *args: Any) -> None:
        self._workers = workers
        super().__init__(*args)
        del self._workers

    def _repopulate_pool(self) -> None:
        self._pool = self._workers

    def __del__(self) -> None:
        """Nothing: the threads are the other's."""


class _Rest(_std.ApplyResult):  # type: ignore[type-arg]
    """What an opened pool still has in the engine: one result in its `_cache`, until the last of these jobs has ended.

    Their callbacks are called by the standard library's thread for that, when this has waited for the engine's: so
    there is still one at a time.
    """

    left: int
    """How many ends are to come; set by the engine when the pool is open, before the first of them."""

    def __init__(self, pool: Any, core: PoolCore, made: dict[str, Any]) -> None:
        super().__init__(SimpleNamespace(_cache=made["_cache"]), None, None)  # type: ignore[arg-type]
        self._pool = pool
        self._core = core
        self.inqueue, self.outqueue = made["_inqueue"], made["_outqueue"]
        self._has_begun = False

    def begin(self) -> None:
        """Have the engine's callbacks waited for, before any other is called; called by each worker."""
        with self._core.lock:
            if not self._has_begun:
                self._has_begun = True
                self._tell(self._core.end_result_handler)

    def end(self, deliver: Callable[[], object] | None) -> None:
        """Say that a job has ended; called by the engine, with what calls its callback."""
        self.begin()
        self._tell(deliver)

    def _tell(self, call: Callable[[], object] | None) -> None:
        self.outqueue.put((self._job, 0, call))  # type: ignore[attr-defined]

    def _set(self, _: int, deliver: Callable[[], object] | None) -> None:
        """Called by the standard library's thread for results."""
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
    """The life of a worker."""
    if core.initializer is not None:
        try:
            core.initializer(*core.initargs)
        except BaseException as error:
            handle.leave()
            core.initializer_failed(error)
            raise
    _work(handle)
    core.go_on()


def _handle_results(handle: PoolHandle) -> None:
    """The life of the thread that calls callbacks."""
    _work(handle)


def _work(handle: PoolHandle) -> None:
    while True:
        try:
            handle.work()
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
