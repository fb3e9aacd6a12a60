"""The workers of a pool of processes, and the thread of the parent that starts and buries them."""

from __future__ import annotations

import faulthandler  # noqa: F401  so that forked workers need not import it
import sys
import threading
import weakref
from contextlib import suppress

from interlock._worker_process.last_words import LastWords
from interlock._worker_process.seat import Seat
from interlock._worker_process.start import start
from interlock._worker_process.transport import dump_exception
from interlock._worker_process.worker import Options, main
from interlock.concurrent.futures._death_facts import bury, expect, join_and_bury, watch
from interlock.multiprocessing._family import home
from interlock.multiprocessing._life import shall_end_with_parent
from interlock.threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock._interlock import ProcessPool, ProcessSeat
    from interlock.concurrent.futures._relay import Inlet

__all__ = ["Crew", "Manager", "Starting", "end"]


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
        seats: list[ProcessSeat] = []
        with self._lock:
            try:
                for _ in range(self.pool.missing_workers()):
                    seat = self.pool.add_worker()
                    if seat is not None:
                        seats.append(seat)
            finally:
                self._start_all(seats)

    def start_another(self) -> None:
        """Start a process, unless there are as many as there may be. Raises OSError if there can't be one."""
        seat = self.pool.add_worker()
        if seat is not None:
            self.start(seat)

    def start(self, given: ProcessSeat) -> None:
        """Start a process for a seat. Raises OSError if there can't be one."""
        self._start_all([given])

    def _start_all(self, given: list[ProcessSeat]) -> None:
        """Start a process for each seat. Raises OSError if there can't be one; those before it have started then.

        What this process writes after a fork, the kernel copies first, page by page. So all that can be made before the
        first fork is, and what can wait comes after the last one.
        """
        number = 0
        forked: list[Starting] = []
        try:
            new = [Starting(seat, self._new_process) for seat in given]
            expect()
            for each in new:
                each.start()
                number += 1
                if each.is_fork:
                    forked.append(each)
                else:
                    self._note(each)
        finally:
            for each in forked:
                self._note(each)
            for seat in given[number:]:
                self.pool.started(seat.number)

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


class Starting:
    """A worker that is being started: its seat, its process, and its place in the family."""

    __slots__ = ("place", "process", "seat", "words")

    def __init__(self, given: ProcessSeat, new_process: Callable[[Seat, LastWords | None], Any]) -> None:
        self.seat, self.words = Seat(given), _last_words()
        self.process = new_process(self.seat, self.words)
        self.place = 0

    @property
    def is_fork(self) -> bool:
        return getattr(self.process, "_start_method", None) == "fork"

    def start(self) -> None:
        start(self.process)
        self.place = self.seat.place or home().last_child()


def _last_words() -> LastWords | None:
    try:
        return LastWords()
    except OSError:  # no descriptor is left: the worker can do without
        return None


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
