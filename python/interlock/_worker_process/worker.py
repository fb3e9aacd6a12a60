"""The main function of a worker process of a pool.

After it, `Process` does what it does in all children of `multiprocessing`: it waits for threads, and runs finalizers
and exit handlers.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the functions of `signal` would make enumerations
import os
import sys
import threading
from multiprocessing.process import parent_process

from interlock._worker_process.start import i_am_a_worker
from interlock._worker_process.transport import dump_exception, dump_result
from interlock.multiprocessing import _interrupts
from interlock.multiprocessing._life import end_with_parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from interlock._interlock import ProcessSeat
    from interlock._worker_process.last_words import LastWords
    from interlock.concurrent.futures._relay import Outlet

__all__ = ["Options", "main"]


class Options:
    """The settings of a pool for its workers. They are sent to workers that are not forked.

    `memory_limit`: a worker with more bytes of resident memory after a call ends. `last_words`: the file that
    `faulthandler` writes when the worker crashes. `relay`: takes log records and output to the parent. `dump` and
    `fail`: how results and exceptions are pickled, if not by `transport`. `unpack`: turns bytes into a call, if the
    pool sends packed calls.
    """

    __slots__ = ("dump", "fail", "last_words", "memory_limit", "relay", "unpack")

    def __init__(
        self,
        memory_limit: int | None = None,
        last_words: LastWords | None = None,
        relay: Outlet | None = None,
        dump: Callable[[Any], Any] = dump_result,
        fail: Callable[[BaseException], bytes] = dump_exception,
        unpack: Callable[[bytes], Any] | None = None,
    ) -> None:
        self.memory_limit, self.last_words, self.relay = memory_limit, last_words, relay
        self.dump, self.fail, self.unpack = dump, fail, unpack


def main(
    seat: ProcessSeat,
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
    options: Options,
) -> None:
    """Serve a pool until it stops this worker, or the pool's process is dead. The target of a `Process`."""
    server = seat.serve()
    i_am_a_worker()
    parent: Any = parent_process()
    if parent is not None:  # otherwise the worker would live on while it runs a call
        end_with_parent(parent._sentinel)
    if options.last_words is not None:
        write_last_words(options.last_words.descriptor)
    if threading.current_thread() is threading.main_thread():
        _take_interrupts()
    _interrupts.hear()
    relay = options.relay
    if relay is not None:
        relay.open(f"worker-{seat.index}")
    _serving.now = True
    try:
        if _initialize(server, initializer, initargs):
            server.ready()
            after = None if options.memory_limit is None else _below(options.memory_limit)
            server.run(options.dump, options.fail, after, options.unpack)
    finally:
        _serving.now = False
        if relay is not None:
            relay.close()


def _initialize(server: Any, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> bool:
    """Call the initializer. Returns whether the worker may begin; if not, it has sent the reason to the pool."""
    if initializer is None:
        return True
    try:
        initializer(*initargs)
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            from concurrent.futures._base import LOGGER  # imports `logging`, which most workers do not need

            LOGGER.critical("Exception in initializer:", exc_info=True)
        server.refuse(dump_exception(error))
        return False
    return True


class _Serving:
    now = False
    """Whether the worker may be running the program's code."""


_serving = _Serving()


def _take_interrupts() -> None:
    """Handle Ctrl-C, unless the program has a handler of its own.

    The handler also replaces `default_int_handler`: event loops install their handler only if that one is set.
    """
    if _signal.getsignal(_signal.SIGINT) is not _default_int_handler:
        return
    _signal.signal(_signal.SIGINT, _interrupt)
    _signal.default_int_handler = _interrupt
    loaded = sys.modules.get("signal")
    if loaded is not None:
        vars(loaded)["default_int_handler"] = _interrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Handle Ctrl-C in a terminal, which reaches all processes, if the program has no handler of its own.

    If the worker runs code of the program, the handler raises KeyboardInterrupt there, and the task fails. A worker
    that waits or pickles ignores the signal: its parent decides whether it ends, and the worker prints nothing. A task
    that is a function written in C, such as `time.sleep`, looks the same as a waiting worker: the parent ends it with
    the process.
    """
    outermost = None
    while frame is not None and frame.f_code.co_filename != _HERE:
        outermost, frame = frame, frame.f_back
    if _serving.now and outermost is not None and outermost.f_code.co_filename != _TRANSPORT:
        _default_int_handler(number, outermost)


_default_int_handler = _signal.default_int_handler
_HERE = main.__code__.co_filename
_TRANSPORT = dump_result.__code__.co_filename


def write_last_words(descriptor: int) -> None:
    """Make `faulthandler` write there if the process crashes, unless the program has enabled it already."""
    import faulthandler

    if not faulthandler.is_enabled():
        faulthandler.enable(descriptor, all_threads=True)


def _below(limit: int) -> Callable[[], bool]:
    """Return a function that checks that this process has at most `limit` bytes of resident memory."""
    descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    page = os.sysconf("SC_PAGE_SIZE")

    def is_below() -> bool:
        return int(os.pread(descriptor, 256, 0).split()[1]) * page <= limit

    return is_below
