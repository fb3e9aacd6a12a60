"""Two options for the pickles of a pool's calls: naming the place of submission, and read-only buffers."""

from __future__ import annotations

import os
import sys

from interlock._worker_process.transport import dump_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Placed", "dump_read_only_result", "here", "placed", "read_only", "remembers"]

_OWN = ("interlock.", "concurrent.futures.", "multiprocessing.pool")


def remembers(remember_submit: bool | None) -> bool:
    """Return whether calls name their place: by default, if the environment variable INTERLOCK_SUBMIT_PLACE is 1."""
    return os.environ.get("INTERLOCK_SUBMIT_PLACE") == "1" if remember_submit is None else remember_submit


def here() -> str:
    """Return the file and line of the program's code that submits a call at this moment."""
    frame = sys._getframe(1)
    while frame.f_back is not None and f"{frame.f_globals.get('__name__', '')}.".startswith(_OWN):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


class Placed:
    """A function on its way to a worker, with the place where the program submits its call.

    The worker gets the bare function. The place stays in the pickle, which the parent keeps until the call has an
    answer: `_call_description` finds it there.
    """

    __slots__ = ("fn", "place")

    def __init__(self, fn: Callable[..., Any], place: str) -> None:
        self.fn, self.place = fn, place

    def __reduce__(self) -> tuple[Any, ...]:
        return unplaced, (self.fn, self.place)


def placed(fn: Any, place: str | None = None) -> Any:
    """Return a function with its place, by default the program's current line. A function with a place keeps it."""
    return fn if isinstance(fn, Placed) else Placed(fn, here() if place is None else place)


def unplaced(fn: Callable[..., Any], place: str) -> Callable[..., Any]:
    """Return the function, in a worker."""
    return fn


def read_only(payload: Any) -> Any:
    """Return the same pickle with read-only large buffers: the receiver can't write to them."""
    if type(payload) is bytes:
        return payload
    parts, buffers = payload
    return parts, [memoryview(buffer).toreadonly() for buffer in buffers]


def dump_read_only_result(result: object) -> Any:
    """Do what `dump_result()` does, but let the receiver only read large buffers."""
    return read_only(dump_result(result))
