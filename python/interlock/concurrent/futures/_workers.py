"""The workers of an executor: how they start, run and end. The engine holds the calls for which they wait.

Comments tell the type checker to ignore lines where the standard library's stubs lack a name or make it read-only.
"""

from __future__ import annotations

import concurrent.futures.thread as _std
import weakref
from concurrent.futures._base import LOGGER, InvalidStateError
from contextlib import suppress
from types import SimpleNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interlock._interlock import WaitingCalls, Worker
    from interlock.concurrent.futures._thread_pool import ThreadPoolExecutor

__all__ = ["busy", "start"]

_std_worker = _std._worker


def start(executor: ThreadPoolExecutor) -> None:
    """Start a worker of a native executor, unless there are enough. The caller holds the standard library's locks."""
    calls = executor._interlock_calls()
    worker = calls._interlock_worker()
    if worker is None:
        return
    try:
        # Looked up in the standard module, because programs replace it there.
        thread = _std.threading.Thread(  # type: ignore[attr-defined]
            name=f"{executor._thread_name_prefix or executor}_{worker.number - 1}",
            target=_work,
            args=(weakref.ref(executor, calls._interlock_lost), _context(executor), calls, worker),
        )
        thread.start()
    except BaseException:
        worker.leave()
        raise
    executor._threads.add(thread)  # type: ignore[attr-defined]
    _std._threads_queues[thread] = calls  # type: ignore[index]
    thread._interlock_worker = worker


def busy(executor: ThreadPoolExecutor) -> dict[str, float]:
    """Return the seconds for which each worker was busy."""
    threads = executor._threads.copy()  # type: ignore[attr-defined]
    workers = ((thread, getattr(thread, "_interlock_worker", None)) for thread in threads)
    return {thread.name: worker.busy() for thread, worker in workers if worker is not None}


if hasattr(_std, "WorkerContext"):

    def _context(executor: ThreadPoolExecutor) -> Any:
        return executor._create_worker_context()  # type: ignore[attr-defined]

    def _work_materialized(reference: Any, context: Any, queue: Any) -> None:
        """Continue in the standard library's loop."""
        begun = SimpleNamespace(initialize=lambda: None, run=context.run, finalize=context.finalize)
        _std_worker(reference, begun, queue)  # type: ignore[call-arg,arg-type]

else:

    class _Context:
        """Runs the initializer of a worker, like the context that the standard library has from 3.14 on."""

        def __init__(self, executor: ThreadPoolExecutor) -> None:
            self._initializer, self._initargs = executor._initializer, executor._initargs

        def initialize(self) -> None:
            if self._initializer is not None:
                self._initializer(*self._initargs)

        def finalize(self) -> None:
            pass

    def _context(executor: ThreadPoolExecutor) -> Any:
        return _Context(executor)

    def _work_materialized(reference: Any, context: Any, queue: Any) -> None:
        """Continue in the standard library's loop.

        Up to 3.11 that loop marks the worker as idle after each call; in later versions, when the worker finds no call.
        """
        executor = reference()
        if "get_nowait" not in _std_worker.__code__.co_names and executor is not None and queue.empty():
            executor._idle_semaphore.release()
        del executor
        _std_worker(reference, queue, None, ())  # type: ignore[arg-type]


def _work(reference: Any, context: Any, calls: WaitingCalls, worker: Worker) -> None:
    """Run a worker from its initializer to its end."""
    try:
        worker.initialize(context.initialize)
    except BaseException:
        LOGGER.critical("Exception in initializer:", exc_info=True)
        executor = reference()
        if executor is not None:
            executor._initializer_failed()
        else:
            _break(worker, calls)
        return
    if _run(worker):
        return _work_materialized(reference, context, calls._interlock_materialized())
    context.finalize()
    executor = reference()
    if executor is not None and not executor._shutdown:
        executor._interlock_shut_down(False, False)  # as the standard workers do when the interpreter exits


def _run(worker: Worker) -> bool:
    """Make calls. Returns True if the executor was materialized and its queue may contain more calls."""
    while True:
        try:
            return worker.work()
        except BaseException:
            LOGGER.critical("Exception in worker", exc_info=True)


def _break(worker: Worker, calls: WaitingCalls) -> None:
    """Fail the futures of calls that no worker will make: their executor is gone, and its initializer failed."""
    futures = worker.drain()
    try:
        for future in futures:
            with suppress(InvalidStateError):  # it was cancelled
                future.set_exception(
                    _std.BrokenThreadPool(
                        "A thread initializer failed, the thread pool is not usable anymore"
                    )
                )
    finally:
        calls._interlock_taken_out(len(futures))
