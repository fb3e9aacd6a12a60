"""Subclasses of every class with private attributes of their own, under common names."""

import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor

NAMES = [
    "_engine",
    "_left",
    "_pending",
    "_close",
    "_seats",
    "_order",
    "_workers",
    "_results",
    "_tasks",
    "_open",
]
NAMES += [
    "_items",
    "_state_",
    "_owner",
    "_handle",
    "_inner",
    "_raw",
    "_pool",
    "_max",
    "_clock",
    "_ready",
    "_shut",
    "_mode",
]
MAKE = {
    threading.Condition: (),
    threading.Semaphore: (),
    threading.BoundedSemaphore: (),
    threading.Event: (),
    threading.Barrier: (1,),
    threading.Thread: (),
    threading.Timer: (1, int),
    queue.Queue: (),
    queue.LifoQueue: (),
    queue.PriorityQueue: (),
    queue.SimpleQueue: (),
    Future: (),
    ThreadPoolExecutor: (1,),
}
for base, arguments in MAKE.items():
    derived = type(f"My{base.__name__}", (base,), dict.fromkeys(NAMES, "of the class"))
    thing = derived(*arguments)
    kept = all(getattr(thing, name) == "of the class" for name in NAMES)
    for name in NAMES:
        setattr(thing, name, name)
    print(base.__name__, kept, all(getattr(thing, name) == name for name in NAMES))
    match thing:
        case queue.Queue() | queue.SimpleQueue():
            thing.put(1)
            print(thing.get(), thing.qsize())
        case threading.Thread():
            thing.run() if base is threading.Thread else thing.cancel()
        case threading.Barrier() | threading.Event():
            print(thing.wait(0) in (0, False))
        case threading.Semaphore() | threading.Condition():
            with thing:
                pass
        case Future():
            thing.set_result(2)
            print(thing.result())
        case ThreadPoolExecutor():
            print(thing.submit(int).result())
            thing.shutdown()
