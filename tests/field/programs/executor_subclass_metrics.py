"""A subclass counts calls by wrapping submit(), which map() calls, too."""

import functools
from concurrent.futures import ThreadPoolExecutor


class Counting(ThreadPoolExecutor):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.calls, self._results, self._tasks, self._count = [], [], [], 0

    def submit(self, fn, *args, **kwargs):
        self.calls.append(fn.__name__)
        self._count += 1
        future = super().submit(functools.partial(self._run, fn), *args, **kwargs)
        future.add_done_callback(self._results.append)
        return future

    def _run(self, fn, *args, **kwargs):
        return fn(*args, **kwargs)


with Counting(2) as pool:
    print(list(pool.map(abs, [-1, -2, -3])), pool.submit(max, 1, 2).result())
print(pool.calls, pool._count, len(pool._results), all(future.done() for future in pool._results))
