"""The drop-in for `concurrent.futures._base`: `Future`, `wait` and `as_completed` on the engine."""

from __future__ import annotations

import concurrent.futures._base as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from interlock._progress import _Progress

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from operator import methodcaller

    from interlock import _interlock
    from interlock._native_classes import fresh, make_native, ways_in
    from interlock._originals import originals

    if not TYPE_CHECKING:
        _std = originals(_std, "Future")
    _StdFuture = _std.Future
    _std_wait = _std.wait
    _std_as_completed = _std.as_completed
    _Done = _std.DoneAndNotDoneFutures

    class Future(_interlock.Future, _std.Future):  # type: ignore[misc, type-arg]
        """The result of a call, which may not have arrived yet.

        See https://docs.python.org/3/library/concurrent.futures.html#future-objects.
        """

        __dict__, __setattr__, __delattr__, __reduce_ex__ = ways_in

    def _attributes(future: Future, somebody_waits: bool) -> dict[str, Any]:
        future._interlock_attend()
        return fresh(_StdFuture)

    def _begin(future: Future) -> bool:
        """Start the call of a materialized future; if it was cancelled, report that instead, once."""
        with future._condition:
            if future._state == _std.CANCELLED_AND_NOTIFIED:
                return False
            return future.set_running_or_notify_cancel()

    def _watch(future: Future, watcher: _interlock.Watcher) -> bool:
        """Add a watcher to a materialized future, unless that is done."""
        with future._condition:
            is_open = future._state not in (_std.CANCELLED_AND_NOTIFIED, _std.FINISHED)
            if is_open:
                future._waiters.append(watcher)
            return is_open

    def _unwatch(future: Future, watcher: _interlock.Watcher) -> None:
        """Remove a watcher that was in the engine when the future was materialized."""
        with future._condition:
            if watcher in future._waiters:
                future._waiters.remove(watcher)

    make_native(
        Future,
        _std.Future,
        _attributes,
        {
            "_condition": None,
            "_state": methodcaller("_interlock_state"),
            "_result": None,
            "_exception": None,
            "_waiters": None,
            "_done_callbacks": None,
        },
        (
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
        ),
        ("cancel", "set_exception", "set_result", "set_running_or_notify_cancel"),
        called=("result",),
        begin=_begin,
        watch=_watch,
        unwatch=_unwatch,
    )
    _interlock.remember_future_class(Future)

    def wait(fs: Iterable[Any], timeout: float | None = None, return_when: str = _std.ALL_COMPLETED) -> Any:
        """Wait for the futures in `fs`, for at most `timeout` seconds (None: without limit).

        Returns a named pair of sets, `done` and `not_done`. `return_when` is FIRST_COMPLETED, FIRST_EXCEPTION or
        ALL_COMPLETED. Blocks until enough futures are done. `fs` may contain futures of any library.
        """
        futures = set(fs)
        done = None
        if return_when in (_std.FIRST_COMPLETED, _std.FIRST_EXCEPTION, _std.ALL_COMPLETED):
            done = _interlock.wait_for_futures(list(futures), timeout, return_when)
        if done is None:
            return _std_wait(futures, timeout, return_when)
        return _Done(set(done), futures.difference(done))

    def as_completed(
        fs: Iterable[Any], timeout: float | None = None, *, progress: _Progress = False
    ) -> Iterator[Any]:
        """Yield each of the futures in `fs` once, as they complete.

        Blocks until the next one is done. Raises TimeoutError if not all futures are done `timeout` seconds after the
        caller asks for the first (None: without limit). `fs` may contain futures of any library. `progress`: True to
        show a bar, a string as its title, or a function to call with the numbers of futures done and of all.
        """
        fs = list(dict.fromkeys(fs))
        number = len(fs)
        done: Any = _interlock.Completed.over(fs, timeout)
        if done is None:
            done = _std_as_completed(fs, timeout)
        del fs  # so that each future is released after it was yielded
        try:
            if not progress:
                yield from done
                return
            from interlock._progress import shown

            yield from shown(done, progress, number)
        finally:
            done.close()

    for _object in (Future, wait, as_completed):
        _object.__module__ = "concurrent.futures._base"
    __replaces__ = ("Future", "as_completed", "wait")

mirror(__name__, _std, own=__replaces__)
