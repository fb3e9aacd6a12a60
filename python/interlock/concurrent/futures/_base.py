"""The drop-in for `concurrent.futures._base`: `Future`, `wait` and `as_completed` on the engine."""

from __future__ import annotations

import concurrent.futures._base as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from interlock.concurrent.futures._progress import _Progress

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock import _interlock
    from interlock.concurrent.futures._progress import shown

    _std_wait = _std.wait
    _std_as_completed = _std.as_completed
    _Done = _std.DoneAndNotDoneFutures
    _METHODS = (
        "add_done_callback",
        "cancel",
        "cancelled",
        "done",
        "exception",
        "result",
        "running",
        "set_exception",
        "set_result",
        "set_running_or_notify_cancel",
    )
    _WHEN = (_std.FIRST_COMPLETED, _std.FIRST_EXCEPTION, _std.ALL_COMPLETED)

    class Future(_interlock.Future, _std.Future):  # type: ignore[misc, type-arg]
        """The result of a call, before and after it is there.

        See https://docs.python.org/3/library/concurrent.futures.html#future-objects.
        """

        __slots__ = ()

        def _invoke_callbacks(self) -> None:
            """Call the callbacks of a future that somebody has looked into, as the standard library does.

            When one raises what is no Exception, calls that wait for this future hear of its end all the same.
            """
            callbacks = iter(self._done_callbacks)
            try:
                _call_each(callbacks, self, Exception)
            except BaseException:
                own = (callback for callback in callbacks if hasattr(type(callback), "_is_always_called"))
                _call_each(own, self, BaseException)
                raise

    _interlock.own_methods(Future, *_METHODS)

    def _call_each(callbacks: Iterable[Any], future: Future, logged: type[BaseException]) -> None:
        for callback in callbacks:
            try:
                callback(future)
            except logged:
                _std.LOGGER.exception("exception calling callback for %r", future)

    def _begin_opened(future: Future) -> bool:
        """Begin with the call of a future that somebody has looked into, unless it is cancelled: that is told, once."""
        with future._condition:
            if future._state == _std.CANCELLED_AND_NOTIFIED:
                return False
            return _std.Future.set_running_or_notify_cancel(future)

    _interlock.remember_future_classes(_std.Future, Future, _begin_opened)

    def wait(fs: Iterable[Any], timeout: float | None = None, return_when: str = _std.ALL_COMPLETED) -> Any:
        """Wait for the futures in `fs`, for at most `timeout` seconds (None: without limit).

        Returns a named pair of sets, `done` and `not_done`. `return_when` is FIRST_COMPLETED, FIRST_EXCEPTION or
        ALL_COMPLETED. Blocks until so many are done; futures of any library may be among them.
        """
        futures = set(fs)
        if return_when not in _WHEN or not all(isinstance(future, _interlock.Future) for future in futures):
            return _std_wait(futures, timeout, return_when)
        done = set(_interlock.wait_for_futures(list(futures), timeout, return_when))
        return _Done(done, futures - done)

    def as_completed(
        fs: Iterable[Any], timeout: float | None = None, *, progress: _Progress = False
    ) -> Iterator[Any]:
        """Give the futures in `fs` as they are done, each once.

        Blocks until the next one is. Raises TimeoutError if not all are done `timeout` seconds after the call (None:
        without limit). Futures of any library may be among them. `progress`: True to show a bar, a string as its title,
        or a function that is called with the numbers of futures done and of all.
        """
        futures = list(dict.fromkeys(fs))
        if all(isinstance(future, _interlock.Future) for future in futures):
            done: Iterator[Any] = _interlock.Completed(futures, timeout)
        else:
            done = _std_as_completed(futures, timeout)
        return shown(done, progress, len(futures)) if progress else done

    for _object in (Future, wait, as_completed):
        _object.__module__ = "concurrent.futures._base"
    __replaces__ = ("Future", "as_completed", "wait")

mirror(__name__, _std, own=__replaces__)
