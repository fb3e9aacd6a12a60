"""`Queue`, `LifoQueue` and `PriorityQueue`: the engine's queue, derived from the standard classes.

Their methods for event loops are here, too.
"""

from __future__ import annotations

from queue import Empty, Full
from types import GenericAlias

from interlock import _lock_classes as _lock_classes  # a materialized queue uses its conditions
from interlock._interlock import Queue as _EngineQueue
from interlock._interlock import remember_queue_classes
from interlock._materialized_queue_extras import end, functions, when_ready
from interlock._native_classes import fresh, make_native, ways_in
from interlock._originals import originals

TYPE_CHECKING = False
if TYPE_CHECKING:
    import queue as _std
    from asyncio import Future
    from collections.abc import Callable
    from typing import Any
else:
    import queue

    _std = originals(queue, "LifoQueue", "PriorityQueue", "Queue")


class Queue(_EngineQueue, _std.Queue):  # type: ignore[type-arg]
    """A queue of at most `maxsize` items (0: any number), first in, first out.

    get() blocks while the queue is empty, put() while it is full, and join() until task_done() was called for every
    item; Ctrl-C ends each wait and loses no item. The queue is native, with its items in the engine, until code looks
    inside (`mutex`, `queue`, `not_empty`, …) or overrides `_init`, `_qsize`, `_put` or `_get`; from then on it is
    materialized and runs the standard library's code. Follows
    https://docs.python.org/3/library/queue.html#queue-objects.
    """

    __dict__, __setattr__, __delattr__, __reduce_ex__ = ways_in

    __class_getitem__ = classmethod(GenericAlias)  # type: ignore[var-annotated]

    async def aput(self, item: Any) -> None:
        """Put an item into the queue as soon as there is room.

        Suspends the calling task, never its event loop, while the queue is full. If the task is cancelled, the item
        is not in the queue. Raises ShutDown if the queue was shut down.
        """
        while True:
            try:
                return self.put_nowait(item)
            except Full:
                await _until_ready(self, "put")

    async def aget(self) -> Any:
        """Take an item out of the queue as soon as there is one.

        Suspends the calling task, never its event loop, while the queue is empty. If the task is cancelled, no item
        is lost. Raises ShutDown if the queue was shut down and is empty.
        """
        while True:
            try:
                return self.get_nowait()
            except Empty:
                await _until_ready(self, "get")

    async def ajoin(self) -> None:
        """Suspend the calling task until task_done() was called for every item."""
        while self.unfinished_tasks:
            await _until_ready(self, "join")


class LifoQueue(Queue, _std.LifoQueue):  # type: ignore[type-arg]
    """A `Queue` that returns the newest item first."""


class PriorityQueue(Queue, _std.PriorityQueue):  # type: ignore[type-arg]
    """A `Queue` that returns the smallest item first; it compares items with ``<``, under its mutex."""


async def _until_ready(queue: Queue, side: str) -> None:
    """Return when it is worth trying again to "get" from, "put" into or "join" the queue."""
    from asyncio import get_running_loop  # here, so that programs without an event loop do not load asyncio

    loop = get_running_loop()
    ready: Future[None] = loop.create_future()

    def wake() -> None:
        try:
            loop.call_soon_threadsafe(_resolve, ready)
        except RuntimeError:  # the loop is closed and its task gone: notify the next waiter instead
            if registration is not None:
                registration.cancel()

    registration = None
    registration = queue._interlock_when_ready(side, wake)
    if registration is None:
        return
    try:
        await ready
    except BaseException:
        registration.cancel()
        raise


def _resolve(future: Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _attributes_like(std: type) -> Callable[[Any, bool], dict[str, Any]]:
    def attributes(queue: Any, somebody_waits: bool) -> dict[str, Any]:
        made = fresh(std, queue._interlock_maxsize())
        if queue._interlock_shut_down():
            end(made)
        return made

    return attributes


remember_queue_classes(_std.LifoQueue, _std.PriorityQueue)
for _class, _like in (
    (Queue, _std.Queue),
    (LifoQueue, _std.LifoQueue),
    (PriorityQueue, _std.PriorityQueue),
):
    make_native(
        _class,
        _like,
        _attributes_like(_like),
        {
            "maxsize": _EngineQueue._interlock_maxsize,
            "queue": None,
            "mutex": None,
            "not_empty": None,
            "not_full": None,
            "all_tasks_done": None,
            "unfinished_tasks": _EngineQueue._interlock_unfinished,
            "is_shutdown": _EngineQueue._interlock_shut_down,
        },
        ("put", "get") if _class is Queue else (),  # a class in between may override them
        called=("put", "get"),
        when_ready=when_ready,
        **functions,
    )
