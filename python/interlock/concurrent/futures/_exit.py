"""The exit of the interpreter: executors do what waits, and their threads end."""

from __future__ import annotations

import threading as _std_threading
import weakref
from concurrent.futures._base import LOGGER
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Thread

    from interlock._interlock import Seat
    from interlock.concurrent.futures._thread_pool import ThreadPoolExecutor

__all__ = ["Exit"]


class Exit:
    """All executors and their workers, and whether it is too late for new calls, and for new threads.

    Others come and go while one looks at them: so they are in dictionaries, which are copied in one step.
    """

    def __init__(self) -> None:
        self.began = False
        self.ended = False
        self._executors: dict[int, weakref.ref[ThreadPoolExecutor]] = {}
        self._seats: dict[Thread, Seat] = {}
        _std_threading._register_atexit(self.begin)  # type: ignore[attr-defined]

    def add_executor(self, executor: ThreadPoolExecutor) -> None:
        """Know an executor as long as it lives."""
        number, executors = id(executor), self._executors
        executors[number] = weakref.ref(executor, lambda _: executors.pop(number, None))

    def executors(self) -> list[ThreadPoolExecutor]:
        """The executors, at this moment."""
        references = self._executors.copy().values()
        return [executor for reference in references if (executor := reference()) is not None]

    def add_worker(self, thread: Thread, seat: Seat) -> None:
        """Know a worker that is about to be started."""
        self._seats[thread] = seat
        if self.ended:  # nobody else will do it
            seat.close()

    def remove_worker(self, thread: Thread) -> None:
        """Forget a worker that ends, or could not be started."""
        self._seats.pop(thread, None)

    def forget_workers(self) -> None:
        """In the child of a fork, where they do not exist."""
        self._seats.clear()

    def begin(self) -> None:
        """Wait until all that was submitted is done, and nobody works any more."""
        self.began = True
        for executor in self.executors():
            executor._submit_no_more()
        self._do_held_calls()
        self.ended = True
        workers = self._seats.copy()
        for seat in workers.values():
            seat.close()
        for thread in workers:
            with suppress(RuntimeError):  # it is only about to be started, and waited for as any other thread
                thread.join()

    def _do_held_calls(self) -> None:
        """Wait for the calls that wait for others, as long as there are any to wait for.

        When all that was submitted is done, and no held call was submitted meanwhile, those that are left wait for a
        future that no executor will end. They are cancelled.
        """
        before = None
        while any(executor._held for executor in self.executors()):
            done = [seat.wait_until_done() for seat in self._seats.copy().values()]
            if done == before:
                break
            before = done
        for executor in self.executors():
            for future in executor._held.copy():
                try:
                    future._cancel_at_once()
                except BaseException:  # of a callback: the threads are to end all the same
                    LOGGER.critical("Exception in a callback of %r", future, exc_info=True)
