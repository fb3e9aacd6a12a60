"""Time limits: one thread cancels futures whose time is over, and fails the futures of calls that run for too long."""

from __future__ import annotations

import threading as _std_threading
import weakref
from concurrent.futures._base import LOGGER, InvalidStateError
from contextlib import suppress
from functools import wraps

from interlock._interlock import Alarms, current_task
from interlock._lifecycle import after_fork_in_child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock.concurrent.futures._base import Future

__all__ = ["cancel_after", "limited"]

_alarms = Alarms()
after_fork_in_child(_alarms.reset)


def cancel_after(future: Future | _Running, timeout: float) -> None:
    """Cancel `future` in `timeout` seconds, or ask its call to stop if it is running then. Never blocks."""
    alarm, wanted = _alarms.put(timeout, weakref.ref(future))
    future.add_done_callback(alarm)
    if wanted:
        _std_threading.Thread(target=_cancel, name="interlock-clock", daemon=True).start()


class _Running:
    """A call that is running, and fails when its time is over."""

    __slots__ = ("__weakref__", "call", "future")

    def __init__(self, future: Future, call: tuple[Any, ...]) -> None:
        self.future, self.call = future, call

    def add_done_callback(self, alarm: Any) -> None:
        self.future.add_done_callback(alarm)

    def _interlock_cancel_at_once(self) -> None:
        from interlock._task_error_classes import TaskTimeoutError
        from interlock.concurrent.futures._call_description import call_text

        message = f"{call_text(*self.call)} ran for longer than its timeout; its thread runs on"
        with suppress(InvalidStateError):  # it has just ended
            self.future._interlock_expire(TaskTimeoutError(message))


def limited(fn: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    """Wrap a function for a call in a thread, which fails with TaskTimeoutError after `seconds` of running."""

    @wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        task = current_task()
        if task is None:
            raise RuntimeError(
                "an executor that runs the standard library's code has no time limits of calls"
            )
        running = _Running(task.future, (fn, args, kwargs))
        cancel_after(running, seconds)
        return fn(*args, **kwargs)

    return call


def _end(future: Any) -> None:
    at_once = getattr(future, "_interlock_cancel_at_once", None)
    (future.cancel if at_once is None else at_once)()


def _cancel() -> None:
    """Cancel futures as they fall due, until none is left."""
    while (reference := _alarms.next()) is not None:
        future = reference()
        if future is not None:
            try:
                _end(future)
            except BaseException:  # from a callback; the other futures must still be cancelled
                LOGGER.critical("Exception in a callback of %r", future, exc_info=True)
        del future
