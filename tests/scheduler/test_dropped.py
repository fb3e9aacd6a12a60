"""A scheduler that is dropped gives up what its tasks wait for, as close() does."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from interlock import queue
from interlock.scheduler import Scheduler, call, get, put, sleep

Steps = Generator[Any, Any, Any]


class Materialized(queue.Queue):  # type: ignore[type-arg]
    """A queue with a hook runs the standard library's code."""

    def _put(self, item: Any) -> None:
        super()._put(item)


QUEUES = [queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue, Materialized]
each_queue = pytest.mark.parametrize("make", QUEUES, ids=lambda make: make.__name__)


def waits_for(operation: Any) -> Steps:
    return (yield operation)


def turns(scheduler: Scheduler, count: int = 5) -> None:
    """Give each task some turns."""

    def other() -> Steps:
        for _ in range(count):
            yield

    scheduler.run(scheduler.spawn(other()))


def by_count(waits: list[Scheduler]) -> None:
    waits.pop()


def by_collector(waits: list[Scheduler]) -> None:
    """Drop a scheduler that is part of a cycle."""

    def task(scheduler: Scheduler) -> Steps:
        yield sleep(1000)
        scheduler.close()

    scheduler = waits.pop()
    scheduler.spawn(task(scheduler))
    del scheduler
    gc.collect()


def by_close(waits: list[Scheduler]) -> None:
    waits.pop().close()


each_end = pytest.mark.parametrize("end", [by_count, by_collector, by_close])
End = Callable[[list[Scheduler]], None]


def schedulers_with(*operations: Any) -> list[Scheduler]:
    """A scheduler with tasks that wait, in a list that has the only reference."""
    scheduler = Scheduler()
    for operation in operations:
        scheduler.spawn(waits_for(operation))
    turns(scheduler)
    return [scheduler]


@each_end
@each_queue
def test_a_getter_of_a_dropped_scheduler_takes_no_notification(make: Any, end: End) -> None:
    shared = make()
    end(schedulers_with(get(shared), get(shared)))
    other = Scheduler()
    task = other.spawn(waits_for(get(shared)))
    turns(other)
    shared.put(1)
    turns(other)
    assert task.result() == 1


@each_end
@each_queue
def test_a_getter_that_was_notified_passes_that_on(make: Any, end: End) -> None:
    shared = make()
    waits = schedulers_with(get(shared))
    other = Scheduler()
    task = other.spawn(waits_for(get(shared)))
    turns(other)
    shared.put(1)
    turns(other)
    assert not task.done()
    end(waits)
    turns(other)
    assert task.result() == 1


@each_end
@pytest.mark.parametrize("make", [queue.Queue, Materialized])
def test_a_putter_of_a_dropped_scheduler_takes_no_notification(make: Any, end: End) -> None:
    shared = make(1)
    shared.put(0)
    end(schedulers_with(put(shared, "never")))
    other = Scheduler()
    task = other.spawn(waits_for(put(shared, 1)))
    turns(other)
    assert shared.get() == 0
    turns(other)
    assert task.done()
    assert shared.get() == 1


def test_the_collector_may_drop_a_scheduler_while_a_queues_mutex_is_held() -> None:
    shared = Materialized()
    waits = schedulers_with(get(shared))
    with shared.mutex:
        by_collector(waits)  # would wait for the mutex for ever
    other = Scheduler()
    task = other.spawn(waits_for(get(shared)))
    turns(other)
    shared.put(1)
    assert other.run(task) == 1


@each_end
def test_a_call_that_has_not_begun_does_not_run(end: End) -> None:
    ran: list[int] = []
    begin, release = threading.Event(), threading.Event()

    def busy() -> None:
        begin.set()
        release.wait()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(busy)
        begin.wait()
        end(schedulers_with(call(ran.append, 1).on(pool)))
        release.set()
    assert ran == []


@pytest.mark.parametrize("end", [by_count, by_close])
def test_a_coroutine_that_has_not_begun_is_closed_without_a_warning(end: End) -> None:
    async def task() -> None:
        raise AssertionError

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler = Scheduler()
        spawned = scheduler.spawn(task())
        waits = [scheduler]
        del scheduler
        end(waits)
    assert spawned.cancelled()


@each_end
def test_a_generator_is_closed_even_if_the_program_has_it(end: End) -> None:
    task = waits_for(sleep(1000))
    scheduler = Scheduler()
    scheduler.spawn(task)
    turns(scheduler)
    waits = [scheduler]
    del scheduler
    end(waits)
    assert next(task, "closed") == "closed"


@pytest.mark.parametrize("make", [queue.Queue, Materialized])
def test_a_task_of_a_closed_loop_takes_no_notification(make: Any) -> None:
    shared, loop, other = make(), asyncio.new_event_loop(), Scheduler()
    waits = loop.create_task(shared.aget())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    task = other.spawn(waits_for(get(shared)))
    turns(other)
    shared.put(1)  # notifies the task of the loop first, which would deadlock in the materialized queue
    turns(other)
    assert task.result() == 1
    waits._log_destroy_pending = False  # type: ignore[attr-defined]
    del waits
    gc.collect()


def test_what_ends_as_it_is_closed_is_closed_to_the_last() -> None:
    scheduler, log = Scheduler(), []

    def late() -> Steps:
        log.append("began")
        yield

    def task(error: type[BaseException]) -> Steps:
        try:
            yield sleep(1000)
        finally:
            scheduler.spawn(late())
            raise error

    for error in (ValueError, KeyboardInterrupt, OSError):
        scheduler.spawn(task(error))
    turns(scheduler)
    with pytest.raises(KeyboardInterrupt):
        scheduler.close()
    assert scheduler.tasks() == []
    assert log == []
