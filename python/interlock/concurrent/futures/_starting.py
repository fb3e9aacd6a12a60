"""Starts workers for the seats of a pool: all objects are made before the first fork, notes are taken after the last.

The reason: each page that a process writes to after a fork has to be copied by the kernel first.
"""

from __future__ import annotations

from interlock import _interlock
from interlock._lifecycle import before_fork
from interlock._worker_process.last_words import LastWords
from interlock._worker_process.seat import Seat
from interlock._worker_process.start import start
from interlock.concurrent.futures._death_facts import expect
from interlock.multiprocessing._family import home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock._interlock import ProcessPool, ProcessSeat

__all__ = ["Starting", "start_workers", "take_seats"]

before_fork(_interlock.ProcessPool.take_answers)


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


def take_seats(pool: ProcessPool, number: int, start_all: Callable[[list[ProcessSeat]], None]) -> None:
    """Take at most `number` seats and start workers for them, even for the seats taken before an error."""
    seats: list[ProcessSeat] = []
    try:
        for _ in range(number):
            seat = pool.add_worker()
            if seat is not None:
                seats.append(seat)
    finally:
        start_all(seats)


def start_workers(
    pool: ProcessPool,
    seats: list[ProcessSeat],
    new_process: Callable[[Seat, LastWords | None], Any],
    note: Callable[[Starting], None],
    has_started: Callable[[Starting], None] | None = None,
) -> None:
    """Start a worker for each seat. If one can't be started, raises its error; the workers before it stay.

    `has_started` is called with each worker at once, `note` after the last fork.
    """
    number = 0
    forked: list[Starting] = []
    try:
        new = [Starting(seat, new_process) for seat in seats]
        expect()
        for each in new:
            each.start()
            number += 1
            if has_started is not None:
                has_started(each)
            if each.is_fork:
                forked.append(each)
            else:
                note(each)
    finally:
        for each in forked:
            note(each)
        for seat in seats[number:]:
            pool.started(seat.number)


def _last_words() -> LastWords | None:
    try:
        return LastWords()
    except OSError:  # no descriptor is left: the worker runs without the file
        return None
