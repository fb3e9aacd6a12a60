"""A pool whose workers don't keep the program alive: its own `_adjust_thread_count` starts daemons."""

import threading
from concurrent.futures import ThreadPoolExecutor


class DaemonPool(ThreadPoolExecutor):
    def _adjust_thread_count(self):
        if self._idle_semaphore.acquire(timeout=0):
            return
        if len(self._threads) < self._max_workers:
            thread = threading.Thread(
                target=self._own_worker, name=f"daemon-{len(self._threads)}", daemon=True
            )
            thread.start()
            self._threads.add(thread)

    def _own_worker(self):
        context = (
            [self._create_worker_context()] if hasattr(self, "_create_worker_context") else []
        )  # from 3.14 on
        while True:
            item = self._work_queue.get(block=True)
            if item is None:
                return
            item.run(*context)
            del item
            self._idle_semaphore.release()


pool = DaemonPool(2)
print(sorted(pool.map(str.upper, "abc")))
began, never = threading.Event(), threading.Event()


def stuck():
    began.set()
    never.wait()


pool.submit(stuck)
began.wait(60)
print(all(thread.daemon for thread in pool._threads), len(pool._threads) <= 2)
print("the program ends although a call hangs", flush=True)
