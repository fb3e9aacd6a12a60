"""The standard library's queues over our locks and pipes: `SimpleQueue`, and the parts of a standard `Queue`."""

from __future__ import annotations

from multiprocessing import context, reduction
from multiprocessing import queues as _queues
from types import FunctionType

from interlock._originals import originals
from interlock.multiprocessing._chosen import context_of
from interlock.multiprocessing._connections import Connection, Pipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
queues: Any = _queues
_std: Any = originals(queues, "JoinableQueue", "Queue", "SimpleQueue")

__all__ = ["SimpleQueue", "begin_standard", "fill_standard"]

# Kept here, because `install()` replaces the name in the module.
_StdQueue = _std.Queue
_StdJoinableQueue = _std.JoinableQueue
_Pickler: Any = originals(reduction, "ForkingPickler").ForkingPickler


def _with_our_pipe(function: Any) -> Any:
    """Return a function of the standard library that makes a pipe of ours, whether we are installed or not."""
    from interlock.multiprocessing import connection

    names = {**function.__globals__, "connection": connection}
    ours = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    ours.__kwdefaults__ = function.__kwdefaults__
    return ours


def begin_standard(queue: Any, maxsize: int, ctx: Any) -> None:
    """Make the attributes that a new standard queue has."""
    if ctx is None:
        ctx = context._default_context.get_context()
    _with_our_pipe(_StdQueue.__init__)(queue, maxsize, ctx=ctx)
    if isinstance(queue, _StdJoinableQueue):
        queue._unfinished_tasks = ctx.Semaphore(0)
        queue._cond = ctx.Condition()


def fill_standard(queue: Any, left: list[Any], unfinished: int) -> None:
    """Make the attributes of a standard queue with these objects and this number of unfinished tasks."""
    method = "fork" if queue._is_fork_ctx else "spawn"
    closed, ignore_epipe = queue._closed, queue._ignore_epipe
    begin_standard(queue, queue._maxsize, context_of(method))
    queue._closed, queue._ignore_epipe = closed, ignore_epipe
    if isinstance(queue, _StdJoinableQueue):
        for _ in range(unfinished):
            queue._unfinished_tasks.release()
    if left:
        with queue._notempty:
            queue._start_thread()
            for obj in left:
                queue._sem.acquire(False)
                queue._buffer.append(obj)
            queue._notempty.notify()


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
        if type(self._reader) is Connection and queues._ForkingPickler is _Pickler:
            return self._reader._interlock_recv(self._rlock)
        return super().get()  # the program has replaced the reader or writer

    def put(self, obj: object) -> None:
        """Put an object. Blocks while a MiB of messages is waiting in the pipe."""
        if type(self._writer) is Connection and queues._ForkingPickler is _Pickler:
            self._writer.send(obj)  # in one piece, even while other threads put
        else:
            super().put(obj)  # as above
