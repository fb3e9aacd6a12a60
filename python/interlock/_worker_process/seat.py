"""A worker's seat in a pool of processes, and how the worker gets it. A worker that is not forked imports this."""

from __future__ import annotations

from multiprocessing import context as _contexts

from interlock._interlock import ProcessSeat
from interlock.multiprocessing._family import hand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interlock._interlock import Family

__all__ = ["Seat"]


class Seat:
    """A worker's seat in a pool. A forked worker inherits it; any other worker gets it pickled when it is started."""

    place = 0
    """The place in the family of the process that this seat was pickled for."""

    def __init__(self, seat: ProcessSeat) -> None:
        self._seat = seat

    def serve(self) -> Any:
        """Return the object through which the worker takes calls and sends answers."""
        return self._seat.serve()

    @property
    def number(self) -> int:
        """The seat's number in the pool."""
        return self._seat.number

    @property
    def index(self) -> int:
        """The worker's number among the pool's workers. The worker that replaces a dead one has the same number."""
        return self._seat.index

    def __reduce__(self) -> tuple[Any, ...]:
        _contexts.assert_spawning(self)
        popen = _contexts.get_spawning_popen()
        calls, answers = self._seat.handles()
        place, number_of_calls = hand(calls, popen)
        _, number_of_answers = hand(answers, popen)
        self.place = place.word
        return _arrive, (place, self._seat.number, number_of_calls, number_of_answers, self._seat.parent)


def _arrive(family: Family, number: int, calls: int, answers: int, parent: int) -> Seat:
    return Seat(ProcessSeat.open(family, number, calls, answers, parent))
