"""Time limits of futures: one thread cancels those whose time is over."""

from __future__ import annotations

import threading as _std_threading
import weakref
from concurrent.futures._base import LOGGER

from interlock._interlock import Alarms
from interlock._lifecycle import after_fork_in_child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interlock.concurrent.futures._base import Future

__all__ = ["cancel_after"]

_alarms = Alarms()
after_fork_in_child(_alarms.reset)


def cancel_after(future: Future, timeout: float) -> None:
    """Cancel `future` in `timeout` seconds, or ask its call to stop if it is running then. Never blocks."""
    alarm, wanted = _alarms.put(timeout, weakref.ref(future))
    future.add_done_callback(alarm)
    if wanted:
        _std_threading.Thread(target=_cancel, name="interlock-clock", daemon=True).start()


def _cancel() -> None:
    """Cancel futures as they fall due, until none is left."""
    while (reference := _alarms.next()) is not None:
        future = reference()
        if future is not None:
            try:
                getattr(future, "_interlock_cancel_at_once", future.cancel)()
            except BaseException:  # from a callback; the other futures must be cancelled all the same
                LOGGER.critical("Exception in a callback of %r", future, exc_info=True)
        del future
