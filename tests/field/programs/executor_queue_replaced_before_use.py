"""The program replaces `_work_queue` with a bounded queue.Queue before the first call, for back-pressure."""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(max_workers=2)
pool._work_queue = queue.Queue(maxsize=4)
most, lock, total = 0, threading.Lock(), []


def work(number):
    with lock:
        total.append(number)
    return number


futures = []
for number in range(40):
    futures.append(pool.submit(work, number))
    most = max(most, pool._work_queue.qsize())
print(sorted(future.result() for future in futures) == list(range(40)), most <= 4)
pool.shutdown()
print(len(total), type(pool._work_queue) is queue.Queue)
