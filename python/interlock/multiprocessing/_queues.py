"""`Queue`, `JoinableQueue`, `LifoQueue` and `PriorityQueue`, shared by processes."""

from __future__ import annotations

import os
from multiprocessing import queues, util
from queue import Empty, Full

from interlock._interlock import SharedQueue, own_methods
from interlock._lifecycle import when_forked_by_multiprocessing
from interlock._originals import originals
from interlock.multiprocessing._family import home
from interlock.multiprocessing._locks import Reading, handed, made_in_fork_context
from interlock.multiprocessing._pickling import QUEUES, dump, has_own_loads
from interlock.multiprocessing._queue_ends import Reader, Writer
from interlock.multiprocessing._queue_insides import (
    TASK_PARTS,
    Hook,
    Part,
    Room,
    Unfinished,
    Unsent,
    needs_standard,
    remember_functions,
    wait_for_switch,
)
from interlock.multiprocessing._standard_queues import begin_standard, fill_standard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any
_std: Any = originals(queues, "JoinableQueue", "Queue")
# Kept here, because `install()` replaces the names in the module.
_StdQueue, _StdJoinableQueue = _std.Queue, _std.JoinableQueue

__all__ = ["JoinableQueue", "LifoQueue", "PriorityQueue", "Queue"]

_UNBOUNDED = 2**31 - 1
"""The bound that the standard library uses if there is no other: the largest value of a semaphore, and of a C int."""


_is_shutdown: Callable[[SharedQueue], bool] = SharedQueue.is_shutdown.__get__


def _reset_native(queue: Queue, after_fork: bool = False) -> None:
    queue._closed = False


class Queue(SharedQueue, _std.Queue):  # type: ignore[misc]
    """A queue of objects that any number of processes put and get.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Queue. `put()` pickles at once, in the
    caller, and there is no feeder thread. If a process dies, the objects that it has put stay in the queue; an object
    that it was getting is lost.
    """

    # In slots: the interpreter finds methods faster as long as an object has no dictionary.
    __slots__ = ("_is_fork_ctx", "_maxsize", "_opid", "_strict")
    _interlock_body: Any = _StdQueue
    _thread = _jointhread = _close = None
    _joincancelled = _ignore_epipe = False
    _ends: tuple[Reader, Writer] | None = None
    _interlock_order = "fifo"
    _interlock_more_parts: frozenset[str] = frozenset()

    def __init__(self, maxsize: int = 0, *, ctx: Any, strict: bool = False) -> None:
        """Make a queue for at most `maxsize` objects, or any number if that is not positive.

        With `strict`, `put()` raises the error of an object that can't be pickled, with a note that has the path to the
        part that is to blame (`item['callback'].<locals>`). Otherwise it passes the error to `_on_queue_feeder_error`,
        as the standard library's feeder thread does, which prints it.
        """
        needs = needs_standard(type(self)) or (not strict and has_own_loads(QUEUES))
        if self._interlock_body is not None and needs:
            if strict:
                raise ValueError("a queue that runs the standard library's code can't be strict")
            self._interlock_become_standard()
            begin_standard(self, maxsize, ctx)
            return
        bound = None if maxsize <= 0 or maxsize == _UNBOUNDED else maxsize
        if bound is not None and bound > _UNBOUNDED:
            raise OverflowError("Python int too large to convert to C int")
        self._maxsize = _UNBOUNDED if bound is None else bound
        self._opid = os.getpid()
        self._strict = strict
        self._is_fork_ctx = made_in_fork_context(ctx)
        self._interlock_lines: dict[Any, Any] = {}
        self._interlock_begin(home(), bound, self._interlock_order)
        when_forked_by_multiprocessing(
            self, _StdQueue._after_fork
        )  # a queue that the parent has closed is open here

    def __getstate__(self) -> tuple[Any, ...]:
        if self._interlock_is_standard():
            return _StdQueue.__getstate__(self)  # type: ignore[no-any-return]
        return (*handed(self), self._ignore_epipe, self._maxsize, self._strict, self._opid)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if isinstance(state[0], bool):  # `_ignore_epipe` of a standard queue
            self._interlock_become_standard()
            _StdQueue.__setstate__(self, state)
            return
        family, number, self._ignore_epipe, self._maxsize, self._strict, self._opid = state
        self._interlock_lines = {}
        self._interlock_open(family, number)
        self._is_fork_ctx = False

    def close(self) -> None:
        """Declare that this process puts and gets no more objects. Does not block."""
        _StdQueue.close(self)
        if self._ends is not None:
            self._ends[0].close_descriptor()

    def empty(self) -> bool:
        """Whether there is no object at this moment.

        Raises OSError if this process has put objects and closed the queue.
        """
        if self._interlock_is_standard():
            return self._interlock_standard("empty")  # type: ignore[no-any-return]
        if self._closed and self._interlock_has_put():
            raise OSError("handle is closed")
        return self._interlock_is_empty()

    async def aput(self, obj: object) -> None:
        """Put an object as soon as there is room.

        Suspends the calling task, never its event loop, while there is no room; a `get()` of any process, or
        `shutdown()`, wakes it. If the task is cancelled, the object is not in the queue. Each attempt pickles the
        object anew. Raises queue.ShutDown if the queue was shut down, ValueError if this process has closed it.
        """
        from interlock.multiprocessing._awaiting import when_possible  # loads asyncio

        def attempt() -> None:
            self._only_native()
            self.put_nowait(obj)

        await when_possible(self, True, attempt, Full)

    async def aget(self) -> Any:
        """Remove an object and return it, as soon as there is one.

        Suspends the calling task, never its event loop, while there is no object; a `put()` of any process, or
        `shutdown()`, wakes it. If the task is cancelled, no object is lost. Raises queue.ShutDown if the queue was shut
        down and is empty, ValueError if this process has closed it.
        """
        from interlock.multiprocessing._awaiting import when_possible  # as above

        def attempt() -> Any:
            self._only_native()
            return self.get_nowait()

        return await when_possible(self, False, attempt, Empty)

    def _only_native(self) -> None:
        if self._interlock_is_standard():
            raise RuntimeError("a queue that runs the standard library's code has only what that has")

    def _interlock_standard(self, name: str, *args: Any) -> Any:
        """Call a function of the standard library's class: the engine calls this if the queue is standard."""
        wait_for_switch()
        return getattr(self._interlock_body, name)(self, *args)

    def _interlock_fill(self, left: list[Any], unfinished: int) -> None:
        """Make the attributes of a standard queue that has these objects."""
        fill_standard(self, left, unfinished)

    def _interlock_pickle(self, obj: object) -> Any:
        """Pickle an object as `dump()` does, or do what the standard feeder thread does if that fails."""
        try:
            return dump(obj, QUEUES)
        except Exception as error:
            if self._strict:
                from interlock.multiprocessing._culprit import note_culprit

                note_culprit(error, {"item": obj})
                raise
            if util.is_exiting():
                util.info("error in queue thread: %s", error)
            else:
                self._on_queue_feeder_error(error, obj)
            return None

    def _interlock_got(self) -> None:
        """Tell the reader, whose descriptor a program watches, that an object was removed."""
        self._reader.got()

    def _both_ends(self) -> tuple[Reader, Writer]:
        if self._ends is None:
            self._ends = Reader(self), Writer(self)
        return self._ends

    def _view_of_condition(self) -> Any:
        from interlock.threading import Condition  # here, because few programs need it

        return self.__dict__.setdefault("_interlock_notempty", Condition())

    @Reading
    def is_shutdown(self) -> bool:
        """Whether the queue was shut down, by any process."""
        return _is_shutdown(self)

    _reader = Part("_reader", lambda queue: queue._both_ends()[0])
    _writer = Part("_writer", lambda queue: queue._both_ends()[1])
    _poll = Part("_poll", lambda queue: queue._reader.poll)
    _recv_bytes = Part("_recv_bytes", lambda queue: queue._reader.recv_bytes)
    _send_bytes = Part("_send_bytes", lambda queue: queue._writer.send_bytes)
    _sem = Part("_sem", Room)
    _buffer = Part("_buffer", Unsent)
    _notempty = Part("_notempty", _view_of_condition)
    _rlock = Part("_rlock")
    _wlock = Part("_wlock")
    _start_thread = Hook("_start_thread", _StdQueue._start_thread, lambda queue: None)
    _reset = Hook("_reset", _StdQueue._reset, _reset_native)


class JoinableQueue(Queue, _std.JoinableQueue):  # type: ignore[misc]
    """A queue whose tasks can be waited for.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.JoinableQueue.
    """

    _interlock_body = _StdJoinableQueue
    _interlock_more_parts = TASK_PARTS

    def __init__(self, maxsize: int = 0, *, ctx: Any, strict: bool = False) -> None:
        """Make a queue: see `Queue`."""
        Queue.__init__(self, maxsize, ctx=ctx, strict=strict)

    def __getstate__(self) -> tuple[Any, ...]:
        if self._interlock_is_standard():
            return _StdJoinableQueue.__getstate__(self)  # type: ignore[no-any-return]
        return Queue.__getstate__(self)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if isinstance(state[0], bool):  # as in `Queue`
            self._interlock_become_standard()
            _StdJoinableQueue.__setstate__(self, state)
        else:
            Queue.__setstate__(self, state)

    put = Queue.put
    _unfinished_tasks = Part("_unfinished_tasks", Unfinished)
    _cond = Part("_cond")

    def task_done(self) -> None:
        """Declare that a received object has been processed. Raises ValueError if all objects already have been."""
        if self._interlock_is_standard():
            self._interlock_standard("task_done")
        elif not self._interlock_task_done():
            raise ValueError("task_done() called too many times")

    def join(self) -> None:
        """Block until all objects that were put have been processed."""
        if not self._interlock_is_standard():
            self._interlock_join()
        if self._interlock_is_standard():  # it may have become standard meanwhile
            self._interlock_standard("join")


class LifoQueue(JoinableQueue):
    """A `JoinableQueue` that returns the newest object first. The standard library has none for processes."""

    _interlock_order = "lifo"
    _interlock_body = None


class PriorityQueue(JoinableQueue):
    """A `JoinableQueue` that returns the smallest object first, and equal objects in the order in which they were put.

    Objects are numbers, strings, bytes, or tuples and lists that begin with these, such as ``(priority, task)``. They
    are compared as Python compares them, up to the first part of another type; that part and the rest do not count. (Of
    a string or bytes, only the first 1,024 bytes count.) `put()` raises TypeError for other objects, and for an object
    that can't be compared with those in the queue. The standard library has no such queue for processes.
    """

    _interlock_order = "priority"
    _interlock_body = None


for _class in (Queue, JoinableQueue, LifoQueue, PriorityQueue):
    own_methods(_class, "put", "get")
remember_functions(
    SharedQueue, object, _StdQueue, _StdJoinableQueue, Queue, JoinableQueue, LifoQueue, PriorityQueue
)
