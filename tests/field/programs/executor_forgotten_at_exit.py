"""The program clears `_threads_queues`, so that the interpreter does not wait for a call that hangs."""

import concurrent.futures.thread as pools
import os
import threading

pool = pools.ThreadPoolExecutor(1)
began = threading.Event()


def hang():
    began.set()
    threading.Event().wait()
    print("this line never comes", flush=True)


pool.submit(hang)
began.wait(60)
print(len(pools._threads_queues), {type(thread).__name__ for thread in pools._threads_queues})
pools._threads_queues.clear()
print(len(pools._threads_queues), flush=True)
os._exit(3)
