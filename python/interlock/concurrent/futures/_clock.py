"""Futures that are cancelled when their time is over."""

from __future__ import annotations

import heapq
import itertools
import os
import weakref
from time import monotonic

from interlock.threading import Condition, Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interlock.concurrent.futures._base import Future

__all__ = ["clock"]


class Clock:
    """Cancels futures at given times, on a thread that lives while there are any."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._entries: list[tuple[float, int, weakref.ref[Future]]] = []
        self._numbers = itertools.count()
        self._thread: Thread | None = None

    def cancel_after(self, future: Future, timeout: float) -> None:
        """Cancel `future` in `timeout` seconds, or ask its task to stop if it runs then. Never blocks."""
        entry = (monotonic() + timeout, next(self._numbers), weakref.ref(future))
        with self._changed:
            heapq.heappush(self._entries, entry)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="interlock-clock", daemon=True)
                self._thread.start()
            elif self._entries[0] is entry:
                self._changed.notify()

    def _run(self) -> None:
        while (reference := self._next()) is not None:
            future = reference()
            if future is not None:
                future.cancel()
            del future

    def _next(self) -> weakref.ref[Future] | None:
        """The next one whose time is over; None when there is none at all. Blocks until then."""
        with self._changed:
            while self._entries:
                left = self._entries[0][0] - monotonic()
                if left <= 0:
                    return heapq.heappop(self._entries)[2]
                self._changed.wait(left)
            self._thread = None
            return None


clock = Clock()
os.register_at_fork(after_in_child=clock.__init__)  # type: ignore[misc]
