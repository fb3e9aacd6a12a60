"""`interlock.Executor()`: one name for executors with threads and with processes, which have the same methods."""

from __future__ import annotations

import os
import sys

from interlock._lifecycle import after_fork_in_child
from interlock.concurrent.futures._clock import limited
from interlock.concurrent.futures._process_settings import distinct
from interlock.concurrent.futures._submitter import LimitedSubmitter, checked_priority, checked_timeout
from interlock.concurrent.futures.process import ProcessPoolExecutor
from interlock.concurrent.futures.thread import ThreadPoolExecutor
from interlock.threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Literal

    from interlock.concurrent.futures import Future
    from interlock.concurrent.futures._process_pool import OnWorkerDeath

__all__ = ["Executor", "ThreadExecutor"]

_count: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)


class ThreadExecutor(ThreadPoolExecutor):
    """A `ThreadPoolExecutor` that also has the methods of an executor with processes."""

    def at(
        self, *, priority: int = 0, timeout: float | None = None, retries: int | None = None
    ) -> LimitedSubmitter:
        """Return a submitter of calls with conditions.

        `priority`: calls with a smaller number begin first; the default is 0. `timeout` (seconds): a call that runs for
        longer fails with TaskTimeoutError, and is asked to stop: see `interlock.current_task()`. Its thread runs on, as
        nothing can end a thread. (The time limit of `ThreadPoolExecutor.at()` begins when the call is submitted.)
        `retries` is for calls that are lost with a process, so it has no effect here.
        """
        timeout = None if timeout is None else checked_timeout(timeout)
        return LimitedSubmitter(self, checked_priority(priority), timeout, ())  # type: ignore[arg-type]

    def map(  # type: ignore[override]
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        task_timeout: float | None = None,
        **options: Any,
    ) -> Iterator[Any]:
        """Return an iterator over the results; see `ThreadPoolExecutor.map()`.

        A call that has no result `task_timeout` seconds after it began fails with TaskTimeoutError. Its thread runs
        on: see at().
        """
        if task_timeout is not None:
            if options.get("chunksize", 1) != 1:
                raise ValueError("task_timeout is for single calls, so chunksize must be 1")
            fn = limited(fn, checked_timeout(task_timeout))
        return super().map(fn, *iterables, **options)

    def stop(self, future: Future[Any]) -> bool:
        """Return False: nothing can end a call that is running in a thread."""
        return False


class _Warm:
    """An executor that stays: its shutdown() only waits for the calls."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Block until all calls that have been submitted are done, if `wait`. The executor stays."""
        if cancel_futures:
            raise ValueError(
                "a warm executor is shared, so it can't cancel all that waits: cancel the futures"
            )
        if wait and not self._interlock_has_ended():
            self.progress(_show_nothing)  # type: ignore[attr-defined]

    def _interlock_has_ended(self) -> bool:
        raise NotImplementedError


class _WarmThreads(_Warm, ThreadExecutor):
    def _interlock_has_ended(self) -> bool:
        return bool(self._shutdown or self._broken)


class _WarmProcesses(_Warm, ProcessPoolExecutor):
    def _interlock_has_ended(self) -> bool:
        return bool(self._shutdown_thread or self._broken)

    def _force_shutdown(self, operation: str) -> None:
        """End the processes and this executor: the next `interlock.Executor()` with its settings makes a new one."""
        self._interlock_pool.abandon()  # type: ignore[attr-defined]
        self._interlock_shut_down(wait=False, cancel_futures=True)  # type: ignore[attr-defined]
        self._interlock_crew.end_all(operation)  # type: ignore[attr-defined]


def _show_nothing(done: int, total: int | None) -> None:
    pass


def Executor(
    kind: Literal["auto", "threads", "processes"] = "auto",
    max_workers: int | None = None,
    *,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
    max_pending: int | None = None,
    warm: bool = False,
    mp_context: Any = None,
    max_tasks_per_child: int | None = None,
    on_worker_death: OnWorkerDeath | None = None,
    retries: int = 0,
    memory_limit: int | None = None,
    relay: bool = False,
    remember_submit: bool | None = None,
    read_only_buffers: bool = False,
) -> ThreadExecutor | ProcessPoolExecutor:
    """Make an executor that runs calls in threads or in processes, with the same methods.

    `kind` "auto": threads on a free-threaded build, where they compute at the same time, and processes otherwise.
    `max_workers` None: as many as processors. `mp_context` and the parameters after it are for processes, see
    `ProcessPoolExecutor`: "auto" ignores them when it chooses threads, "threads" raises TypeError.

    `warm`: all parts of the program that ask for a warm executor with the same settings share one. It stays until the
    program exits, so its workers need not be started again; `shutdown()` and `with` only wait for the calls. The
    settings of a warm executor must be hashable; 1 and True count as different settings. Ctrl-C in a `with` block of a
    warm executor ends its processes: the next caller that asks for it gets a new one.
    """
    of_processes = {
        "mp_context": mp_context,
        "max_tasks_per_child": max_tasks_per_child,
        "on_worker_death": on_worker_death,
        "retries": retries,
        "memory_limit": memory_limit,
        "relay": relay,
        "remember_submit": remember_submit,
        "read_only_buffers": read_only_buffers,
    }
    of_processes = {name: value for name, value in of_processes.items() if value is not None}
    if kind not in ("auto", "threads", "processes"):
        raise ValueError(f"kind must be 'auto', 'threads' or 'processes', not {kind!r}")
    given = [name for name, value in of_processes.items() if value]
    if kind == "threads" and given:
        raise TypeError(f"{', '.join(given)}: for executors with processes")
    in_threads = kind == "threads" or (kind == "auto" and _threads_compute())
    settings = {
        "max_workers": (_count() or 1) if max_workers is None else max_workers,
        "initializer": initializer,
        "initargs": initargs,
        "max_pending": max_pending,
        **({} if in_threads else of_processes),
    }
    if warm:
        shared: ThreadExecutor | ProcessPoolExecutor = _warm_one(
            _WarmThreads if in_threads else _WarmProcesses, settings
        )
        return shared
    return ThreadExecutor(**settings) if in_threads else ProcessPoolExecutor(**settings)


def _threads_compute() -> bool:
    """Whether several threads can run Python code at the same time."""
    return not getattr(sys, "_is_gil_enabled", lambda: True)()


_lock = Lock()
_warm: dict[Any, Any] = {}


def _warm_one(kind: Any, settings: dict[str, Any]) -> Any:
    """Return the executor that stays for these settings. Makes one if none works."""
    key = kind, distinct(tuple(settings.items()))
    with _lock:
        executor = _warm.get(key)
        if executor is None or executor._interlock_has_ended():
            executor = _warm[key] = kind(**settings)
        return executor


# In a forked child: the executors are the parent's.
after_fork_in_child(_lock._at_fork_reinit)
after_fork_in_child(_warm.clear)
