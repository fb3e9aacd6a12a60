"""Submitting with conditions: a priority, a time limit, futures to wait for."""

from __future__ import annotations

from concurrent.futures._base import LOGGER, InvalidStateError
from contextlib import suppress
from functools import partial

from interlock._interlock import Future as EngineFuture
from interlock._interlock import Results
from interlock.concurrent.futures._base import Future
from interlock.concurrent.futures._clock import cancel_after, limited
from interlock.concurrent.futures._held import refuses_for_exit
from interlock.concurrent.futures._lazily import give
from interlock.concurrent.futures._notes import site
from interlock.concurrent.futures._passing import pass_on
from interlock.threading import TIMEOUT_MAX, Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, ParamSpec, TypeVar

    from interlock.concurrent.futures._thread_pool import ThreadPoolExecutor

    _P = ParamSpec("_P")
    _T = TypeVar("_T")

__all__ = ["LimitedSubmitter", "Submitter"]


class Submitter:
    """An executor together with conditions for calls, as returned by `ThreadPoolExecutor.at()` and `after()`.

    It has the methods that submit, and `at()` and `after()` to add conditions. You can use it any number of times.
    """

    __slots__ = ("_after", "_executor", "_priority", "_timeout")

    def __init__(
        self, executor: ThreadPoolExecutor, priority: int, timeout: float | None, after: tuple[Any, ...]
    ) -> None:
        self._executor = executor
        self._priority = priority
        self._timeout = timeout
        self._after = after

    def at(self, *, priority: int | None = None, timeout: float | None = None) -> Submitter:
        """Add conditions to these; see `ThreadPoolExecutor.at()`."""
        priority = self._priority if priority is None else checked_priority(priority)
        timeout = self._timeout if timeout is None else checked_timeout(timeout)
        return type(self)(self._executor, priority, timeout, self._after)

    def after(self, *futures: Any) -> Submitter:
        """Add conditions to these; see `ThreadPoolExecutor.after()`."""
        after = self._after + checked_futures(futures)
        return type(self)(self._executor, self._priority, self._timeout, after)

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Submit `fn(*args, **kwargs)` under these conditions and return the future of its result.

        Blocks and raises as `ThreadPoolExecutor.submit()` does.
        """
        if self._after:
            return self._later(fn, args, kwargs)
        future = self._executor._interlock_submit_at(self._priority, fn, args, kwargs or None)
        if future is None:
            if self._priority and self._executor._interlock_is_materialized:
                raise RuntimeError(
                    f"{self._executor} runs the standard library's code, which has no priorities"
                )
            future = self._executor.submit(fn, *args, **kwargs)
        self._limit(future)
        return future

    def call(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Submit like submit(), and replace futures among the arguments by their results.

        See `ThreadPoolExecutor.call()`.
        """
        futures = tuple(argument for argument in (*args, *kwargs.values()) if _is_future(argument))
        return self.after(*futures)._later(fn, args, kwargs, resolve=True)

    def map(
        self,
        fn: Callable[..., _T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        return_exceptions: bool = False,
    ) -> Iterator[_T]:
        """Do the same as `ThreadPoolExecutor.map()`, under these conditions."""
        futures = [self.submit(fn, *args) for args in zip(*iterables)]  # noqa: B905 - as map() does
        return give(Results(futures, timeout, return_exceptions))

    def _conditions(self) -> Any:
        """The conditions that the executor gets with a held call."""
        return self._priority

    def _limit(self, future: Future) -> None:
        if self._timeout is not None:
            cancel_after(future, self._timeout)

    def _later(
        self,
        fn: Callable[..., _T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        resolve: bool = False,
    ) -> Future[_T]:
        """Hold a call until the last of the futures that it waits for has ended, and then submit it."""
        future: Future[_T] = Future()
        held = _Held(self._executor, future, self._conditions(), (fn, args, kwargs), resolve)
        self._executor._interlock_hold(future)
        held.wait_for(set(self._after))
        self._limit(future)
        return future


class LimitedSubmitter(Submitter):
    """A `Submitter` for `interlock.Executor("threads")`: the time limit is for the running call."""

    __slots__ = ()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Do the same as `Submitter.submit()`."""
        return super().submit(fn if self._after else self._limited(fn), *args, **kwargs)

    def _later(
        self,
        fn: Callable[..., _T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        resolve: bool = False,
    ) -> Future[_T]:
        return super()._later(self._limited(fn), args, kwargs, resolve=resolve)

    def _limited(self, fn: Callable[..., _T]) -> Callable[..., _T]:
        return fn if self._timeout is None else limited(fn, self._timeout)

    def _limit(self, future: Future) -> None:
        """Do nothing: the call starts its time limit itself."""


class _Held:
    """A call that waits for futures.

    Its own future may end first: because it was cancelled, or because a future that the call waits for failed. The
    thread that claims the call does the rest: it submits the call, or, if the call's future was cancelled, reports
    that.
    """

    _is_always_called = True
    """Makes the engine call this callback even if an earlier one raised an exception that is not an `Exception`."""

    def __init__(
        self,
        executor: Any,
        future: Future,
        conditions: Any,
        call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]],
        resolve: bool,
    ) -> None:
        self.executor, self.future, self.resolve = executor, future, resolve
        self.conditions = conditions
        self.call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None = call
        self.site = site() if executor._interlock_notes else None
        self.lock = Lock()
        self.left = 1  # wait_for() itself

    def wait_for(self, futures: set[Any]) -> None:
        """Submit the call when all these futures have ended."""
        self.left += len(futures)
        self.future.add_done_callback(self._ended_early)
        for future in futures:
            self._listen_to(future)
        self._count()

    def _listen_to(self, future: Any) -> None:
        if not getattr(future, "_interlock_is_materialized", False):
            return future.add_done_callback(self)  # type: ignore[no-any-return]
        with future._condition:
            if not future.done():
                return future._done_callbacks.insert(0, self.always)  # type: ignore[no-any-return]
        self(future)

    def _claim(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None:
        """Return the call to the first thread that asks, and None to all others."""
        with self.lock:
            call, self.call = self.call, None
        return call

    def _ended_early(self, future: Future) -> None:
        if self._claim() is not None:
            if future.cancelled():
                future._interlock_cancel_at_once()
            self.executor._interlock_let_go(future)

    def __call__(self, future: Any) -> None:
        """Handle the end of a future that the call waits for."""
        pass_on(partial(self._heed, future))

    def always(self, future: Any) -> None:
        """Do the same as the first callback of a materialized future.

        It never raises; the callbacks after it may raise an exception that is not an `Exception`.
        """
        try:
            self(future)
        except BaseException:
            LOGGER.exception("exception calling callback for %r", future)

    def _heed(self, future: Any) -> None:
        if future.cancelled():
            self.future.cancel()
        elif (error := future.exception()) is not None:
            self._fail(error)
        self._count()

    def _fail(self, error: BaseException) -> None:
        with suppress(InvalidStateError):  # it was cancelled, or another future failed first
            self.future.set_exception(error)

    def _count(self) -> None:
        with self.lock:
            self.left -= 1
            if self.left:
                return
        call = self._claim()
        if call is not None:
            self._go(*call)

    def _go(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            if self.resolve:
                args = tuple(map(_resolved, args))
                kwargs = {name: _resolved(argument) for name, argument in kwargs.items()}
            self.executor._interlock_submit_ready(self.future, self.conditions, (fn, args, kwargs), self.site)
        except Exception as error:
            if refuses_for_exit(error):
                self.future._interlock_cancel_at_once()
            else:
                self._fail(error)
        finally:
            self.executor._interlock_let_go(self.future)


def checked_priority(priority: int) -> int:
    """Return the priority. Raises TypeError or OverflowError."""
    if not isinstance(priority, int):
        raise TypeError(f"priority must be an integer, not {type(priority).__name__}")
    if not -(1 << 63) <= priority < 1 << 63:
        raise OverflowError("priority must fit in 64 bits")
    return priority


def checked_timeout(timeout: float) -> float:
    """Return the timeout in seconds. Raises TypeError, ValueError or OverflowError."""
    if timeout < 0:
        raise ValueError("timeout must not be negative")
    if timeout != timeout:
        raise ValueError("Invalid value NaN (not a number)")
    if timeout > TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return timeout


def checked_futures(futures: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the futures. Raises TypeError."""
    for future in futures:
        if not _is_future(future):
            raise TypeError(f"not a future: {future!r}")
    return futures


def _is_future(thing: object) -> bool:
    return isinstance(thing, EngineFuture) or (
        hasattr(type(thing), "add_done_callback") and hasattr(type(thing), "set_running_or_notify_cancel")
    )


def _resolved(argument: Any) -> Any:
    return argument.result() if _is_future(argument) else argument
