"""The generators behind `map()`: one for calls that are already submitted, one that submits a few calls ahead."""

from __future__ import annotations

import weakref
from collections import deque
from concurrent.futures._base import CancelledError
from itertools import islice

from interlock._interlock import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future
    from typing import Any

    from interlock._interlock import Results

__all__ = ["checked_buffersize", "give", "lazily"]


def checked_buffersize(buffersize: int) -> int:
    """Return the number. Raises TypeError and ValueError as `Executor.map()` of 3.14 does."""
    if not isinstance(buffersize, int):
        raise TypeError("buffersize must be an integer or None")
    if buffersize < 1:
        raise ValueError("buffersize must be None or > 0")
    return buffersize


def give(results: Results) -> Iterator[Any]:
    """Yield the results. When the caller closes the generator, cancel the calls that have not begun."""
    try:
        yield from results
    finally:
        results.close()


def lazily(
    executor: Executor,
    fn: Callable[..., Any],
    calls: Iterator[tuple[Any, ...]],
    buffersize: int,
    timeout: float | None,
    return_exceptions: bool,
) -> Iterator[Any]:
    """Submit `buffersize` calls now, and one more for each result that the caller takes, while the executor exists."""
    deadline = None if timeout is None else monotonic() + timeout
    futures = deque(executor.submit(fn, *args) for args in islice(calls, buffersize))
    reference = weakref.ref(executor)

    def more() -> None:
        executor = reference()
        if executor is not None:
            futures.extend(executor.submit(fn, *args) for args in islice(calls, 1))

    return _results(more, futures, deadline, return_exceptions)


def _results(
    more: Callable[[], None],
    futures: deque[Any],
    deadline: float | None,
    return_exceptions: bool,
) -> Iterator[Any]:
    try:
        while futures:
            future = futures[0]
            left = None if deadline is None else deadline - monotonic()
            try:
                result = future.result(left)
            except BaseException as error:
                if not (return_exceptions and _comes_from(future, error)):
                    raise
                result = error
            futures.popleft()
            more()
            del future
            yield result
            del result
    finally:
        for future in futures:
            future.cancel()


def _comes_from(future: Future[Any], error: BaseException) -> bool:
    """Whether the error comes from the call, which raised it or was cancelled, and not from the wait."""
    if future.cancelled():
        return isinstance(error, CancelledError)
    return future.done() and future.exception() is error
