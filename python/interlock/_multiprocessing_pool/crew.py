"""The workers of a pool, and the thread of the parent that starts and buries them."""

from __future__ import annotations

import faulthandler  # noqa: F401  so that forked workers need not import it
import threading
from contextlib import suppress
from multiprocessing import util

from interlock._interlock import ProcessPool
from interlock._multiprocessing_pool.answers import report
from interlock._multiprocessing_pool.feeder import Feeder
from interlock._multiprocessing_pool.packing import Packer, Wants
from interlock._multiprocessing_pool.worker import main, options
from interlock._worker_process.payload import here, remembers
from interlock.concurrent.futures._death_facts import bury, join_and_bury, watch
from interlock.concurrent.futures._starting import Starting, start_workers, take_seats
from interlock.multiprocessing._family import home
from interlock.multiprocessing._life import shall_end_with_parent
from interlock.threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock._interlock import ProcessSeat
    from interlock._multiprocessing_pool.extras import Extras
    from interlock._worker_process.seat import Seat
    from interlock.concurrent.futures._relay import Inlet

__all__ = ["Crew", "report"]


class Crew:
    """The workers of a pool, and the threads behind them. It has no reference to the pool, so the pool can be freed."""

    track: Callable[..., None] | None = None
    """Called with each job, if the pool has to know its own jobs: see `warm.py`."""

    def __init__(
        self,
        make_process: Callable[..., Any],
        processes: int,
        initializer: Callable[..., object] | None,
        initargs: Any,
        maxtasksperchild: int | None,
        on_worker_death: str,
        retries: int,
        memory_limit: int | None = None,
        relay: Any = None,
        remember_submit: bool | None = None,
        read_only: bool = False,
    ) -> None:
        self.engine = ProcessPool(home(), (processes, 0, maxtasksperchild), on_worker_death, retries, True)
        self.processes = processes
        self._retries = retries
        self._memory_limit, self._read_only = memory_limit, read_only
        self._relay = None if relay is None else _inlet(relay)
        self._remembers = remembers(remember_submit)
        self.workers: list[Any] = []
        self.is_closed = self.is_terminated = False
        self._make_process = make_process
        self._initializer, self._initargs = initializer, initargs
        self._packer: Packer | None = None
        self._starting = Lock()
        self.manager = threading.Thread(target=self._manage, daemon=True)
        self.feeder = Feeder(self)

    def limits(self, extras: Extras | None = None) -> tuple[float | None, int]:
        """Return the seconds that a task may run, and how often it runs again."""
        return None if extras is None else extras.task_timeout, self._retries

    def wants(self) -> Wants | None:
        """Return the settings for the pickle of a task that is submitted at this moment."""
        if not self._remembers and not self._read_only:
            return None
        return Wants(here() if self._remembers else None, self._read_only)

    def packer(self, func: Any) -> Packer:
        """Return the packer of calls of a function. Keeps that of the last function that is pickled by name."""
        wants = self.wants()
        if wants is not None:
            return Packer(func, None, wants)
        packer = self._packer
        if packer is None or packer.func is not func:
            packer = Packer(func)
            if packer.is_named:
                self._packer = packer
        return packer

    def begin(self) -> None:
        """Start the workers, and then the manager: a process that forks should have few threads."""
        try:
            self.start_missing()
            self.engine.supervise()
        except BaseException:
            for process in self.workers:
                if process.exitcode is None:
                    process.terminate()
            self._join_workers()
            raise
        self.manager.start()

    def start_missing(self, processes: int | None = None) -> None:
        """Start as many workers as are missing. `processes`: how many there are to be from now on."""
        if processes is not None and processes != self.processes:
            # One by one: if several were missing, the manager would start some of them, and the caller would not see
            # those.
            for limit in range(self.processes + 1, processes + 1):
                self.engine.set_limit(limit)
                self._start_at_most(1)
            self.processes = processes
            self.engine.set_limit(processes)
        self._start_at_most(self.engine.missing_workers())

    def _start_at_most(self, number: int) -> None:
        take_seats(self.engine, number, self._start_all)

    def _start_all(self, seats: list[ProcessSeat]) -> None:
        with self._starting:
            if self.is_terminated:
                self.engine.abandon()
                self.engine.cancel_waiting()  # calls that workers which have ended gave back
                for seat in seats:
                    self.engine.started(seat.number)
                return
            start_workers(self.engine, seats, self._new_process, self._note, self._has_started)

    def _new_process(self, seat: Seat, words: Any) -> Any:
        relay = None if self._relay is None else self._relay.outlet
        wanted = options(words, self._memory_limit, relay, self._read_only)
        process = self._make_process(target=main, args=(seat, self._initializer, self._initargs, wanted))
        process.name = process.name.replace("Process", "PoolWorker")
        process.daemon = True
        shall_end_with_parent(process)
        return process

    def _has_started(self, started: Starting) -> None:
        if self.is_closed:
            self._drop_ended()
        self.workers.append(started.process)

    def _note(self, started: Starting) -> None:
        pid = getattr(started.process, "pid", None)
        if pid is None:  # a test's stand-in for a process
            self.engine.started(started.seat.number)
            return
        watch(started.process, started.words)
        home().started(started.place, pid)
        self.engine.started(started.seat.number, pid, started.place)
        util.debug("added worker")

    def _drop_ended(self) -> None:
        for worker in [worker for worker in self.workers if worker.exitcode is not None]:
            join_and_bury(worker)
            with suppress(ValueError):  # another thread has removed it
                self.workers.remove(worker)

    def _manage(self) -> None:
        if self._relay is not None:
            self._relay.open()
        self.engine.manage(self._replace, self._bury, lambda _: self._end_workers())
        self._join_workers()
        if self._relay is not None:
            self._relay.close()
        util.debug("worker handler exiting")

    def _join_workers(self) -> None:
        for process in [*self.workers]:
            if hasattr(process, "pid"):
                join_and_bury(process)
            else:  # a test's stand-in
                process.join()

    def _replace(self, seat: ProcessSeat | BaseException) -> None:
        try:
            if isinstance(seat, BaseException):
                raise seat
            self._start_all([seat])
        except Exception as error:
            report(error)
            self.engine.give_up(dump_refusal(error))

    def _bury(self, pid: int) -> int | None:
        for process in [*self.workers]:
            if process.pid == pid:
                util.debug("cleaning up worker %d", pid)
                facts = join_and_bury(process)
                if not self.is_closed:  # otherwise it stays, as in the standard library
                    with suppress(ValueError):  # another thread has dropped it
                        self.workers.remove(process)
                return facts.exitcode
        return bury(pid).exitcode  # `_drop_ended` has removed it

    def _end_workers(self) -> None:
        with self._starting:
            for process in self.workers:
                try:
                    if process.exitcode is None:
                        process.terminate()
                except (AttributeError, ValueError):  # the program has closed it
                    continue

    def close(self) -> None:
        """Take no more calls; the workers end when all are done."""
        self.is_closed = True
        if not self.feeder.close(self.engine.shutdown):
            self.engine.shutdown()

    def join(self) -> None:
        """Wait for the end of the workers, after close() or terminate(). Blocks until then."""
        if not self.is_terminated:
            self.feeder.join()
        self.manager.join()
        for process in self.workers:
            process.join()

    def terminate(self) -> None:
        """Make no more calls, and end the workers. Blocks until they have ended."""
        util.debug("terminating workers")
        self.is_closed = self.is_terminated = True
        self.feeder.stop()
        self.engine.abandon()
        self.engine.shutdown()
        self.engine.cancel_waiting()
        self._end_workers()
        if threading.current_thread() is not self.manager and self.manager.is_alive():
            self.manager.join()


def _inlet(context: Any) -> Inlet:
    from interlock.concurrent.futures._relay import Inlet

    return Inlet(context)


def dump_refusal(error: BaseException) -> bytes:
    """Pickle the reason why no worker can be started."""
    from interlock._worker_process.transport import dump_exception

    return dump_exception(error)
