"""Notes on exceptions: which call raised, where the program submitted it, and which thread ran it."""

from __future__ import annotations

import sys
from threading import current_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["add", "site"]

_HERE = __name__.rpartition(".")[0]


def site() -> str:
    """Return the file and line of the code outside this package that submits a call."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_HERE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def add(error: BaseException, function: Callable[..., object], submitted: str) -> None:
    """Add the note to `error`, without changing its type or message."""
    name = getattr(function, "__qualname__", None) or repr(function)
    error.add_note(f"In {name}(), submitted at {submitted}, run by {current_thread().name}.")
