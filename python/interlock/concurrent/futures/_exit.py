"""The exit of the interpreter: executors do what waits, and their threads end."""

from __future__ import annotations

import threading as _std_threading
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interlock._interlock import Seat
    from interlock.concurrent.futures._thread_pool import ThreadPoolExecutor
    from interlock.threading import Thread

__all__ = ["Exit"]


class Exit:
    """All executors and their workers, and whether it is too late for new calls, and for new threads."""

    def __init__(self) -> None:
        self.began = False
        self.ended = False
        self.executors: weakref.WeakSet[ThreadPoolExecutor] = weakref.WeakSet()
        self.seats: weakref.WeakKeyDictionary[Thread, Seat] = weakref.WeakKeyDictionary()
        _std_threading._register_atexit(self.begin)  # type: ignore[attr-defined]

    def begin(self) -> None:
        """Wait until all that was submitted is done, and nobody works any more."""
        self.began = True
        for executor in list(self.executors):
            executor._submit_no_more()
        self._do_held_calls()
        self.ended = True
        workers = list(self.seats.items())
        for _, seat in workers:
            seat.close()
        for thread, _ in workers:
            thread.join()

    def _do_held_calls(self) -> None:
        """Wait for the calls that wait for others, as long as there are any to wait for.

        When all that was submitted is done, and no held call was submitted meanwhile, those that are left wait for a
        future that no executor will end. They are cancelled.
        """
        before = None
        while any(executor._held for executor in list(self.executors)):
            done = [seat.wait_until_done() for seat in list(self.seats.values())]
            if done == before:
                break
            before = done
        for executor in list(self.executors):
            for future in list(executor._held):
                future.cancel()
