"""What a worker of a `Pool` runs, and how its answers travel."""

from __future__ import annotations

import sys
from multiprocessing.pool import MaybeEncodingError, RemoteTraceback
from typing import Any, NamedTuple

from interlock._worker_died import TaskTimeoutError
from interlock.concurrent.futures._process_results import broken, worker_died
from interlock.concurrent.futures._process_worker import Options
from interlock.concurrent.futures._process_worker import main as serve
from interlock.concurrent.futures._transport import (
    dump_call,
    dump_exception,
    dump_result,
    load_exception,
    load_result,
)
from interlock.multiprocessing._pickling import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interlock.concurrent.futures._evidence import LastWords

__all__ = ["Failed", "answer", "dump_task", "main", "options", "terminated"]


def main(
    seat: Any, initializer: Callable[..., object] | None, initargs: tuple[Any, ...], options: Options
) -> None:
    """Serve the pool. The target of its processes."""
    try:
        serve(seat, initializer, initargs, options)
    except KeyboardInterrupt:
        sys.exit(1)  # Ctrl-C ended a task. The parent has it, too, and tells about it.


def options(last_words: LastWords | None) -> Options:
    """Return what a pool wants of a worker."""
    return Options(last_words=last_words, dump=dump, fail=fail)


def dump_task(func: Callable[..., Any], args: Any, kwds: Any) -> bytes:
    """Pickle a call. Raises what the pickler raises."""
    try:
        return dumps((func, tuple(args), dict(kwds)))
    except Exception:
        return dump_call(func, tuple(args), dict(kwds))


def dump(result: object) -> bytes:
    """Pickle a result, or raise what the standard library's pool raises if that is not possible."""
    try:
        return dump_result(result)
    except Exception as error:
        raise MaybeEncodingError(error, result) from None


def fail(error: BaseException) -> bytes:
    """Pickle the exception of a task. What is no `Exception` ends the worker, as in the standard library."""
    if not isinstance(error, Exception):
        raise error
    try:
        dumps(error)
    except Exception as reason:
        traceback = error.__traceback__
        error = MaybeEncodingError(reason, error).with_traceback(traceback)
    return dump_exception(error)


class Failed:
    """What a task gives that has no result: its exception."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def answer(kind: str, data: Any, payload: Any = None) -> Any:
    """Return the result of a task, or what it failed with. `kind`, `data` and `payload` are what the engine has."""
    try:
        if kind == "returned":
            return load_result(data)
        if kind == "failed":
            return Failed(load_exception(data, RemoteTraceback))
        if kind == "cancelled":
            return Failed(terminated())
    except Exception as error:
        return Failed(error)
    if kind == "died":
        return Failed(worker_died(Death(*data, payload)))
    if kind == "broken":
        return Failed(broken(Death(*data, payload), _BROKEN))
    if kind == "timed-out":
        return Failed(TaskTimeoutError("the task ran for longer than its timeout, and its worker was ended"))
    return Failed(MemoryError(f"the task could not be sent to a worker: {data}"))


def terminated() -> RuntimeError:
    """Return what tasks raise that a pool did not run before it was terminated."""
    return RuntimeError("the pool was terminated before it made this call")


_BROKEN = "The pool is broken: no worker can run this task."


class Death(NamedTuple):
    """The death of a worker, as the engine tells it, and the pickle of the task that it cost."""

    pid: int
    exitcode: int | None
    name: Any
    was_ready: bool
    was_running: bool
    refusal: bytes | None
    payload: bytes | None = None
