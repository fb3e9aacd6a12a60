"""Submitting to processes with conditions: a priority, a time limit, retries, futures to wait for."""

from __future__ import annotations

from interlock.concurrent.futures._lazily import give
from interlock.concurrent.futures._process_settings import checked_retries
from interlock.concurrent.futures._submitter import (
    Submitter,
    checked_futures,
    checked_priority,
    checked_timeout,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from interlock.concurrent.futures._base import Future
    from interlock.concurrent.futures._process_pool import ProcessPoolExecutor

__all__ = ["ProcessSubmitter"]


class ProcessSubmitter(Submitter):
    """An executor together with conditions for calls, as returned by `ProcessPoolExecutor.at()` and `after()`."""

    __slots__ = ("_retries",)
    _executor: Any

    def __init__(
        self,
        executor: ProcessPoolExecutor,
        priority: int,
        timeout: float | None,
        after: tuple[Any, ...],
        retries: int | None = None,
    ) -> None:
        super().__init__(executor, priority, timeout, after)  # type: ignore[arg-type]
        self._retries = executor._interlock_retries
        if retries is not None:
            self._retries = checked_retries(retries, executor._interlock_on_worker_death, "an executor")

    def at(
        self, *, priority: int | None = None, timeout: float | None = None, retries: int | None = None
    ) -> ProcessSubmitter:
        """Add conditions to these; see `ProcessPoolExecutor.at()`."""
        return ProcessSubmitter(
            self._executor,
            self._priority if priority is None else checked_priority(priority),
            self._timeout if timeout is None else checked_timeout(timeout),
            self._after,
            self._retries if retries is None else retries,
        )

    def after(self, *futures: Any) -> ProcessSubmitter:
        """Add conditions to these; see `ProcessPoolExecutor.after()`."""
        after = self._after + checked_futures(futures)
        return ProcessSubmitter(self._executor, self._priority, self._timeout, after, self._retries)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit `fn(*args, **kwargs)` under these conditions and return the future of its result.

        Blocks and raises as `ProcessPoolExecutor.submit()` does.
        """
        if self._after:
            return self._later(fn, args, kwargs)
        future: Future[Any] = self._executor._interlock_submit(fn, args, kwargs, self._conditions())
        return future

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        return_exceptions: bool = False,
    ) -> Iterator[Any]:
        """Do the same as `ProcessPoolExecutor.map()`, under these conditions."""
        from interlock._interlock import Results

        futures = [self.submit(fn, *args) for args in zip(*iterables)]  # noqa: B905 - as map() does
        return give(Results(futures, timeout, return_exceptions))

    def _conditions(self) -> tuple[int, float | None, int]:
        return self._priority, self._timeout, self._retries

    def _limit(self, future: Future[Any]) -> None:
        """Do nothing: the engine ends a call whose time is over."""
