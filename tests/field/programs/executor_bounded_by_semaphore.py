"""A pool whose submit() waits for a semaphore that a done callback releases."""

import threading
from concurrent.futures import ThreadPoolExecutor


class BoundedExecutor(ThreadPoolExecutor):
    def __init__(self, bound, max_workers):
        super().__init__(max_workers)
        self._semaphore = threading.BoundedSemaphore(bound)

    def submit(self, fn, /, *args, **kwargs):
        self._semaphore.acquire()
        try:
            future = super().submit(fn, *args, **kwargs)
        except BaseException:
            self._semaphore.release()
            raise
        future.add_done_callback(lambda _: self._semaphore.release())
        return future


with BoundedExecutor(3, 2) as pool:
    futures = [pool.submit(pow, n, 2) for n in range(50)]
    print(sum(future.result() for future in futures))
print(pool._semaphore._value)
try:
    pool.submit(int)
except RuntimeError as error:
    print(error)
print(pool._semaphore._value)
