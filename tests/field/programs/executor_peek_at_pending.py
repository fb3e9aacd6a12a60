"""A monitor prints how many calls wait: `_work_queue.qsize()`, `_threads`, `_max_workers`, thread names."""

import threading
from concurrent.futures import ThreadPoolExecutor

gate, began = threading.Event(), threading.Semaphore(0)


def job():
    began.release()
    gate.wait(60)


pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="job")
futures = [pool.submit(job) for _ in range(7)]
began.acquire()
began.acquire()
print(pool._work_queue.qsize(), pool._max_workers, len(pool._threads), pool._shutdown)
print(sorted(thread.name for thread in pool._threads))
print([thread.is_alive() for thread in pool._threads], pool._thread_name_prefix)
gate.set()
print([future.result() for future in futures])
pool.shutdown()
print(pool._work_queue.qsize() >= 0, pool._shutdown, [thread.is_alive() for thread in pool._threads])
