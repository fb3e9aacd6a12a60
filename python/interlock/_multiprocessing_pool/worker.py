"""The main function of a worker of a `Pool`, and how it pickles its answers. A worker imports little else."""

from __future__ import annotations

import sys

from interlock._installed import installed
from interlock._multiprocessing_pool.unpacking import unpack
from interlock._worker_process.payload import read_only
from interlock._worker_process.transport import dump_alone, dump_exception, dump_result
from interlock._worker_process.worker import Options
from interlock._worker_process.worker import main as serve
from interlock.multiprocessing._pickling import QUEUES
from interlock.multiprocessing._pickling import dump as plain_dump
from interlock.multiprocessing._pickling import packed as dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock._worker_process.last_words import LastWords
    from interlock.concurrent.futures._relay import Outlet

__all__ = ["main", "options"]


def main(
    seat: Any, initializer: Callable[..., object] | None, initargs: tuple[Any, ...], options: Options
) -> None:
    """Serve the pool. The target of its processes."""
    try:
        serve(seat, initializer, initargs, options)
    except KeyboardInterrupt:
        sys.exit(1)  # Ctrl-C ended a task. The parent gets it, too, and reports it.


def options(
    last_words: LastWords | None,
    memory_limit: int | None = None,
    relay: Outlet | None = None,
    read_only: bool = False,
) -> Options:
    """Return the options of a worker."""
    how = dump_read_only if read_only else dump
    return Options(memory_limit, last_words, relay, how, fail, unpack)


def dump(result: object) -> Any:
    """Pickle a result. Raises an exception that `fail()` turns into the error of the standard library's pool."""
    try:
        if "multiprocessing.pool" in installed():
            return plain_dump(result, QUEUES)  # programs get the error that they know
        return dump_result(result)
    except Exception as error:
        from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]

        raise _Unsent(MaybeEncodingError(error, result)) from None


def dump_read_only(result: object) -> Any:
    """Do the same, but let the receiver only read large buffers."""
    return read_only(dump(result))


class _Unsent(Exception):
    """A result can't be sent. Its argument is the exception with which the task fails instead, without a traceback."""


def fail(error: BaseException) -> bytes:
    """Pickle the exception of a task.

    If it is not an `Exception`, raises it, which ends the worker, as in the standard library.
    """
    if type(error) is _Unsent:
        return dump_alone(error.args[0])
    if not isinstance(error, Exception):
        raise error
    try:
        dumps(error)
    except Exception as reason:
        from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]

        return dump_alone(MaybeEncodingError(reason, error))
    return dump_exception(error)
