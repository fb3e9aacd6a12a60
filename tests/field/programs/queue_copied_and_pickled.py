"""copy, deepcopy and pickle of the objects of threading and queue."""

import copy
import pickle
import queue
import threading


def show(name, call):
    try:
        print(name, type(call()).__name__)
    except Exception as error:
        print(name, type(error).__name__, error)


THINGS = {
    "lock": threading.Lock(),
    "rlock": threading.RLock(),
    "condition": threading.Condition(),
    "event": threading.Event(),
    "semaphore": threading.Semaphore(2),
    "bounded": threading.BoundedSemaphore(2),
    "barrier": threading.Barrier(2),
    "queue": queue.Queue(),
    "priority": queue.PriorityQueue(),
    "thread": threading.Thread(),
}
for name, thing in THINGS.items():
    show(f"{name}: deepcopy", lambda thing=thing: copy.deepcopy(thing))
    show(f"{name}: pickle", lambda thing=thing: pickle.dumps(thing))
event = copy.copy(THINGS["event"])
print(type(event) is threading.Event, event.is_set())
for exception in (queue.Empty(), queue.Full("x"), threading.BrokenBarrierError("b")):
    print(repr(pickle.loads(pickle.dumps(exception))))
