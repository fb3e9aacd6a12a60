"""`ThreadPoolExecutor._work_queue`, which programs look into and replace."""

from __future__ import annotations

from concurrent.futures.thread import _WorkItem
from queue import Empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interlock._interlock import ThreadPool

__all__ = ["WorkQueue"]


class WorkQueue:
    """The calls that wait in an executor, with the methods of a queue. Never blocks."""

    __slots__ = ("_pool",)

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool

    def qsize(self) -> int:
        """How many calls wait."""
        return self._pool._pending()

    def empty(self) -> bool:
        """Whether no call waits."""
        return not self._pool._pending()

    def get_nowait(self) -> _WorkItem[Any]:
        """Take the next call out; raises Empty if none waits."""
        task = self._pool._take()
        if task is None:
            raise Empty
        return _WorkItem(*task)

    def get(self, block: bool = False, timeout: float | None = None) -> _WorkItem[Any]:
        """As get_nowait(): only workers wait for a call."""
        return self.get_nowait()

    def put(self, item: _WorkItem[Any] | None, block: bool = True, timeout: float | None = None) -> None:
        """Put a call back; None, with which the standard library wakes its workers, is ignored."""
        if item is not None:
            self._pool._submit_held(item.future, 0, (item.fn, item.args, item.kwargs, None), True)

    put_nowait = put
