"""Turns of tasks: `interlock.scheduler` beside loops in pure Python and beside asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from itertools import cycle, islice
from typing import Any

from case import Body, Case
from namespaces import Namespace

Steps = Generator[Any, Any, Any]
Run = Callable[[list[Steps]], object]


def steps(count: int) -> Steps:
    for _ in range(count):
        yield


def on_interlock(tasks: list[Steps]) -> None:
    from interlock.scheduler import Scheduler

    scheduler = Scheduler()
    for task in tasks:
        scheduler.spawn(task)
    scheduler.run()


def on_a_deque(tasks: list[Steps]) -> None:
    """The shortest loop that gives generators their turns, without any other feature."""
    ready = deque(tasks)
    while ready:
        task = ready.popleft()
        try:
            next(task)
            ready.append(task)
        except StopIteration:
            pass


def on_the_classic_scheduler(tasks: list[Steps]) -> None:
    """The loop of the classic teaching scheduler, whose tasks may wait for sockets; these do not."""
    ready, recv_wait, send_wait = deque(tasks), dict[Any, Steps](), dict[Any, Steps]()
    while any([ready, recv_wait, send_wait]):
        while not ready:
            raise NotImplementedError("select")
        task = ready.popleft()
        try:
            why = next(task)
            if why is None:
                ready.append(task)
            elif why[0] == "recv":
                recv_wait[why[1]] = task
            elif why[0] == "send":
                send_wait[why[1]] = task
        except StopIteration:
            pass


def turns(std: Run, tasks: int, ns: Namespace) -> Body:
    """``yield`` in each of several tasks, in turn: a turn is one operation."""
    run = std if ns.name == "std" else on_interlock
    return lambda n: run([steps(n // tasks) for _ in range(tasks)]) and None


def awaited(ns: Namespace) -> Body:
    """``await sleep(0)`` in two coroutines: on asyncio, and on a scheduler."""
    if ns.name == "std":
        zero: Any = partial(asyncio.sleep, 0)
    else:
        from interlock.scheduler import sleep

        zero = partial(sleep, 0)

    async def task(count: int) -> None:
        for _ in range(count):
            await zero()

    async def both(count: int) -> None:
        await asyncio.gather(task(count), task(count))

    def body(n: int) -> None:
        if ns.name == "std":
            asyncio.run(both(n // 2))
        else:
            on_interlock([task(n // 2), task(n // 2)])  # type: ignore[list-item]

    return body


def queued(ns: Namespace) -> Body:
    """A producer and a consumer on a queue of 10: an item is one operation. On asyncio, and on a scheduler."""

    async def produce(queue: Any, count: int) -> None:
        for item in range(count):
            await queue.put(item)

    async def consume(queue: Any, count: int) -> None:
        for _ in range(count):
            await queue.get()

    async def both(count: int) -> None:
        queue: asyncio.Queue[int] = asyncio.Queue(10)
        await asyncio.gather(produce(queue, count), consume(queue, count))

    def tasks(count: int) -> list[Steps]:
        from interlock.queue import Queue
        from interlock.scheduler import get, put

        queue: Any = Queue(10)

        def producer() -> Steps:
            for item in range(count):
                yield put(queue, item)

        def consumer() -> Steps:
            for _ in range(count):
                yield get(queue)

        return [producer(), consumer()]

    return lambda n: asyncio.run(both(n)) if ns.name == "std" else on_interlock(tasks(n))


def recipe(iterables: Iterable[Iterable[int]]) -> Iterator[int]:
    """The recipe `roundrobin` from the documentation of itertools."""
    iterators = map(iter, iterables)
    for active in range(len(list(iterables)), 0, -1):
        iterators = cycle(islice(iterators, active))
        yield from map(next, iterators)


def in_turn(ns: Namespace) -> Body:
    """``deque(round_robin([a, b]), 0)`` of two ranges, and the recipe of itertools: an item is one operation."""
    from interlock.scheduler import round_robin

    merge: Any = recipe if ns.name == "std" else round_robin
    return lambda n: deque(merge([range(n // 2), range(n // 2)]), 0) and None


CASES = (
    Case(
        "scheduler-turns",
        "scheduler, turns of 2 tasks, beside the classic scheduler",
        3.0,
        partial(turns, on_the_classic_scheduler, 2),
        multiple=2,
    ),
    Case(
        "scheduler-turns-deque",
        "scheduler, turns of 2 tasks, beside the shortest loop",
        1.5,
        partial(turns, on_a_deque, 2),
        multiple=2,
    ),
    Case(
        "scheduler-turns-1000",
        "scheduler, turns of 1,000 tasks, beside the classic scheduler",
        2.0,
        partial(turns, on_the_classic_scheduler, 1000),
        multiple=1000,
    ),
    Case("scheduler-await", "scheduler, await sleep(0), beside asyncio", 3.0, awaited, multiple=2),
    Case("scheduler-queue", "scheduler, an item through a queue, beside asyncio", 1.0, queued),
    Case(
        "scheduler-round-robin", "round_robin, 2 ranges, beside itertools' recipe", 0.5, in_turn, multiple=2
    ),
)
