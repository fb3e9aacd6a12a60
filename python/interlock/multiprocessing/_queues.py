"""`Queue`, `JoinableQueue` and `LifoQueue`, shared by processes."""

from __future__ import annotations

import os
from multiprocessing import queues, util
from queue import Empty, Full

from interlock._interlock import SharedQueue, own_methods
from interlock._originals import originals
from interlock.multiprocessing._connections import Pipe
from interlock.multiprocessing._family import home
from interlock.multiprocessing._locks import handed, made_in_fork_context
from interlock.multiprocessing._pickling import dump
from interlock.multiprocessing._queue_ends import Reader, Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
_std: Any = originals(queues, "JoinableQueue", "Queue", "SimpleQueue")

__all__ = ["JoinableQueue", "LifoQueue", "Queue", "SimpleQueue"]

_UNBOUNDED = 2**31 - 1
"""What the standard library takes for no bound."""


class Queue(SharedQueue, _std.Queue):  # type: ignore[misc]
    """A queue of objects, which any number of processes put and get.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Queue. `put()` pickles at once, in the
    caller, and there is no feeder thread. What was put before a process died is there; what it was getting is lost.
    """

    # In slots: the interpreter finds methods faster as long as an object has no dictionary.
    __slots__ = ("_is_fork_ctx", "_maxsize", "_opid", "_strict")
    _thread = _jointhread = _close = None
    _joincancelled = _ignore_epipe = False
    _ends: tuple[Reader, Writer] | None = None
    _interlock_is_lifo = False

    def __init__(self, maxsize: int = 0, *, ctx: Any, strict: bool = False) -> None:
        """Make a queue for at most `maxsize` objects, or any number if that is not positive.

        With `strict`, `put()` raises the error of an object that can't be pickled, with a note that has the path to the
        part that is to blame (`item['callback'].<locals>`). Otherwise it passes the error to `_on_queue_feeder_error`,
        as the standard library's feeder thread does, which prints it.
        """
        bound = maxsize if 0 < maxsize < _UNBOUNDED else None
        self._maxsize = _UNBOUNDED if bound is None else bound
        self._opid = os.getpid()
        self._strict = strict
        self._is_fork_ctx = made_in_fork_context(ctx)
        self._interlock_lines: dict[Any, Any] = {}
        self._interlock_begin(home(), bound, self._interlock_is_lifo)

    def __getstate__(self) -> tuple[Any, ...]:
        return (*handed(self), self._ignore_epipe, self._maxsize, self._strict, self._opid)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        family, number, self._ignore_epipe, self._maxsize, self._strict, self._opid = state
        self._interlock_lines = {}
        self._interlock_open(family, number)
        self._is_fork_ctx = False

    def empty(self) -> bool:
        """Whether there is no object at this moment.

        Raises OSError if this process has put some and closed the queue.
        """
        if self._closed and self._interlock_has_put():
            raise OSError("handle is closed")
        return self._interlock_is_empty()

    async def aput(self, obj: object) -> None:
        """Put an object as soon as there is room.

        Suspends the calling task, never its event loop, while there is none; a `get()` of any process, or `shutdown()`,
        wakes it. If the task is cancelled, the object is not in the queue. Each try makes a pickle of the object as it
        is then. Raises queue.ShutDown if the queue was shut down, ValueError if this process has closed it.
        """
        from interlock.multiprocessing._awaiting import when_possible  # loads asyncio

        await when_possible(self, True, lambda: self.put_nowait(obj), Full)

    async def aget(self) -> Any:
        """Remove an object and return it, as soon as there is one.

        Suspends the calling task, never its event loop, while there is none; a `put()` of any process, or `shutdown()`,
        wakes it. If the task is cancelled, no object is lost. Raises queue.ShutDown if the queue was shut down and is
        empty, ValueError if this process has closed it.
        """
        from interlock.multiprocessing._awaiting import when_possible  # as above

        return await when_possible(self, False, self.get_nowait, Empty)

    def _interlock_pickle(self, obj: object) -> Any:
        """Pickle an object as `dump()` does, or do what the standard feeder thread does if that fails."""
        try:
            return dump(obj)
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
        """Tell the reader, whose descriptor somebody watches, that an object was removed."""
        self._reader.got()

    @property
    def _reader(self) -> Reader:
        return self._both_ends()[0]

    @property
    def _writer(self) -> Writer:
        return self._both_ends()[1]

    def _both_ends(self) -> tuple[Reader, Writer]:
        if self._ends is None:
            self._ends = Reader(self), Writer(self)
        return self._ends


class JoinableQueue(Queue, _std.JoinableQueue):  # type: ignore[misc]
    """A queue whose tasks can be waited for.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.JoinableQueue.
    """

    def __init__(self, maxsize: int = 0, *, ctx: Any, strict: bool = False) -> None:
        """Make a queue: see `Queue`."""
        Queue.__init__(self, maxsize, ctx=ctx, strict=strict)

    __getstate__ = Queue.__getstate__
    __setstate__ = Queue.__setstate__
    put = Queue.put

    def task_done(self) -> None:
        """Say that an object that was got has been dealt with. Raises ValueError if all of them have been already."""
        if not self._interlock_task_done():
            raise ValueError("task_done() called too many times")

    def join(self) -> None:
        """Block until all objects that were put have been dealt with."""
        self._interlock_join()


class LifoQueue(JoinableQueue):
    """A `JoinableQueue` that returns the newest object first. The standard library has none for processes."""

    _interlock_is_lifo = True


class SimpleQueue(_std.SimpleQueue):  # type: ignore[misc]
    """A queue of objects, which is little more than a pipe.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.SimpleQueue.
    """

    def __init__(self, *, ctx: Any) -> None:
        """Make a queue."""
        self._reader, self._writer = Pipe(duplex=False)
        self._poll = self._reader.poll
        self._rlock, self._wlock = ctx.Lock(), ctx.Lock()

    def get(self) -> Any:
        """Remove the oldest object and return it. Blocks until there is one."""
        return self._reader._interlock_recv(self._rlock)

    def put(self, obj: object) -> None:
        """Put an object. Blocks as long as a MiB is underway."""
        self._writer.send(obj)  # whole, whoever else puts


for _class in (Queue, JoinableQueue, LifoQueue):
    own_methods(_class, "put", "get")
