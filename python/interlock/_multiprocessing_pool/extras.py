"""Additions of a native pool's methods to the standard library's: limits, exceptions as results, progress."""

from __future__ import annotations

from typing import NamedTuple

from interlock._progress import bar, shown
from interlock.concurrent.futures._stats import Stats
from interlock.concurrent.futures._submitter import checked_timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from interlock._progress import _Progress

__all__ = ["Extras", "checked", "chunks_of_one", "shown_with", "stats", "wait_for"]

_REFRESH = 0.05
"""Seconds between two checks of how many tasks are done, for `progress`."""


class Extras(NamedTuple):
    """Settings for the tasks of a job: how many seconds each may run, and whether exceptions become results."""

    task_timeout: float | None = None
    return_exceptions: bool = False


def checked(pool: Any, task_timeout: float | None, return_exceptions: bool = False) -> Extras:
    """Return the extras. Raises TypeError, ValueError, OverflowError, or RuntimeError if the pool supports none."""
    if pool._interlock_crew is None:
        raise RuntimeError(
            f"{pool!r} runs the standard library's code, which has no task_timeout, return_exceptions and progress"
        )
    pool._check_running()
    if task_timeout is not None:
        checked_timeout(task_timeout)
    return Extras(task_timeout, return_exceptions)


def chunks_of_one(chunksize: int | None, extras: Extras) -> int | None:
    """Return the size of chunks, which is 1 if the extras apply to each task. Raises ValueError."""
    if extras == Extras():
        return chunksize
    if chunksize not in (None, 1):
        raise ValueError("return_exceptions and task_timeout are for single tasks, so chunksize must be 1")
    return 1


def wait_for(result: Any, timeout: float | None, progress: _Progress) -> Any:
    """Show the progress of a `MapResult` until all tasks are done, and return its list.

    Blocks until then, for at most `timeout` seconds (None: without limit), and raises TimeoutError after that.
    """
    if not progress:
        return result.get(timeout)
    from interlock._interlock import monotonic

    length: int = result._interlock_length
    until = None if timeout is None else monotonic() + timeout
    show = bar(progress, length)
    latest = -1
    try:
        while True:
            left = _REFRESH if until is None else min(_REFRESH, max(0.0, until - monotonic()))
            is_there = result._interlock_wait(left)
            done = length if is_there else max(0, length - result._number_left * result._chunksize)
            if done != latest:
                show(done)
                latest = done
            if is_there or (until is not None and monotonic() >= until):
                break
    finally:
        show(-1)
    return result.get(None if until is None else max(0.0, until - monotonic()))


def shown_with(results: Any, progress: _Progress, iterable: Any) -> Iterator[Any]:
    """Return the same results; a bar moves as they arrive."""
    return shown(iter(results), progress, len(iterable) if hasattr(iterable, "__len__") else None)


def stats(pool: Any) -> Stats:
    """Count the tasks of a pool. A chunk counts as one."""
    if pool._interlock_crew is None:
        raise RuntimeError(f"{pool!r} runs the standard library's code, which has no stats()")
    engine = pool._interlock_crew.engine
    submitted, running, waiting, done, failed, _ = engine.counts()
    names = {process.pid: process.name for process in [*pool._pool]}
    busy = {names.get(pid, f"process {pid}"): seconds for pid, seconds in engine.busy()}
    return Stats(submitted, running, waiting, done, failed, busy)
