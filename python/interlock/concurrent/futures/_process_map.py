"""`map()` and `progress()` of an executor with processes."""

from __future__ import annotations

import itertools
import sys
from functools import partial

from interlock._interlock import Results, monotonic
from interlock.concurrent.futures._lazily import checked_buffersize, give, lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from interlock._progress import _Progress
    from interlock.concurrent.futures._process_pool import ProcessPoolExecutor

if sys.version_info >= (3, 13):
    from itertools import batched
else:

    def batched(items: Iterator[Any], size: int) -> Iterator[tuple[Any, ...]]:
        """Return the items in tuples of that size. Raises ValueError as the standard executor of the version does."""
        itertools.islice((), size)  # raises the error now, before an item is taken
        return iter(lambda: tuple(itertools.islice(items, size)), ())


__all__ = ["given", "mapped", "show_progress"]

_REFRESH = 0.05
"""Seconds between two checks by `show_progress()`."""


def given(
    buffersize: int | None, return_exceptions: bool, progress: _Progress, task_timeout: float | None
) -> dict[str, Any]:
    """Return the arguments of `map()` that the caller has passed: the standard function may not have the others."""
    more = {
        "buffersize": buffersize,
        "return_exceptions": return_exceptions,
        "progress": progress,
        "task_timeout": task_timeout,
    }
    return {name: value for name, value in more.items() if value is not None and value is not False}


def mapped(
    executor: ProcessPoolExecutor,
    fn: Callable[..., Any],
    iterables: tuple[Iterable[Any], ...],
    timeout: float | None,
    chunksize: int,
    buffersize: int | None,
    return_exceptions: bool,
    progress: _Progress,
    task_timeout: float | None,
) -> Iterator[Any]:
    """Implements `ProcessPoolExecutor.map()`."""
    if chunksize < 1:
        raise ValueError("chunksize must be >= 1.")
    if buffersize is not None:
        checked_buffersize(buffersize)
    if chunksize > 1 and (return_exceptions or task_timeout is not None):
        raise ValueError("return_exceptions and task_timeout are for single calls, so chunksize must be 1")
    began = monotonic()
    items = zip(*iterables)  # noqa: B905 - as map() does
    calls: Iterator[tuple[Any, ...]] = items
    chunks = batched(items, chunksize)
    if chunksize > 1:
        fn = partial(_call_each, fn)
        calls = ((chunk,) for chunk in chunks)
    if buffersize is not None:
        submitter = executor if task_timeout is None else executor.at(timeout=task_timeout)
        results = lazily(submitter, fn, calls, buffersize, timeout, return_exceptions)  # type: ignore[arg-type]
    else:
        if task_timeout is None:
            futures = [executor.submit(fn, *args) for args in calls]
        else:
            limits = (0, task_timeout, executor._interlock_retries)
            futures = [executor._interlock_submit(fn, args, {}, limits) for args in calls]
        left = None if timeout is None else timeout - (monotonic() - began)
        results = give(Results(futures, left, return_exceptions))
    if chunksize > 1:
        results = itertools.chain.from_iterable(results)
    if not progress:
        return results
    from interlock._progress import shown

    return shown(results, progress, _length(iterables))


def _call_each(fn: Callable[..., Any], chunk: tuple[tuple[Any, ...], ...]) -> list[Any]:
    """Call a function for each item of a chunk, in a worker."""
    return [fn(*args) for args in chunk]


def _length(iterables: tuple[Any, ...]) -> int | None:
    """Return how many results there will be, or None if that is not known."""
    try:
        return min(map(len, iterables))
    except TypeError:
        return None


def show_progress(pool: Any, progress: _Progress) -> None:
    """Implements `ProcessPoolExecutor.progress()`, for the engine of the executor."""
    from interlock._progress import bar

    if pool.is_of_parent():
        raise RuntimeError("the executor belongs to the process that forked this one")
    counts = pool.counts()
    total, done = counts[0], counts[3]
    show = bar(progress, total)
    try:
        show(min(done, total))
        while done < total:
            done = pool.wait_for_ended(total, _REFRESH)
            show(min(done, total))
    finally:
        show(-1)
