"""What a worker process of a pool runs, from its start to its end.

`Process` runs what `multiprocessing`'s children run after it: threads end, finalizers and exit handlers are called.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # plain: the functions of `signal` make enumerations
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
    """What a pool wants of its workers. It is sent to those that are not forked.

    `memory_limit`: a worker that has more bytes of resident memory after a call ends then. `last_words`: the file that
    `faulthandler` writes when the worker crashes. `relay`: takes log records and output to the parent. `dump` and
    `fail`: how results and exceptions are pickled, if not by `transport`. `unpack`: makes a call of bytes, if the pool
    sends any.
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
    """Serve a pool until it wants no more of this worker, or its process is dead. The target of a `Process`."""
    server = seat.serve()
    i_am_a_worker()
    parent: Any = parent_process()
    if parent is not None:  # a call that runs would keep the worker otherwise
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
    """Call the initializer. Returns whether the worker may begin; if not, the pool has been told why."""
    if initializer is None:
        return True
    try:
        initializer(*initargs)
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            from concurrent.futures._base import LOGGER  # with `logging`, which a worker may do without

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

    The handler takes the place of `default_int_handler`, too: event loops have theirs only where they find that.
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

    The program's code gets its KeyboardInterrupt, which fails the task that it runs. A worker that waits, or pickles,
    ignores the signal: its parent decides what becomes of it, and it has nothing to say to the terminal. A task that is
    a function written in C, such as `time.sleep`, can't be told from that: the parent ends it with the process.
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
    """Have `faulthandler` write there if the process crashes, unless the program has it write elsewhere."""
    import faulthandler

    if not faulthandler.is_enabled():
        faulthandler.enable(descriptor, all_threads=True)


def _below(limit: int) -> Callable[[], bool]:
    """Return a function that tells whether this process has at most so many bytes of resident memory."""
    descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    page = os.sysconf("SC_PAGE_SIZE")

    def is_below() -> bool:
        return int(os.pread(descriptor, 256, 0).split()[1]) * page <= limit

    return is_below
