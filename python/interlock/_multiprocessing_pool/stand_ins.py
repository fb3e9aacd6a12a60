"""Attributes of the standard library's pool and its results that ours lack, for programs that inspect them."""

from __future__ import annotations

from interlock._multiprocessing_pool.feeder import Tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interlock._multiprocessing_pool.crew import Crew

__all__ = ["EventOfResult", "_cache", "_change_notifier", "_inqueue", "_outqueue", "_taskqueue"]


class EventOfResult:
    """The `_event` of a result."""

    def __init__(self, result: Any) -> None:
        self.is_set, self.wait = result.ready, result.wait


class _Cache(dict[int, "Any"]):
    """Results that a program makes itself, by number. Its length counts the pool's own results, too."""

    def __init__(self, crew: Crew) -> None:
        super().__init__()
        self._crew = crew

    def __len__(self) -> int:
        return max(super().__len__(), self._crew.engine.pending())

    def __bool__(self) -> bool:
        return len(self) > 0


class _TaskQueue:
    """The queue of iterables of tasks. Tasks that a program puts there run as in the standard library's pool."""

    def __init__(self, crew: Crew, cache: _Cache) -> None:
        self._crew, self._cache = crew, cache

    def put(self, item: Any) -> None:
        """Run tasks ``(job, number, func, args, kwds)``, and then call a function with their number, if not None."""
        if item is not None:
            self._crew.feeder.put(Tasks(self._cache, *item))

    def qsize(self) -> int:
        """The number of calls that no process has taken yet."""
        return self._crew.engine.counts()[2]

    def empty(self) -> bool:
        """Whether there are no such calls."""
        return not self.qsize()


class _Queue:
    """A queue between the standard pool and its processes."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def empty(self) -> bool:
        """Return True: nothing is ever put into it."""
        return True

    def put(self, _: Any) -> None:
        """Do nothing: no thread gets from it."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _cache(crew: Crew, _: Any) -> Any:
    return _Cache(crew)


def _taskqueue(crew: Crew, pool: Any) -> Any:
    return _TaskQueue(crew, pool._cache)


def _inqueue(crew: Crew, _: Any) -> Any:
    return _Queue(crew)


_outqueue = _change_notifier = _inqueue
