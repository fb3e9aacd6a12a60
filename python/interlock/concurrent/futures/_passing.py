"""Tells dependent calls that a future has ended, and their dependents in turn, however long the chain is."""

from __future__ import annotations

from collections import deque
from concurrent.futures._base import LOGGER
from threading import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["pass_on"]

_DEEPEST = 20
"""How deep calls may nest; a longer chain continues after these calls have returned."""


class _Passing(local):
    """How deep one thread's calls are nested, and the calls that the thread has put off."""

    def __init__(self) -> None:
        self.depth = 0
        self.later: deque[Callable[[], object]] = deque()


_passing = _Passing()


def pass_on(end: Callable[[], object]) -> None:
    """Call `end`, which may call this function: now, or, if calls are nested too deep, when the outermost returns."""
    here = _passing
    if here.depth == _DEEPEST:
        here.later.append(end)
        return
    here.depth += 1
    try:
        end()
    finally:
        if here.depth == 1:
            _go_on(here.later)
        here.depth -= 1


def _go_on(later: deque[Callable[[], object]]) -> None:
    while later:
        try:
            later.popleft()()
        except BaseException:  # from a callback; the other calls must still be made
            LOGGER.critical("Exception in a callback", exc_info=True)
