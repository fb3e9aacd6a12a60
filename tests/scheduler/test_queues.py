"""Tasks share queues with each other and with threads."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Generator
from typing import Any

import pytest
from interlock import queue
from interlock.scheduler import Scheduler, TaskCancelled, get, put, sleep

Steps = Generator[Any, Any, Any]

QUEUES = [queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue]
each_queue = pytest.mark.parametrize("make", QUEUES, ids=lambda make: make.__name__)


class Materialized(queue.Queue):  # type: ignore[type-arg]
    """A queue with a hook runs the standard library's code."""

    def _put(self, item: Any) -> None:
        super()._put(item)


def take(source: Any, count: int) -> Steps:
    items: list[Any] = []
    while len(items) < count:
        items.append((yield get(source)))
    return items


def fill(target: Any, items: Any) -> Steps:
    for item in items:
        yield put(target, item)


@pytest.mark.parametrize("make", [*QUEUES, Materialized])
def test_items_go_from_task_to_task(make: Any) -> None:
    scheduler, shared = Scheduler(), make()
    consumer = scheduler.spawn(take(shared, 100))
    scheduler.spawn(fill(shared, range(100)))
    scheduler.run()
    assert sorted(consumer.result()) == list(range(100))
    assert shared.empty()


@pytest.mark.parametrize("make", [queue.Queue, Materialized])
def test_a_full_queue_has_a_task_wait(make: Any) -> None:
    scheduler, shared, log = Scheduler(), make(2), []

    def producer() -> Steps:
        for item in range(6):
            yield put(shared, item)
            log.append(shared.qsize())

    scheduler.spawn(producer())
    consumer = scheduler.spawn(take(shared, 6))
    scheduler.run()
    assert consumer.result() == list(range(6))
    assert max(log) <= 2


@pytest.mark.parametrize("make", [*QUEUES, Materialized])
def test_a_thread_puts_what_tasks_take(make: Any) -> None:
    scheduler, shared = Scheduler(), make()
    consumers = [scheduler.spawn(take(shared, 250)) for _ in range(2)]
    ready = threading.Event()

    def produce() -> None:
        ready.wait()
        for item in range(500):
            shared.put(item)

    thread = threading.Thread(target=produce)
    thread.start()

    def start() -> Steps:
        yield
        ready.set()

    scheduler.spawn(start())
    scheduler.run()
    thread.join()
    items = [item for consumer in consumers for item in consumer.result()]
    assert sorted(items) == list(range(500))


@each_queue
def test_a_thread_takes_what_tasks_put(make: Any) -> None:
    scheduler, shared = Scheduler(), make()
    got: list[int] = []

    def consume() -> None:
        got.extend(shared.get() for _ in range(300))

    thread = threading.Thread(target=consume)
    thread.start()
    for first in range(3):
        scheduler.spawn(fill(shared, range(first, 300, 3)))
    scheduler.run()
    thread.join()
    assert sorted(got) == list(range(300))


def test_threads_and_tasks_on_both_sides_of_a_small_queue() -> None:
    scheduler: Scheduler
    scheduler, shared = Scheduler(), queue.Queue(3)
    got: list[int] = []

    def consume() -> None:
        while (item := shared.get()) is not None:
            got.append(item)

    def produce() -> None:
        for item in range(1000, 1500):
            shared.put(item)

    threads = [threading.Thread(target=consume), threading.Thread(target=produce)]
    for thread in threads:
        thread.start()
    consumer = scheduler.spawn(take(shared, 400))
    scheduler.spawn(fill(shared, range(500)))
    scheduler.run()
    threads[1].join()
    shared.put(None)
    threads[0].join()
    assert sorted(got + consumer.result()) == [*range(500), *range(1000, 1500)]


@pytest.mark.parametrize("make", [*QUEUES, Materialized])
def test_a_cancelled_getter_loses_no_item(make: Any) -> None:
    scheduler, shared = Scheduler(), make()

    def getter() -> Steps:
        try:
            return (yield get(shared))
        except TaskCancelled:
            return "cancelled"

    first, second = scheduler.spawn(getter()), scheduler.spawn(getter())

    def cancels() -> Steps:
        yield
        yield
        shared.put(1)
        first.cancel()
        yield

    scheduler.spawn(cancels())
    scheduler.run()
    assert (first.result(), second.result()) == ("cancelled", 1)


@pytest.mark.parametrize("make", [*QUEUES, Materialized])
def test_a_time_limit_ends_the_wait_and_loses_no_item(make: Any) -> None:
    scheduler, shared = Scheduler(), make()

    def getter() -> Steps:
        with pytest.raises(TimeoutError):
            yield get(shared).within(0.001)
        shared.put(1)
        return (yield get(shared).within(1000))

    assert scheduler.run(scheduler.spawn(getter())) == 1


def test_a_queue_that_is_shut_down_ends_the_wait() -> None:
    scheduler, shared = Scheduler(), queue.Queue(1)

    def waits(operation: Any) -> Steps:
        with pytest.raises(queue.ShutDown):
            yield operation

    shared.put(0)
    scheduler.spawn(waits(put(shared, 1)))
    other = queue.Queue[int]()
    scheduler.spawn(waits(get(other)))

    def ends() -> Steps:
        yield sleep(0.001)
        shared.shutdown()
        other.shutdown()

    scheduler.spawn(ends())
    scheduler.run()


def test_a_materialized_queue_serves_those_who_wait() -> None:
    scheduler, shared = Scheduler(), queue.Queue[int]()
    consumer = scheduler.spawn(take(shared, 2))

    def looks_inside() -> Steps:
        yield
        yield
        with shared.mutex:
            pass
        shared.put(1)
        yield
        shared.put(2)

    scheduler.spawn(looks_inside())
    scheduler.run()
    assert consumer.result() == [1, 2]


@pytest.mark.parametrize("wrong", [None, [], "queue"], ids=repr)
def test_what_is_no_queue_is_a_type_error(wrong: Any) -> None:
    scheduler = Scheduler()

    def task() -> Steps:
        for operation in (get(wrong), put(wrong, 1)):
            with pytest.raises(TypeError, match=r"a queue of interlock.queue"):
                yield operation

    scheduler.spawn(task())
    scheduler.run()


INSTALLED = """
import interlock
interlock.install()
import queue, threading
from interlock.scheduler import Scheduler, get
shared = queue.Queue()
def take():
    return (yield get(shared)) + (yield get(shared))
threading.Thread(target=lambda: (shared.put(1), shared.put(2))).start()
scheduler = Scheduler()
print(scheduler.run(scheduler.spawn(take())))
"""


def test_the_standard_queues_are_ours_when_interlock_is_installed() -> None:
    done = subprocess.run([sys.executable, "-c", INSTALLED], capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.stderr) == ("3\n", "")
