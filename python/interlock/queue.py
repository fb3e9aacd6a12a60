"""The drop-in for `queue`: `Queue`, `LifoQueue`, `PriorityQueue` and `SimpleQueue` on the engine.

It has everything in https://docs.python.org/3/library/queue.html, with `Queue.shutdown()` on every version, and more:
`put_many()` and `get_many()` move many items in one step, and tasks await `aput()`, `aget()` and `ajoin()`, so threads
and event loops can share a queue.
"""

from __future__ import annotations

import queue as _std
from queue import Empty, Full

from interlock._passthrough import mirror
from interlock._queue_errors import ShutDown
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ("ShutDown",)
__all__ = ["Empty", "Full", "ShutDown"]

if not in_subinterpreter():
    from interlock._interlock import SimpleQueue
    from interlock._queue_classes import LifoQueue, PriorityQueue, Queue

    __replaces__ = ("LifoQueue", "PriorityQueue", "Queue", "ShutDown", "SimpleQueue")

mirror(__name__, _std, own=__replaces__)
