"""Threads and pools that live for a moment: a pool for each of 300 requests, consumers for each of 300 batches.

This mostly times the starts and ends of threads, and their first waits.
"""

import json
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

ROUNDS = 300


def pool_for_a_request(number: int) -> int:
    """Ten calls in a pool that is not used again."""
    with ThreadPoolExecutor(4) as pool:
        return sum(
            future.result() for future in as_completed([pool.submit(pow, number, 2) for _ in range(10)])
        )


def consumers_for_a_batch(number: int) -> int:
    """Three threads that take numbers from a queue until they find None."""
    numbers: queue.Queue[int | None] = queue.Queue()
    results: queue.SimpleQueue[int] = queue.SimpleQueue()

    def consume() -> None:
        while (one := numbers.get()) is not None:
            results.put(one * 2)

    threads = [threading.Thread(target=consume) for _ in range(3)]
    for thread in threads:
        thread.start()
    for one in [*range(number, number + 30), None, None, None]:
        numbers.put(one)
    for thread in threads:
        thread.join()
    return sum(results.get() for _ in range(30))


def threads_that_start_together(number: int) -> int:
    """Eight threads that wait for one another, and for an event that their starter sets."""
    barrier, go, lock = threading.Barrier(8), threading.Event(), threading.Lock()
    total = 0

    def run(index: int) -> None:
        nonlocal total
        barrier.wait()
        go.wait()
        with lock:
            total += number * index

    threads = [threading.Thread(target=run, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    return total


def main() -> None:
    start = time.perf_counter()
    parts = (pool_for_a_request, consumers_for_a_batch, threads_that_start_together)
    result = [sum(part(number) for number in range(ROUNDS)) for part in parts]
    print(json.dumps({"seconds": time.perf_counter() - start, "result": result}))


if __name__ == "__main__":
    main()
