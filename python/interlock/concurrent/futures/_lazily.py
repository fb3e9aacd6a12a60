"""The results of calls of which only so many are submitted ahead."""

from __future__ import annotations

from collections import deque
from concurrent.futures._base import CancelledError
from itertools import islice
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from typing import Any

__all__ = ["checked_buffersize", "lazily"]


def checked_buffersize(buffersize: int) -> int:
    """The number, or TypeError or ValueError, as `Executor.map()` of 3.14 raises them."""
    if not isinstance(buffersize, int):
        raise TypeError("buffersize must be an integer or None")
    if buffersize < 1:
        raise ValueError("buffersize must be None or > 0")
    return buffersize


def lazily(
    submit: Callable[..., Any],
    calls: Iterator[tuple[Any, ...]],
    buffersize: int,
    timeout: float | None,
    return_exceptions: bool,
) -> Iterator[Any]:
    """Submit `buffersize` calls now, and one more for each result that is taken."""
    deadline = None if timeout is None else monotonic() + timeout
    futures = deque(submit(*args) for args in islice(calls, buffersize))
    return _results(submit, calls, futures, deadline, return_exceptions)


def _results(
    submit: Callable[..., Any],
    calls: Iterator[tuple[Any, ...]],
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
            futures.extend(submit(*args) for args in islice(calls, 1))
            del future
            yield result
            del result
    finally:
        for future in futures:
            future.cancel()


def _comes_from(future: Future[Any], error: BaseException) -> bool:
    """Whether the call raised it, or was cancelled; not the wait."""
    if future.cancelled():
        return isinstance(error, CancelledError)
    return future.done() and future.exception() is error
