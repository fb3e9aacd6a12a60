"""Processes that stay, and the shares that pools made with `warm=True` hold in them."""

from __future__ import annotations

import os
import threading

from interlock._lifecycle import after_fork_in_child, when_gone_or_at_exit
from interlock._multiprocessing_pool.crew import Crew
from interlock._multiprocessing_pool.feeder import Feeder
from interlock.concurrent.futures._process_settings import distinct
from interlock.threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Share", "shared"]

_FEW = 8
"""How many jobs a share keeps before it first forgets the ended ones."""


class Share:
    """Replaces a crew of the pool's own: its tasks run in processes that other pools use, too."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self.engine, self.processes, self.workers = crew.engine, crew.processes, crew.workers
        self.manager = crew.manager
        self.limits, self.wants, self.packer = crew.limits, crew.wants, crew.packer
        # A feeder for each share, so that a slow iterable does not hold up another pool.
        self.feeder = Feeder(self)  # type: ignore[arg-type]
        self._has_terminated = False
        self._lock = Lock()
        self._open: list[tuple[Any, Any, Any]] = []
        self._most = _FEW
        self._process = os.getpid()

    @property
    def is_terminated(self) -> bool:
        """Whether the pool was terminated, so that its tasks get no more results."""
        return self._has_terminated or self._crew.is_terminated

    def track(self, job: Any, called: Any, feed: Any = None) -> None:
        """Remember a job of this pool until all its calls have ended and the event `called`, if any, is set."""
        with self._lock:
            if len(self._open) >= self._most:
                self._open = [each for each in self._open if not _is_over(*each)]
                self._most = max(_FEW, 2 * len(self._open))
            self._open.append((job, called, feed))

    def start_missing(self, processes: int | None = None) -> None:
        """Start the workers that are missing. All pools of the same settings use the same workers."""
        self._crew.start_missing()

    def close(self) -> None:
        """Take no more calls. The processes stay."""
        self.feeder.close(_nothing)

    def terminate(self) -> None:
        """End the calls of this pool, with the processes that run them. Blocks until they have ended."""
        if os.getpid() != self._process:
            return  # the calls are the parent's
        self._has_terminated = True
        self.feeder.stop()
        with self._lock:
            tracked = [*self._open]
        for job, _, _ in tracked:
            job.stop()
        for job, _, _ in tracked:
            job.wait()

    def join(self) -> None:
        """Wait until all calls of this pool have ended, after close() or terminate(). Blocks until then."""
        if os.getpid() != self._process:
            raise RuntimeError("the pool belongs to the process that forked this one")
        if threading.current_thread() in (self.manager, self.feeder.thread):  # as in the standard library
            raise RuntimeError("cannot join current thread")
        if not self.is_terminated:
            self.feeder.join()
        with self._lock:
            tracked = [*self._open]
        for job, called, _ in tracked:
            job.wait()
            # The manager may be about to call the callback.
            if called is not None and not self._crew.is_terminated:
                called.wait()
        with self._lock:
            self._open = [each for each in self._open if not _is_over(*each)]


def _is_over(job: Any, called: Any, feed: Any) -> bool:
    is_fed = feed is None or feed.length is not None
    return is_fed and not job.unfinished() and (called is None or called.is_set())


def _nothing() -> None:
    pass


_lock = Lock()
_crews: dict[Any, Crew] = {}


def shared(pool_class: Any, context: Any, settings: tuple[Any, ...], extras: dict[str, Any]) -> Share:
    """Return a share in the processes that stay for these settings. Starts processes if none work."""
    processes, initializer, initargs, *policy = settings
    settings = processes, initializer, tuple(initargs), *policy
    key = pool_class, context, distinct((*settings, *extras.items()))
    try:
        hash(key)
    except TypeError as error:
        raise TypeError(f"the settings of a warm pool, its initargs too, must be hashable: {error}") from None
    with _lock:
        crew = _crews.get(key)
        if crew is None or crew.is_closed or crew.engine.broken() is not None:
            crew = Crew(lambda **arguments: pool_class.Process(context, **arguments), *settings, **extras)
            crew.begin()
            when_gone_or_at_exit(crew, crew.terminate)
            crew.manager._state = "RUN"  # type: ignore[attr-defined]
            _crews[key] = crew
    return Share(crew)


# In a forked child: the processes are the parent's.
after_fork_in_child(_lock._at_fork_reinit)
after_fork_in_child(_crews.clear)
