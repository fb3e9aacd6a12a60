"""A pool of workers that take jobs from a priority queue, and a ThreadPoolExecutor that runs small tasks.

Usage: worker_pool.py [SCALE]. Prints one result line, and the seconds of work as JSON on stderr.
"""

import json
import queue
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

WORKERS = 4


class Pool:
    """Threads that process the jobs in a priority queue."""

    def __init__(self) -> None:
        self.jobs: queue.PriorityQueue[tuple[int, int | None]] = queue.PriorityQueue()
        self.results: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.work, name=f"worker-{i}") for i in range(WORKERS)]
        for thread in self.threads:
            thread.start()

    def work(self) -> None:
        """Do jobs until the pool is closed."""
        while not self.stopping.is_set():
            _, number = self.jobs.get()
            if number is not None:
                self.results.put(number % 1009)
            self.jobs.task_done()

    def close(self) -> None:
        """Wait for the jobs, then end the threads."""
        self.jobs.join()
        self.stopping.set()
        for _ in self.threads:
            self.jobs.put((1, None))
        for thread in self.threads:
            thread.join()


def pool_sum(count: int) -> int:
    """The sum over the pool's results."""
    pool = Pool()
    for number in range(count):
        pool.jobs.put((number % 7 - 7, number))
    pool.close()
    return sum(pool.results.get() for _ in range(count))


def executor_sum(count: int) -> int:
    """The sum over an executor's results."""
    with ThreadPoolExecutor(WORKERS) as executor:
        return sum(executor.map(lambda number: number % 1013, range(count)))


def main(scale: float) -> None:
    """Run both kinds of pool."""
    first = pool_sum(max(1, int(120_000 * scale)))
    second = executor_sum(max(1, int(30_000 * scale)))
    print(f"pool {first}, executor {second}")


if __name__ == "__main__":
    started = time.perf_counter()
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
    print(json.dumps({"work_seconds": time.perf_counter() - started}), file=sys.stderr)
