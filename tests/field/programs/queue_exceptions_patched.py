"""Queues raise the exceptions in their module, patched or not; from 3.13 on a SimpleQueue hands items to the getter."""

import queue
import sys
import threading
from concurrent.futures import Future
from unittest import mock


class Another(Exception):
    """The exception that replaces the standard one."""


def attempt(call, *args):
    try:
        return call(*args)
    except Exception as error:
        return type(error).__name__


cancelled = Future()
cancelled.cancel()
full = queue.Queue(1)
full.put(0)
for name in ("queue.Empty", "queue.Full", "concurrent.futures._base.CancelledError"):
    with mock.patch(name, Another):
        print(name, attempt(queue.Queue().get_nowait), attempt(full.put_nowait, 1), attempt(cancelled.result))
        print(attempt(queue.SimpleQueue().get_nowait), attempt(queue.SimpleQueue().get, True, 0))
print(attempt(queue.Queue().get_nowait), attempt(full.put_nowait, 1), attempt(cancelled.result))

sys.setswitchinterval(1000)  # a running thread keeps the interpreter until it waits
items, begun, got = queue.SimpleQueue(), threading.Event(), []


def get():
    begun.set()
    got.append(items.get())


getter = threading.Thread(target=get)
getter.start()
begun.wait()
items.put("first")
print(items.qsize(), items.empty(), attempt(items.get_nowait))
items.put("second")
getter.join()
print(got, items.qsize())
