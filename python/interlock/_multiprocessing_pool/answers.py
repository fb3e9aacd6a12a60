"""The answers of tasks of a `Pool`: results and errors."""

from __future__ import annotations

import threading
from multiprocessing.pool import RemoteTraceback  # type: ignore[attr-defined]

from interlock._multiprocessing_pool.unpacking import unpacked
from interlock._worker_process.transport import load_exception
from interlock.concurrent.futures._call_description import parts_text
from interlock.concurrent.futures._process_errors import Death, broken, worker_died
from interlock.concurrent.futures._process_errors import answer as error_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Failed", "answer", "is_end", "report", "terminated"]


class Failed:
    """The answer of a task that failed: its exception."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def answer(kind: str, data: Any, payload: Any = None, strictly: bool = False) -> Any:
    """Return the result of a task, or a `Failed`. The engine passes all arguments.

    `strictly`: raise the error of unpickling or of making the answer: a signal handler may have raised it.
    """
    if kind == "cancelled":
        return Failed(terminated())
    try:
        if kind == "failed":
            return Failed(load_exception(data, RemoteTraceback, strictly))
        if kind == "died":
            return Failed(worker_died(_death(data, payload)))
        if kind == "broken":
            return Failed(broken(_death(data, payload), _BROKEN))
        return Failed(error_of(kind, data, _described(payload)))
    except Exception as error:
        if strictly:
            raise
        return Failed(error)


def _death(told: Any, payload: bytes | None) -> Death:
    death = Death(told, payload)
    task = _described(payload) if death.was_running else None
    if isinstance(task, str):
        death.task = task
    return death


def _described(payload: bytes | None) -> Any:
    """Describe a packed task; any other payload is returned as it is."""
    parts = unpacked(payload) if payload else None
    return payload if parts is None else parts_text(*parts)


def terminated() -> RuntimeError:
    """Return the error of a task that the pool did not run before it was terminated."""
    error: Any = RuntimeError("the pool was terminated before it made this call")
    error._interlock_mark = _TERMINATED
    return error  # type: ignore[no-any-return]


def is_end(error: Any) -> bool:
    """Whether `terminated()` has made this error, in this process."""
    return getattr(error, "_interlock_mark", None) is _TERMINATED


_TERMINATED = object()
"""The mark of these errors. In a copy that comes from another process, the mark is another object."""
_BROKEN = "The pool is broken: no worker can run this task."


def report(error: BaseException) -> None:
    """Report an exception of a callback through `threading.excepthook`, like one that ends a thread."""
    arguments = type(error), error, error.__traceback__, threading.current_thread()
    threading.excepthook(threading.ExceptHookArgs(arguments))
