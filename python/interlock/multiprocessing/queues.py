"""The drop-in for `multiprocessing.queues`: the queues on the engine's shared memory."""

from __future__ import annotations

import multiprocessing.queues as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.multiprocessing._queues import JoinableQueue as JoinableQueue
    from interlock.multiprocessing._queues import LifoQueue as LifoQueue
    from interlock.multiprocessing._queues import PriorityQueue as PriorityQueue
    from interlock.multiprocessing._queues import Queue as Queue
    from interlock.multiprocessing._standard_queues import SimpleQueue as SimpleQueue

    for _class in (JoinableQueue, LifoQueue, PriorityQueue, Queue, SimpleQueue):
        # A child process finds a pickled object's class here, even if nothing is installed.
        _class.__module__ = __name__
    __replaces__ = ("JoinableQueue", "LifoQueue", "PriorityQueue", "Queue", "SimpleQueue")

mirror(__name__, _std, own=__replaces__)
