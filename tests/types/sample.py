"""A typed program that uses the drop-ins; mypy checks it, and test_stubs.py runs it, too."""

from __future__ import annotations

import asyncio
import concurrent.futures as standard
import queue as standard_queue
from collections.abc import Generator
from typing import Any, assert_type

import interlock
from interlock import queue, scheduler, threading
from interlock.concurrent import futures

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


def drained(line: standard_queue.Queue[int]) -> list[int]:
    return [line.get() for _ in range(line.qsize())]


def for_whom_the_standard_class_will_do() -> list[int]:
    heap = queue.PriorityQueue[int]()
    heap.put_many([2, 1])
    also: standard_queue.PriorityQueue[int] = heap
    assert also is heap
    return drained(heap)


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


def half(number: int) -> float:
    task = interlock.current_task()
    if task is not None:
        assert_type(task.cancelled, bool)
        task.raise_if_cancelled()
    return number / 2


def show(done: int, total: int | None) -> None:
    assert total is None or done <= total


def compute() -> list[float]:
    with futures.ThreadPoolExecutor(2, max_pending=100, block=True, notes=True) as pool:
        first = pool.submit(half, 3)
        assert_type(first, futures.Future[float])
        assert_type(first.exception(), BaseException | None)
        urgent = pool.at(priority=-1, timeout=60).submit(half, number=4)
        assert_type(urgent.result(timeout=60), float)
        later = pool.after(first, urgent).submit(half, 1)
        both = pool.call(pow, first, later)
        tried = list(pool.map(half, range(3), return_exceptions=True, progress=show))
        assert_type(tried, list[float | BaseException])
        places = {first: "first", urgent: "urgent", later: "later"}
        for future in futures.as_completed(places, timeout=60, progress=show):
            assert places[future]
        done, not_done = futures.wait(places, return_when=futures.FIRST_EXCEPTION)
        assert_type(done, set[futures.Future[float]])
        assert not not_done
        standard_one: standard.Future[float] = first
        assert isinstance(standard_one.result(), float)
        assert both.result() > 0
        assert pool.stats().submitted > 0
        halves = pool.map(half, range(4), buffersize=2)
        return assert_type(list(halves), list[float])


def doubled(numbers: queue.Queue[int]) -> Generator[Any, Any, int]:
    number: int = yield scheduler.get(numbers)
    yield
    yield scheduler.sleep(0).within(60)  # sleep: an operation of a task
    return number * 2


async def in_turn() -> int:
    numbers = queue.Queue[int]()
    await scheduler.put(numbers, 2)
    assert_type(await scheduler.call(half, number=4), float)
    task = assert_type(tasks.spawn(doubled(numbers), name="doubled"), scheduler.Task[int])
    return assert_type(await scheduler.join(task), int)


tasks = scheduler.Scheduler()


def main() -> None:
    assert assert_type(tasks.run(tasks.spawn(in_turn())), int) == 4
    assert_type(list(scheduler.round_robin([range(2), range(1)])), list[int])
    assert compute() == [0.0, 0.5, 1.0, 1.5]
    assert count(range(10)) == 45
    assert many() == ["b", "a"]
    assert for_whom_the_standard_class_will_do() == [1, 2]
    assert meet()
    assert asyncio.run(hand_over(b"item")) == b"item"
    timer = threading.Timer(0, print)
    timer.start()
    timer.join()
    assert threading.current_thread() is threading.main_thread()


if __name__ == "__main__":
    main()
