"""What a worker of a `Pool` runs, and how its answers travel."""

from __future__ import annotations

import sys
import threading
from multiprocessing.pool import MaybeEncodingError, RemoteTraceback  # type: ignore[attr-defined]

from interlock._installation import installed
from interlock._multiprocessing_pool.packing import unpack, unpacked
from interlock.concurrent.futures._described import parts_text
from interlock.concurrent.futures._process_payload import read_only
from interlock.concurrent.futures._process_results import Death, broken, worker_died
from interlock.concurrent.futures._process_results import answer as error_of
from interlock.concurrent.futures._process_worker import Options
from interlock.concurrent.futures._process_worker import main as serve
from interlock.concurrent.futures._transport import dump_alone, dump_exception, dump_result, load_exception
from interlock.multiprocessing._pickling import dump as plain_dump
from interlock.multiprocessing._pickling import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock.concurrent.futures._evidence import LastWords
    from interlock.concurrent.futures._relay import Outlet

__all__ = ["Failed", "answer", "main", "options", "report", "terminated"]


def main(
    seat: Any, initializer: Callable[..., object] | None, initargs: tuple[Any, ...], options: Options
) -> None:
    """Serve the pool. The target of its processes."""
    try:
        serve(seat, initializer, initargs, options)
    except KeyboardInterrupt:
        sys.exit(1)  # Ctrl-C ended a task. The parent has it, too, and tells about it.


def options(
    last_words: LastWords | None,
    memory_limit: int | None = None,
    relay: Outlet | None = None,
    read_only: bool = False,
) -> Options:
    """Return what a pool wants of a worker."""
    how = dump_read_only if read_only else dump
    return Options(memory_limit, last_words, relay, how, fail, unpack)


def dump(result: object) -> Any:
    """Pickle a result, or raise what `fail()` makes the error of the standard library's pool."""
    try:
        if "multiprocessing.pool" in installed():
            return plain_dump(result)  # programs get the error that they know
        return dump_result(result)
    except Exception as error:
        raise _Unsent(MaybeEncodingError(error, result)) from None


def dump_read_only(result: object) -> Any:
    """Do the same, for a receiver that reads large buffers only."""
    return read_only(dump(result))


class _Unsent(Exception):
    """A result that can't be sent: raised with what the task fails with instead. No traceback belongs to that."""


def fail(error: BaseException) -> bytes:
    """Pickle the exception of a task. What is no `Exception` ends the worker, as in the standard library."""
    if type(error) is _Unsent:
        return dump_alone(error.args[0])
    if not isinstance(error, Exception):
        raise error
    try:
        dumps(error)
    except Exception as reason:
        return dump_alone(MaybeEncodingError(reason, error))
    return dump_exception(error)


class Failed:
    """What a task gives that has no result: its exception."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def answer(kind: str, data: Any, payload: Any = None) -> Any:
    """Return the result of a task, or what it failed with. `kind`, `data` and `payload` are what the engine has."""
    if kind == "cancelled":
        return Failed(terminated())
    try:
        if kind == "failed":
            return Failed(load_exception(data, RemoteTraceback))
        if kind == "died":
            return Failed(worker_died(_death(data, payload)))
        if kind == "broken":
            return Failed(broken(_death(data, payload), _BROKEN))
        return Failed(error_of(kind, data, _described(payload)))
    except Exception as error:
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
    """Return what tasks raise that a pool did not run before it was terminated."""
    error: Any = RuntimeError("the pool was terminated before it made this call")
    error._interlock_mark = _TERMINATED
    return error  # type: ignore[no-any-return]


def is_end(error: Any) -> bool:
    """Whether `terminated()` has made this, in this process."""
    return getattr(error, "_interlock_mark", None) is _TERMINATED


_TERMINATED = object()
"""The mark of these errors. A copy that comes from another process has another object there."""
_BROKEN = "The pool is broken: no worker can run this task."


def report(error: BaseException) -> None:
    """Report an exception of a callback through `threading.excepthook`, like one that ends a thread."""
    arguments = type(error), error, error.__traceback__, threading.current_thread()
    threading.excepthook(threading.ExceptHookArgs(arguments))
