"""The results of `imap()` and `imap_unordered()`: the standard library's classes, over the engine's jobs."""

from __future__ import annotations

import multiprocessing.pool as pool
from multiprocessing import TimeoutError, util

from interlock._interlock import ProcessJob, monotonic
from interlock._multiprocessing_pool.answers import Failed, answer
from interlock._multiprocessing_pool.feeder import Feed
from interlock._multiprocessing_pool.packing import Packer
from interlock._multiprocessing_pool.results import NEVER_ENDS, OF_PARENT, ApplyResult, stay, told
from interlock._originals import originals
from interlock.threading import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from interlock._multiprocessing_pool.extras import Extras

_std: Any = originals(pool, "IMapIterator", "IMapUnorderedIterator")

__all__ = ["IMapIterator", "IMapUnorderedIterator"]


class IMapIterator(_std.IMapIterator):  # type: ignore[misc]
    """The results of `imap()`, in the order of the items."""

    _interlock_in_order = True
    _interlock_shown = "0:n"

    def __init__(
        self, pool: Any, packer: Packer, items: Iterable[tuple[Any, ...]], extras: Extras | None = None
    ) -> None:
        self._pool = pool
        self._interlock_crew = crew = pool._interlock_crew
        if crew.engine.is_of_parent():
            raise RuntimeError(OF_PARENT)
        self._interlock_job = ProcessJob(crew.engine, answer, not self._interlock_in_order, True)
        self._interlock_feed = Feed(self._interlock_job, packer, items, crew.limits(extras))
        self._interlock_returns = extras is not None and extras.return_exceptions
        self._interlock_taken = 0
        self._interlock_open: list[list[Any]] = []
        self._interlock_arrived: list[int] = []
        crew.feeder.put(self._interlock_feed)
        if crew.track is not None:
            crew.track(self._interlock_job, None, self._interlock_feed)

    def next(self, timeout: float | None = None) -> Any:
        """Return the next result, or raise what its call raised.

        Blocks until there is one, for at most `timeout` seconds (None: without limit), and raises TimeoutError then.
        """
        until = None if timeout is None else monotonic() + timeout
        job, entries = self._interlock_job, self._interlock_open
        held: list[int] = []
        is_out = False
        try:
            try:
                if not job.enter(held, timeout, True):
                    raise TimeoutError
                left = None if until is None else max(0, until - monotonic())
                entry = self._interlock_entry(held[0], left)
                number = entry[0]
                if len(entry) == 1:
                    self._interlock_read(number, entry)
                result = entry[1]
                failed = type(result) is Failed
                at = entries.index(entry)
                del entries[at]
                is_out = True
            finally:
                # Signal handlers run right behind calls: one may raise behind enter(), or behind this.
                job.leave(held)
            if not failed:
                return result
            error = told(self._interlock_crew, result.error)
        except BaseException:
            if is_out:
                entries.append(entry)
            raise
        if util.is_exiting() and stay(self._interlock_crew, error, timeout):
            raise TimeoutError
        if self._interlock_returns and number >= 0:
            return error
        raise error

    __next__ = next

    def _interlock_read(self, number: int, entry: list[Any]) -> None:
        failures = self._interlock_feed.failures
        if number in failures:
            entry.append(Failed(failures[number]))
            del failures[number]
        else:
            self._interlock_job.read(number, entry)

    def _interlock_entry(self, depth: int, timeout: float | None) -> list[Any]:
        """Return the number of the next result, in a list that is kept until the caller has got the result.

        A signal handler may have raised while the result was unpickled: then it is still the next one. A handler that
        asks meanwhile, on the same thread (`depth` is more than 1), gets the one after it.
        """
        if self._interlock_open and depth == 1:
            return self._interlock_open[0]
        entry = self._interlock_next(timeout)
        if depth > 1:
            self._interlock_job.wake()  # the thread may be waiting for this one
        if entry is not None:
            return entry
        feed = self._interlock_feed
        self._pool = None
        # Nothing is called before the entry is kept, so that no signal handler runs.
        if feed.error is None:
            raise StopIteration
        entry = [-1, feed.error]
        feed.error = None
        self._interlock_open.append(entry)
        return entry

    def _interlock_next(self, timeout: float | None) -> list[Any] | None:
        """Block until there is a next result, and return its entry, or None if there are no more."""
        feed, job, number = self._interlock_feed, self._interlock_job, self._interlock_taken
        if number >= len(job):
            if feed.length is None and self._interlock_crew.engine.is_of_parent():
                # The lock of the feed may belong to a thread that does not exist here.
                if timeout is None:
                    raise RuntimeError(NEVER_ENDS)
                Event().wait(timeout)
                raise TimeoutError
            if feed.length is None and not feed.wait_for(number, timeout):
                raise TimeoutError
            if number >= len(job):
                return None
        if not job.wait_for(number, timeout):
            raise TimeoutError
        if number != self._interlock_taken:  # a signal handler has taken that one
            return self._interlock_next(timeout)
        entry: list[Any] = [number]
        self._interlock_taken += 1
        self._interlock_open.append(entry)
        return entry

    @property
    def _index(self) -> int:
        return len(self._interlock_job) - self._interlock_job.unfinished()

    @property
    def _length(self) -> int | None:
        return self._interlock_feed.length

    @property
    def _cache(self) -> Any:
        return {} if self._pool is None else self._pool._cache

    _job = ApplyResult._job


class IMapUnorderedIterator(IMapIterator, _std.IMapUnorderedIterator):  # type: ignore[misc]
    """The results of `imap_unordered()`, as they arrive."""

    _interlock_in_order = False
    _interlock_shown = "0!r"

    def _interlock_next(self, timeout: float | None) -> list[Any] | None:
        feed, job, arrived = self._interlock_feed, self._interlock_job, self._interlock_arrived
        until = None if timeout is None else monotonic() + timeout
        while feed.length is None or self._interlock_taken < feed.length:
            if not arrived:
                if not job.next_ended(arrived, timeout):
                    raise TimeoutError
                timeout = None if until is None else max(0, until - monotonic())
                continue  # a signal handler may have taken it
            # Nothing is called before the entry is kept, so that no signal handler runs.
            entry: list[Any] = [arrived[0]]
            del arrived[0]
            if entry[0] >= 0:
                self._interlock_taken += 1
                self._interlock_open.append(entry)
                return entry
        return None


for _class in (IMapIterator, IMapUnorderedIterator):
    _class.__module__ = "multiprocessing.pool"
