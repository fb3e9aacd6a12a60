"""The workers of a pool of processes, and the thread of the parent that starts and buries them."""

from __future__ import annotations

import faulthandler  # noqa: F401  so that forked workers need not import it
import sys
import threading
import weakref
from contextlib import suppress

from interlock._worker_process.transport import dump_exception
from interlock._worker_process.worker import Options, main
from interlock.concurrent.futures._death_facts import bury, join_and_bury, watch
from interlock.concurrent.futures._starting import Starting, start_workers, take_seats
from interlock.multiprocessing._family import home
from interlock.multiprocessing._life import shall_end_with_parent
from interlock.threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock._interlock import ProcessPool, ProcessSeat
    from interlock._worker_process.last_words import LastWords
    from interlock._worker_process.seat import Seat
    from interlock.concurrent.futures._relay import Inlet

__all__ = ["Crew", "Manager", "end"]


_GRACE = 1.0
"""Seconds that workers have after a Ctrl-C to end what they run."""


def end(process: Any, how: str) -> None:
    """End a process by its method of that name, if it still runs."""
    with suppress(ValueError, ProcessLookupError):  # it has ended, or was closed
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
        """End all processes by their method of that name, and those that are just being started. Calls are lost."""
        self.pool.abandon()
        self._ends_by = how
        for process in [*self.processes.values()]:
            end(process, how)

    def start_missing(self) -> None:
        """Start as many processes as are missing. Raises OSError if there can't be one."""
        with self._lock:
            take_seats(self.pool, self.pool.missing_workers(), self._start_all)

    def start_another(self) -> None:
        """Start a process, unless there are as many as there may be. Raises OSError if there can't be one."""
        seat = self.pool.add_worker()
        if seat is not None:
            self.start(seat)

    def start(self, given: ProcessSeat) -> None:
        """Start a process for a seat. Raises OSError if there can't be one."""
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


class Waker:
    """Wakes a manager, and does not keep it: the standard library forgets a thread only when nobody has it."""

    def __init__(self, manager: Manager) -> None:
        self._manager = weakref.ref(manager)

    def wakeup(self) -> None:
        manager = self._manager()
        if manager is not None:
            manager.wakeup()


class Manager(threading.Thread):
    """The thread that does for a pool what needs the interpreter: starts and buries workers, and calls callbacks.

    It does not keep the pool's owner alive. When that is gone, the pool is shut down.
    """

    def __init__(self, owner: Any, crew: Crew, broke: Callable[[Any], None]) -> None:
        super().__init__()
        self._crew = crew
        self._broke = broke
        shut_down = crew.pool.shutdown
        self._owner = weakref.ref(owner, lambda _: shut_down())

    def waker(self) -> Waker:
        """Return what the standard library keeps beside this thread, and calls at the exit."""
        return Waker(self)

    def wakeup(self) -> None:
        """The interpreter is exiting: the workers do what was submitted, and end. After a Ctrl-C, they end at once."""
        self._crew.pool.shutdown()
        if isinstance(getattr(sys, "last_value", None), KeyboardInterrupt):
            self.interrupt()

    def interrupt(self) -> None:
        """End the pool: cancel what waits, and kill the workers that do not end at once what they run.

        Ctrl-C in a terminal reaches them, too; but a function written in C may go on.
        """
        crew = self._crew
        crew.pool.shutdown()
        crew.pool.cancel_waiting()
        self.join(_GRACE)
        if self.is_alive():
            crew.end_all("kill")
            self.join()

    def run(self) -> None:
        """Do what the pool asks for, until it is at its end."""
        crew = self._crew
        if crew.relay is not None:
            crew.relay.open()
        crew.pool.manage(self._start, self._bury, self._break)
        for process in [*crew.processes.values()]:
            join_and_bury(process)
        if crew.relay is not None:
            crew.relay.close()

    def _start(self, seat: ProcessSeat) -> None:
        try:
            self._crew.start(seat)
        except Exception as error:
            self._crew.pool.give_up(dump_exception(error))

    def _bury(self, pid: int) -> None:
        process = self._crew.processes.pop(pid, None)
        if process is None:  # a program has taken it out
            bury(pid)
        else:
            join_and_bury(process)

    def _break(self, _: Any) -> None:
        owner = self._owner()
        if owner is not None:
            self._broke(owner)
        for process in [*self._crew.processes.values()]:
            process.terminate()
