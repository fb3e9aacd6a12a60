"""What monitors of an executor of processes look at."""

import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed, wait, FIRST_COMPLETED
from concurrent.futures import process as module


def work(x):
    return x * 2


class Counting(ProcessPoolExecutor):
    def __init__(self, *a, **k):
        super().__init__(*a, **k)
        self.submitted = 0

    def submit(self, fn, /, *args, **kwargs):
        self.submitted += 1
        f = super().submit(fn, *args, **kwargs)
        f.number = self.submitted
        return f


if __name__ == "__main__":
    with Counting(max_workers=2) as ex:
        fs = [ex.submit(work, i) for i in range(20)]
        print(sorted(f.result() for f in as_completed(fs)))
        print(
            ex.submitted,
            ex._max_workers,
            len(ex._processes) <= 2,
            all(isinstance(k, int) for k in ex._processes),
        )
        print(all(p.is_alive() for p in ex._processes.values()), os.getpid() in ex._processes)
        print(len(ex._pending_work_items), ex._broken, ex._shutdown_thread)
        print(list(ex.map(work, range(5), chunksize=2)))
        done, rest = wait([ex.submit(work, 1), ex.submit(time.sleep, 0.01)], return_when=FIRST_COMPLETED)
        print(len(done) >= 1)
    try:
        ex.submit(work, 1)
    except RuntimeError as e:
        print(type(e).__name__, e)
    print(ex._processes is None, issubclass(module.BrokenProcessPool, RuntimeError))
