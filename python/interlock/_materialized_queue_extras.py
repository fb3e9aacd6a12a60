"""Functions that the standard library lacks for a materialized queue: for event loops, and `shutdown()` up to 3.12.

They use the same objects as the standard library's functions: the queue's conditions, their waiters, and hooks.
"""

from __future__ import annotations

import queue as _std
import sys
from _thread import get_ident, start_new_thread
from queue import Empty, Full

from interlock._native_classes import over_our_locks
from interlock._originals import originals
from interlock._queue_errors import ShutDown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

__all__ = ["end", "functions", "when_ready"]


class _Registration:
    """A task in the line of a condition, in place of the lock that a waiting thread would put there."""

    def __init__(self, queue: Any, condition: Any, callback: Callable[[], object]) -> None:
        self._queue = queue
        self._condition = condition
        self._callback = callback
        self._notifier: int | None = None
        self._is_gone = False

    def release(self) -> None:
        """Notify the task; the condition's notify() calls this, with the mutex held.

        Raises RuntimeError if the task is gone, for which notify() goes on to the next waiter.
        """
        self._notifier = get_ident()
        try:
            if not self._is_gone:
                self._callback()
        finally:
            self._notifier = None
        if self._is_gone:
            raise RuntimeError("this waiter is gone")

    def cancel(self) -> None:
        """Leave the line. If the task was already notified, notify the next waiter instead."""
        if self._notifier == get_ident():  # called by the callback: this thread has the mutex
            self._is_gone = True
            return
        with self._queue.mutex:
            self._leave()

    def _interlock_abandon(self) -> None:
        """Do the same where nothing may block: the garbage collector may run while this thread has the mutex."""
        try:
            mutex, _ = self._queue.mutex, self._condition._waiters
        except AttributeError:  # the queue is garbage, too, and the collector has cleared it
            return
        if mutex.acquire(blocking=False):
            try:
                self._leave()
            finally:
                mutex.release()
        else:
            start_new_thread(self.cancel, ())

    def _leave(self) -> None:
        try:
            self._condition._waiters.remove(self)
        except ValueError:
            self._condition.notify()


def when_ready(queue: Any, side: str, callback: Callable[[], object]) -> _Registration | None:
    """Register `callback()` for the moment when "get", "put" or "join" is worth trying. Returns None if it is now."""
    with queue.mutex:
        if queue.is_shutdown and side != "join":
            return None
        if side == "get":
            condition, ready = queue.not_empty, queue._qsize() > 0
        elif side == "put":
            condition, ready = queue.not_full, not 0 < queue.maxsize <= queue._qsize()
        else:
            condition, ready = queue.all_tasks_done, not queue.unfinished_tasks
        if ready:
            return None
        registration = _Registration(queue, condition, callback)
        condition._waiters.append(registration)
        return registration


functions: dict[str, Any] = {}
"""The functions of a materialized queue that the standard library of this Python version lacks."""

if sys.version_info >= (3, 13):

    def end(attributes: dict[str, Any]) -> None:
        """Do nothing: the engine sets `is_shutdown`."""

else:
    _StdQueue: Any = originals(_std, "Queue").Queue
    _std_get, _std_put = _StdQueue.get, _StdQueue.put
    _std_init = over_our_locks(_StdQueue.__init__, _StdQueue)

    def _refuse(*_: object) -> NoReturn:
        raise ShutDown

    def end(attributes: dict[str, Any]) -> None:
        """Shut down a materialized queue with these attributes, for standard functions that know no shutdown.

        From then on the hook `_put` raises ShutDown for every item, and so does each `wait()` of the conditions.
        """
        attributes["is_shutdown"] = True
        attributes["_put"] = _refuse
        for name in ("not_empty", "not_full"):
            attributes[name].wait = _refuse

    def _shutdown(queue: Any, immediate: bool = False) -> None:
        with queue.mutex:
            end(queue.__dict__)
            if immediate:
                while queue._qsize():
                    queue._get()
                    if queue.unfinished_tasks > 0:
                        queue.unfinished_tasks -= 1
                if not queue.unfinished_tasks:
                    queue.all_tasks_done.notify_all()
            queue.not_empty.notify_all()
            queue.not_full.notify_all()

    def _init(queue: Any, maxsize: int = 0) -> None:
        """The standard `__init__`; it also makes a queue that was shut down usable again."""
        if queue.__dict__.pop("is_shutdown", False):
            queue.__dict__.pop("_put", None)
        _std_init(queue, maxsize)

    def _put(queue: Any, item: Any, block: bool = True, timeout: float | None = None) -> None:
        try:
            _std_put(queue, item, block, timeout)
        except Full:
            if queue.is_shutdown:
                raise ShutDown from None
            raise

    def _get(queue: Any, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return _std_get(queue, block, timeout)
        except Empty:
            if queue.is_shutdown:
                raise ShutDown from None
            raise

    functions = {
        "__init__": _init,
        "get": _get,
        "put": _put,
        "is_shutdown": property(lambda queue: False),
        "shutdown": _shutdown,
    }
