"""What the standard library's pool has and a native one does without, for programs that look at it."""

from __future__ import annotations

from interlock._multiprocessing_pool.feeder import Tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interlock._multiprocessing_pool.crew import Crew

__all__ = ["_cache", "_change_notifier", "_inqueue", "_outqueue", "_taskqueue"]


class _Cache(dict[int, "Any"]):
    """Results that a program makes itself, by number; what it is told of its length counts the pool's own, too."""

    def __init__(self, crew: Crew) -> None:
        super().__init__()
        self._crew = crew

    def __len__(self) -> int:
        counts = self._crew.engine.counts()
        return max(super().__len__(), counts[0] - counts[3])

    def __bool__(self) -> bool:
        return len(self) > 0


class _TaskQueue:
    """The queue of iterables of tasks. What a program puts there is run as the standard library's pool runs it."""

    def __init__(self, crew: Crew, cache: _Cache) -> None:
        self._crew, self._cache = crew, cache

    def put(self, item: Any) -> None:
        """Run tasks ``(job, number, func, args, kwds)``, and then call a function with their number, if not None."""
        if item is not None:
            self._crew.feeder.put(Tasks(self._cache, *item))

    def qsize(self) -> int:
        """How many calls no process has taken."""
        return self._crew.engine.counts()[2]

    def empty(self) -> bool:
        """Whether there is none."""
        return not self.qsize()


class _Queue:
    """A queue between the standard pool and its processes."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return True

    def put(self, _: Any) -> None:
        """Wake the thread that gets from it: there is none."""

    def close(self) -> None:
        """There is nothing to close."""


def _cache(crew: Crew, _: Any) -> Any:
    return _Cache(crew)


def _taskqueue(crew: Crew, pool: Any) -> Any:
    return _TaskQueue(crew, pool._cache)


def _inqueue(crew: Crew, _: Any) -> Any:
    return _Queue(crew)


_outqueue = _change_notifier = _inqueue
