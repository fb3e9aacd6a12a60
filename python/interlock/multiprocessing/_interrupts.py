"""Processes that start with SIGINT blocked, and unblock it themselves.

A terminal sends SIGINT to all processes. A process that is still starting would die of it and print a traceback. So the
thread that starts a process blocks the signal during the start, and forked and spawned children inherit that. A request
to the fork server asks for the same.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the functions of `signal` would make enumerations
from _thread import _local
from contextlib import contextmanager
from multiprocessing import process as processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["are_held", "hear", "held"]

_SIGINT = {_signal.SIGINT}
_HELD = "_interlock_interrupts_are_held"
"""An attribute of the process object, so that it reaches the child, too."""
_thread: Any = _local()
"""`process`: the object that this thread is starting."""


@contextmanager
def held(process: Any) -> Iterator[None]:
    """Block SIGINT in this thread, and so in the process that it starts, unless it is blocked already.

    Raises KeyboardInterrupt at the end if the signal arrived meanwhile. Then the process is ended, because the caller
    gets no reference to it.
    """
    if _signal.SIGINT in _signal.pthread_sigmask(_signal.SIG_BLOCK, _SIGINT):
        yield
        return
    setattr(process, _HELD, True)
    _thread.process = process
    try:
        yield
    finally:
        _thread.process = None
        try:
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _SIGINT)
        except BaseException:
            if process.ident is not None:
                process.terminate()
            raise


def are_held() -> bool:
    """Whether this thread has blocked SIGINT for the process that it starts at this moment."""
    return getattr(_thread, "process", None) is not None


def hear() -> None:
    """Unblock SIGINT in a process that was started with it blocked."""
    if getattr(processes.current_process(), _HELD, False):
        _thread.process = None  # a forked process has its parent's value
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _SIGINT)
