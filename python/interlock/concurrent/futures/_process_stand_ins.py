"""Parts of the standard `ProcessPoolExecutor` that ours lacks, for programs that inspect them."""

from __future__ import annotations

from interlock._stand_in import StandIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from interlock.concurrent.futures._process_pool import ProcessPoolExecutor

__all__ = ["STAND_INS", "parts"]


class _CallQueue:
    """Represents the queue between the standard executor and its processes, which has a thread of its own."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def join_thread(self) -> None:
        """There is no thread."""

    def cancel_join_thread(self) -> None:
        """There is no thread."""


def _pending(executor: ProcessPoolExecutor) -> dict[int, None]:
    """Return as many entries as there are calls that have not ended, without their futures."""
    return dict.fromkeys(range(executor._interlock_pool.pending()))  # type: ignore[union-attr]


def _why_broken(executor: ProcessPoolExecutor) -> str | Literal[False]:
    """Return why the executor is broken, or False. The engine knows this before the first future fails."""
    death = executor._interlock_pool.broken()  # type: ignore[union-attr]
    if death is None:
        return False
    from interlock.concurrent.futures._process_errors import broken_message

    return broken_message(death)


def _call_queue(executor: ProcessPoolExecutor) -> _CallQueue | None:
    return None if executor._processes is None else _CallQueue()


def _lacking(name: str) -> Callable[[ProcessPoolExecutor], Any]:
    def refuse(executor: ProcessPoolExecutor) -> Any:
        message = f"{name!r} is a part of the standard library's executor, which this one does without"
        raise AttributeError(message, name=name, obj=executor)

    return refuse


def _native(make: Callable[[ProcessPoolExecutor], Any]) -> Callable[[ProcessPoolExecutor], Any]:
    return lambda executor: NotImplemented if executor._interlock_pool is None else make(executor)


_PARTS: dict[str, Callable[[ProcessPoolExecutor], Any]] = {
    "_broken": _why_broken,
    "_call_queue": _call_queue,
    "_cancel_pending_futures": lambda executor: False,
    "_executor_manager_thread_wakeup": lambda executor: executor._executor_manager_thread,
    "_idle_worker_semaphore": _lacking("_idle_worker_semaphore"),
    "_pending_work_items": _pending,
    "_queue_count": lambda executor: executor._interlock_pool.counts()[0],  # type: ignore[union-attr]
    "_result_queue": lambda executor: None,
    "_work_ids": _lacking("_work_ids"),
}
STAND_INS = {name: StandIn(name, _native(make)) for name, make in _PARTS.items()}


def parts(standard: Any, private: Any) -> dict[str, Any]:
    """Make the standard executor's private methods that start something, for programs that call them."""
    starts: dict[str, Callable[[ProcessPoolExecutor], object]] = {
        "_adjust_process_count": lambda executor: executor._interlock_crew.start_missing(),
        "_launch_processes": lambda executor: executor._interlock_crew.start_missing(),
        "_spawn_process": lambda executor: executor._interlock_crew.start_another(),
        "_start_executor_manager_thread": _begin,
    }
    return {name: _part(getattr(standard, name), start) for name, start in starts.items() if name in private}


def _part(standard: Any, start: Callable[[ProcessPoolExecutor], object]) -> Any:
    def method(self: ProcessPoolExecutor) -> None:
        if self._interlock_pool is None:
            standard(self)
        else:
            start(self)

    method.__name__, method.__doc__ = standard.__name__, standard.__doc__
    method.__qualname__ = f"ProcessPoolExecutor.{standard.__name__}"
    return method


def _begin(executor: ProcessPoolExecutor) -> None:
    if executor._executor_manager_thread is None:
        executor._interlock_begin()
