"""`Queue`, `LifoQueue` and `PriorityQueue`: the engine's queue with what needs an event loop.

Each is a subclass of the standard library's class of that name, for code that asks. Nothing but that is inherited from
there: the engine's class stands before it and has every method, since the standard methods work on attributes that
these queues do not have.
"""

from __future__ import annotations

import queue as _std
from queue import Empty, Full
from types import GenericAlias

from interlock._interlock import Queue as _EngineQueue
from interlock._interlock import own_methods

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future
    from typing import Any


class Queue(_EngineQueue, _std.Queue):  # type: ignore[misc,type-arg]
    """A queue of at most `maxsize` items (0: any number), first in, first out.

    Blocks in get() while it is empty, in put() while it is full, and in join() until task_done() was called for
    every item; Ctrl-C ends each wait and loses no item. Items live in the engine until somebody looks inside
    (`mutex`, `queue`, `not_empty`, …) or a subclass overrides `_init`, `_qsize`, `_put` or `_get`; from then on
    they live in a Python container, as in the standard library, whose documentation this class follows:
    https://docs.python.org/3/library/queue.html#queue-objects.
    """

    _order = "fifo"

    __class_getitem__ = classmethod(GenericAlias)  # type: ignore[var-annotated]

    def __reduce_ex__(self, protocol: Any, /) -> Any:
        """Refuse to be pickled or copied, as a standard queue does, unless a derived class says how."""
        if type(self).__reduce__ is not object.__reduce__:
            return self.__reduce__()
        if type(self).__getstate__ is not object.__getstate__:
            # Earlier protocols ask the engine's class, which refuses.
            return super().__reduce_ex__(max(protocol, 2))
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    async def aput(self, item: Any) -> None:
        """Put an item into the queue, when there is room.

        Suspends the calling task, never its event loop, while the queue is full. If the task is cancelled, the item
        is not in the queue. Raises ShutDown when the queue was shut down.
        """
        while True:
            try:
                return self.put_nowait(item)
            except Full:
                await _until_ready(self, "put")

    async def aget(self) -> Any:
        """Take an item out of the queue, when there is one.

        Suspends the calling task, never its event loop, while the queue is empty. If the task is cancelled, no item
        is lost. Raises ShutDown when the queue was shut down and is empty.
        """
        while True:
            try:
                return self.get_nowait()
            except Empty:
                await _until_ready(self, "get")

    async def ajoin(self) -> None:
        """Return when task_done() was called for every item; suspends the calling task until then."""
        while self.unfinished_tasks:
            await _until_ready(self, "join")


own_methods(Queue, "put", "get")


class LifoQueue(Queue, _std.LifoQueue):  # type: ignore[misc,type-arg]
    """A `Queue` that gives out the item first that was put in last."""

    _order = "lifo"


class PriorityQueue(Queue, _std.PriorityQueue):  # type: ignore[misc,type-arg]
    """A `Queue` that gives out the smallest item first; items are compared with ``<``, under the queue's mutex."""

    _order = "heap"


async def _until_ready(queue: Queue, side: str) -> None:
    """Return when it is worth trying again to "get" from, "put" into or "join" the queue."""
    from asyncio import get_running_loop  # here, so that programs without an event loop do not pay for it

    loop = get_running_loop()
    ready: Future[None] = loop.create_future()

    def wake() -> None:
        try:
            loop.call_soon_threadsafe(_resolve, ready)
        except RuntimeError:  # the loop is closed, and its task gone: whoever waits next is told instead
            if registration is not None:
                registration.cancel()

    registration = None
    registration = queue._when_ready(side, wake)
    if registration is None:
        return
    try:
        await ready
    except BaseException:
        registration.cancel()
        raise
    finally:
        # It refers to wake(), and wake() to it: what the collector cannot see must not go round.
        registration = None


def _resolve(future: Future[None]) -> None:
    if not future.done():
        future.set_result(None)
