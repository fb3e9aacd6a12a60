"""What a typed program says about the drop-ins; mypy reads it, and test_stubs.py runs it as well."""

from __future__ import annotations

import asyncio
from typing import assert_type

from interlock import queue, threading

Jobs = queue.Queue[int]


class Counter:
    def __init__(self) -> None:
        self.lock: threading.Lock = threading.Lock()
        self.total = 0

    def add(self, number: int) -> None:
        with self.lock:
            self.total += number


def work(jobs: Jobs, counter: Counter) -> None:
    while True:
        try:
            counter.add(jobs.get())
        except queue.ShutDown:
            return
        jobs.task_done()


def count(numbers: range) -> int:
    jobs = Jobs(maxsize=4)
    counter = Counter()
    threads = [threading.Thread(target=work, args=(jobs, counter), name=f"worker {n}") for n in range(3)]
    for thread in threads:
        thread.start()
    assert_type(jobs.put_many(numbers), None)
    jobs.join()
    jobs.shutdown()
    for thread in threads:
        thread.join(timeout=60)
    return counter.total


def many() -> list[str]:
    words: queue.LifoQueue[str] = queue.LifoQueue()
    words.put_many(["a", "b"])
    numbers = queue.PriorityQueue[int]()
    numbers.put(2)
    assert_type(numbers.get_many(5), list[int])
    simple: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    simple.put(b"x")
    assert_type(simple.get_nowait(), bytes)
    return words.get_many(2, timeout=1.0)


def meet() -> bool:
    ready = threading.Event()
    condition = threading.Condition(threading.RLock())
    barrier = threading.Barrier(1, action=ready.set, timeout=60)
    assert_type(barrier.wait(), int)
    with condition, threading.BoundedSemaphore(2):
        return assert_type(condition.wait_for(ready.is_set), bool)


async def hand_over(item: bytes) -> bytes:
    line: queue.Queue[bytes] = queue.Queue(1)
    await line.aput(item)
    got = assert_type(await line.aget(), bytes)
    line.task_done()
    await line.ajoin()
    return got


def main() -> None:
    assert count(range(10)) == 45
    assert many() == ["b", "a"]
    assert meet()
    assert asyncio.run(hand_over(b"item")) == b"item"
    timer = threading.Timer(0, print)
    timer.start()
    timer.join()
    assert_type(timer.finished, threading.Event)
    assert threading.current_thread() is threading.main_thread()


if __name__ == "__main__":
    main()
