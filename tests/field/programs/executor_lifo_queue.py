"""A pool that takes the newest call first: its queue is a LifoQueue."""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(max_workers=1)
pool._work_queue = queue.LifoQueue()
gate, began, order = threading.Event(), threading.Event(), []


def first():
    began.set()
    gate.wait(60)


pool.submit(first)
began.wait(60)
futures = [pool.submit(order.append, number) for number in range(5)]
gate.set()
for future in futures:
    future.result(60)
print(order)
