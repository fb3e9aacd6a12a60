"""What a worker of a `Pool` runs, and how its answers go out. A worker imports this and little else."""

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
            return plain_dump(result, QUEUES)  # programs get the error that they know
        return dump_result(result)
    except Exception as error:
        from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]

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
        from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]

        return dump_alone(MaybeEncodingError(reason, error))
    return dump_exception(error)
