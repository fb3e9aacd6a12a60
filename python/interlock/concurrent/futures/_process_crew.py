"""The workers of a pool of processes, and the thread of the parent that starts and buries them."""

from __future__ import annotations

import concurrent.futures.process as _std
import faulthandler  # noqa: F401  so that forked workers need not import it
import signal
import sys
import threading
import weakref
from contextlib import suppress
from multiprocessing.process import current_process

from interlock._interlock import monotonic
from interlock._worker_process.transport import dump_exception
from interlock._worker_process.worker import Options, main
from interlock.concurrent.futures._death_facts import bury, join_and_bury, watch
from interlock.concurrent.futures._starting import Starting, start_workers, take_seats
from interlock.multiprocessing._family import home
from interlock.multiprocessing._life import shall_end_with_parent
from interlock.threading import Event, Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock._interlock import ProcessPool, ProcessSeat
    from interlock._worker_process.last_words import LastWords
    from interlock._worker_process.seat import Seat
    from interlock.concurrent.futures._base import Future
    from interlock.concurrent.futures._relay import Inlet

__all__ = ["Crew", "Manager", "end", "interrupt", "is_interrupt"]


_GRACE = 1.0
"""Seconds after a Ctrl-C until workers that still run a call are killed."""


def end(process: Any, how: str) -> None:
    """End a process by its method `how` ("terminate" or "kill"), if it still runs."""
    with suppress(ValueError, ProcessLookupError):  # it has ended, or the program has closed it
        getattr(process, how)()


class Crew:
    """Starts the processes of a pool, which call `initializer(*initargs)` first."""

    _ends_by: str | None = None

    def __init__(
        self,
        pool: ProcessPool,
        make_process: Callable[..., Any],
        processes: dict[int, Any],
        initializer: Callable[..., object] | None,
        initargs: tuple[Any, ...],
        relay: Inlet | None = None,
        **options: Any,
    ) -> None:
        self.pool = pool
        self.processes = processes
        self.relay = relay
        self._make_process = make_process
        self._initializer, self._initargs = initializer, initargs
        self._options = options
        if relay is not None:
            self._options["relay"] = relay.outlet
        self._lock = Lock()

    def end_all(self, how: str) -> None:
        """End all processes by their method `how`, also processes that are just being started. Their calls are lost.

        Does nothing in a forked child: the processes are its parent's.
        """
        if self.pool.is_of_parent():
            return
        self.pool.abandon()
        self._ends_by = how
        for process in [*self.processes.values()]:
            end(process, how)

    def begin(self, is_forked: bool) -> None:
        """If the processes are forked, start them all before the first call: a fork should find few threads.

        Otherwise, raise RuntimeError in a child that is still importing the main module, before the thread exists that
        would start processes later. Forked processes may be started in such a child, as in the standard library.
        """
        if is_forked:
            self.start_missing()
        elif getattr(current_process(), "_inheriting", False):
            from multiprocessing import spawn

            spawn._check_not_importing_main()  # type: ignore[attr-defined]

    def start_missing(self) -> None:
        """Start the missing processes. Raises OSError if a process can't be started."""
        with self._lock:
            take_seats(self.pool, self.pool.missing_workers(), self._start_all)

    def start_for(self, future: Future[Any]) -> None:
        """Start the missing processes for a call that was just submitted. If this raises, the call will not run.

        If a worker already has the call, raises no `Exception`.
        """
        try:
            self.start_missing()
        except BaseException as error:
            if self.pool.withdraw(future) or not isinstance(error, Exception):
                raise

    def start_another(self) -> None:
        """Start a process, unless the pool has all its processes. Raises OSError if it can't be started."""
        seat = self.pool.add_worker()
        if seat is not None:
            self.start(seat)

    def start(self, given: ProcessSeat) -> None:
        """Start a process for a seat. Raises OSError if it can't be started."""
        self._start_all([given])

    def _start_all(self, seats: list[ProcessSeat]) -> None:
        start_workers(self.pool, seats, self._new_process, self._note)

    def _new_process(self, seat: Seat, words: LastWords | None) -> Any:
        options = Options(last_words=words, **self._options)
        process = self._make_process(target=main, args=(seat, self._initializer, self._initargs, options))
        shall_end_with_parent(process)
        return process

    def _note(self, started: Starting) -> None:
        process, place = started.process, started.place
        self.processes[process.pid] = process
        watch(process, started.words)
        home().started(place, process.pid)
        self.pool.started(started.seat.number, process.pid, place)
        if self._ends_by is not None:  # end_all() may not have seen this process
            end(process, self._ends_by)


def interrupt(managers: list[Manager]) -> None:
    """End pools: cancel the waiting calls, and kill the workers that still run a call a second later.

    Ctrl-C in a terminal reaches the workers, too, but a function written in C may continue. A forked child leaves its
    parent's pools alone: nothing ends there for which it could wait.
    """
    managers = [manager for manager in managers if not manager.is_of_parent]
    for manager in managers:
        manager.give_up()
    until = monotonic() + _GRACE
    try:
        for manager in managers:
            manager.finished.wait(max(0.0, until - monotonic()))
    finally:  # after a second Ctrl-C the workers are killed at once
        for manager in managers:
            manager.kill()


def _all_managers() -> list[Manager]:
    return [thread for thread in [*_std._threads_wakeups] if isinstance(thread, Manager)]


def is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is the reason why a block ends. In `asyncio.run()`, Ctrl-C first cancels the main task.

    Only a private attribute of the runner distinguishes that cancellation from others. The runner is found through its
    handler for SIGINT.
    """
    if isinstance(error, KeyboardInterrupt):
        return True
    asyncio = sys.modules.get("asyncio")
    if error is None or asyncio is None or not isinstance(error, asyncio.CancelledError):
        return False
    runner = getattr(getattr(signal.getsignal(signal.SIGINT), "func", None), "__self__", None)
    count: int = getattr(runner, "_interrupt_count", 0)
    return count > 0


class Waker:
    """Wakes a manager through a weak reference: the standard library forgets a thread when no reference is left."""

    def __init__(self, manager: Manager) -> None:
        self._manager = weakref.ref(manager)

    def wakeup(self) -> None:
        manager = self._manager()
        if manager is not None:
            manager.wakeup()


class Manager(threading.Thread):
    """The thread that does a pool's work in Python: it starts workers, buries them, and calls callbacks.

    It does not keep the pool's owner alive. When the owner is gone, the pool is shut down.
    """

    def __init__(self, owner: Any, crew: Crew, broke: Callable[[Any], None]) -> None:
        super().__init__()
        self.finished = Event()
        """Set when all is done. (Up to 3.12, `threading` regards a thread as ended after Ctrl-C has ended its join.)"""
        self._crew = crew
        self._broke = broke
        shut_down = crew.pool.shutdown
        self._owner = weakref.ref(owner, lambda _: shut_down())

    def waker(self) -> Waker:
        """Return the object that the standard library keeps beside this thread, and calls at exit."""
        return Waker(self)

    def wakeup(self) -> None:
        """Handle the interpreter's exit: the workers finish the submitted calls. After a Ctrl-C, they end at once."""
        self._crew.pool.shutdown()
        if isinstance(getattr(sys, "last_value", None), KeyboardInterrupt):
            interrupt(_all_managers())

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the pool. If Ctrl-C ends the wait while the interpreter is exiting, end all pools."""
        try:
            super().join(timeout)
        except KeyboardInterrupt:
            if _std._global_shutdown:
                interrupt(_all_managers())
            raise

    @property
    def is_of_parent(self) -> bool:
        """Whether the pool belongs to the process that forked this one."""
        return self._crew.pool.is_of_parent()

    def give_up(self) -> None:
        """Accept no more calls, and cancel the waiting calls."""
        self._crew.pool.shutdown()
        self._crew.pool.cancel_waiting()

    def kill(self) -> None:
        """Kill the workers, unless all is done, and wait until they have ended."""
        if not self.finished.is_set():
            self._crew.end_all("kill")
            self.finished.wait()

    def run(self) -> None:
        """Serve the pool's requests until the pool ends."""
        try:
            self._manage()
        finally:
            self.finished.set()

    def _manage(self) -> None:
        crew = self._crew
        if crew.relay is not None:
            crew.relay.open()
        crew.pool.manage(self._start, self._bury, self._break)
        for process in [*crew.processes.values()]:
            join_and_bury(process)
        if crew.relay is not None:
            crew.relay.close()

    def _start(self, seat: ProcessSeat | BaseException) -> None:
        try:
            if isinstance(seat, BaseException):
                raise seat
            self._crew.start(seat)
        except Exception as error:
            self._crew.pool.give_up(dump_exception(error))

    def _bury(self, pid: int) -> int | None:
        process = self._crew.processes.pop(pid, None)
        # A program may have removed the process from the dictionary.
        return (bury(pid) if process is None else join_and_bury(process)).exitcode

    def _break(self, _: Any) -> None:
        owner = self._owner()
        if owner is not None:
            self._broke(owner)
        for process in [*self._crew.processes.values()]:
            end(process, "terminate")
