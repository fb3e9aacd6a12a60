"""Weak references, extra attributes on every object, names that tools print."""

import inspect
import queue
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor

THINGS = [
    threading.Condition(),
    threading.Event(),
    threading.Semaphore(),
    threading.BoundedSemaphore(),
    threading.Barrier(1),
    threading.Thread(),
    queue.Queue(),
    queue.LifoQueue(),
    queue.PriorityQueue(),
    Future(),
    ThreadPoolExecutor(1),
]
for thing in THINGS:
    thing.mine = 1
    kind = type(thing)
    print(kind.__module__, kind.__qualname__, weakref.ref(thing)() is thing, vars(thing)["mine"])
    print("   ", [parameter.name for parameter in inspect.signature(kind).parameters.values()][:4])
for thing in (threading.Lock(), threading.RLock(), queue.SimpleQueue()):
    print(weakref.ref(thing)() is thing, hasattr(thing, "__dict__"))
print([name for name in threading.__all__ if not hasattr(threading, name)], len(queue.__all__) >= 6)
