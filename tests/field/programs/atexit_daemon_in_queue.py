"""The program ends while daemon threads are in every kind of wait: status 0 and nothing on standard error."""

import queue
import threading
from concurrent.futures import Future

waits = [
    threading.Event().wait,
    queue.Queue().get,
    queue.SimpleQueue().get,
    queue.PriorityQueue().join if False else queue.LifoQueue().get,
    threading.Semaphore(0).acquire,
    Future().result,
    threading.Barrier(2).wait,
]
condition = threading.Condition()


def wait_for():
    with condition:
        condition.wait_for(lambda: False)


started = threading.Barrier(len(waits) + 2)


def begin(wait):
    started.wait(60)
    wait()


for wait in (*waits, wait_for):
    threading.Thread(target=begin, args=(wait,), daemon=True).start()
started.wait(60)
print("ends", flush=True)
