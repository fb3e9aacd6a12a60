"""Threads and tasks of several event loops at one queue: no item is lost, even when tasks are cancelled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from interlock import queue, threading

from tests.stress.crew import ITEMS, LIMIT, SEED, Crew, chance

MAKERS: dict[str, Callable[[], Any]] = {
    "Queue": queue.Queue,
    "Queue(2)": lambda: queue.Queue(2),
    "LifoQueue(5)": lambda: queue.LifoQueue(5),
    "PriorityQueue(5)": lambda: queue.PriorityQueue(5),
}
EACH = max(ITEMS // 500, 20)


class Mixed:
    """Four producers and four consumers, half of them tasks, which are cancelled again and again."""

    def __init__(self, q: Any) -> None:
        self.q = q
        self.got: list[tuple[int, int]] = []
        self.cancelled = 0

    def run(self, looks: bool) -> None:
        crew = Crew(threading.Thread)
        takers = Crew(threading.Thread)
        for maker in range(2):
            crew.add(self.make, maker)
            crew.add(lambda maker=maker: asyncio.run(self.make_as_task(maker + 2)))
            takers.add(self.take)
            takers.add(lambda maker=maker: asyncio.run(self.take_as_tasks(maker)))
        if looks:
            crew.add(lambda: self.q.mutex)
        takers.start()
        crew.run()
        asyncio.run(self.q.ajoin())
        self.q.shutdown()
        takers.join()

    def make(self, me: int) -> None:
        for number in range(EACH):
            self.q.put((me, number), timeout=LIMIT)

    async def make_as_task(self, me: int) -> None:
        """Cancelled puts are repeated, so an item that a cancelled task did put would be doubled."""
        dice = chance("make", me)
        for number in range(EACH):
            while True:
                task = asyncio.ensure_future(self.q.aput((me, number)))
                await asyncio.wait([task], timeout=dice.choice([0.0001, 0.001, 50]))
                if not task.done():
                    task.cancel()
                    await asyncio.wait([task])
                if not task.cancelled():
                    task.result()
                    break
                self.cancelled += 1

    def take(self) -> None:
        try:
            while True:
                self.got.append(self.q.get())
                self.q.task_done()
        except queue.ShutDown:
            pass

    async def take_as_tasks(self, me: int) -> None:
        await asyncio.gather(self.take_as_task(me), self.take_as_task(me + 10), self.cancel_often(me))

    async def take_as_task(self, me: int) -> None:
        dice = chance("take", me)
        while True:
            task = asyncio.ensure_future(self.q.aget())
            await asyncio.wait([task], timeout=dice.choice([0, 0.0001, 0.001]))
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            if task.cancelled():
                self.cancelled += 1
            elif task.exception() is None:
                self.got.append(task.result())
                self.q.task_done()
            else:
                assert isinstance(task.exception(), queue.ShutDown)
                return

    async def cancel_often(self, me: int) -> None:
        """Many tasks line up and leave, so that notifications have to be passed on."""
        dice = chance("cancel", me)
        while not self.q.is_shutdown:
            tasks = [asyncio.ensure_future(self.q.aget()) for _ in range(3)]
            await asyncio.wait(tasks, timeout=dice.random() / 1000)
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if not isinstance(result, BaseException):
                    self.got.append(result)
                    self.q.task_done()


@pytest.mark.parametrize("looks", [False, True])
@pytest.mark.parametrize("kind", MAKERS)
def test_threads_and_tasks_lose_nothing(kind: str, looks: bool) -> None:
    mixed = Mixed(MAKERS[kind]())
    mixed.run(looks)
    sent = Counter((maker, number) for maker in range(4) for number in range(EACH))
    got = Counter(mixed.got)
    assert got == sent, f"INTERLOCK_SEED={SEED}: lost {sent - got}, doubled {got - sent}"
    assert mixed.q.empty()


def test_a_cancelled_task_passes_its_notification_on() -> None:
    """If a task is notified of an item and cancelled at that moment, the next waiting thread gets the notification."""

    async def first_in_line(q: Any, thread: Any) -> None:
        task = asyncio.ensure_future(q.aget())
        await asyncio.sleep(0)  # sleep: none, it lets the task line up
        thread.start()
        while not waits(q):
            await asyncio.sleep(0)  # sleep: none, other threads run meanwhile
        q.put("item")  # notifies the task, which cannot run before it is cancelled
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    for number in range(50):
        q, got = queue.Queue(), []
        if number % 2:
            with q.mutex:
                pass
        begun = threading.Event()

        def get(q: Any = q, got: list[Any] = got, begun: Any = begun) -> None:
            begun.set()
            got.append(q.get())

        def waits(q: Any, begun: Any = begun) -> bool:
            return begun.is_set()

        thread = threading.Thread(target=get)
        asyncio.run(first_in_line(q, thread))
        thread.join(LIMIT)
        assert got == ["item"]


def test_a_loop_that_closes_with_tasks_in_line_leaves_the_queue_to_others() -> None:
    q, got, tasks = queue.Queue(), [], []

    async def leave() -> None:
        tasks.extend(asyncio.ensure_future(q.aget()) for _ in range(5))
        await asyncio.sleep(0)  # sleep: none, it lets the tasks line up

    asyncio.run(leave())
    crew = Crew(threading.Thread)
    crew.add(lambda: got.append(q.get(timeout=LIMIT)))
    crew.add(q.put, "item")
    crew.run()
    assert got == ["item"]


@pytest.mark.parametrize("immediate", [False, True])
def test_a_shutdown_ends_every_awaiting_task(immediate: bool) -> None:
    async def wait(q: Any, full: Any) -> list[Any]:
        tasks = [asyncio.ensure_future(q.aget()) for _ in range(5)]
        tasks += [asyncio.ensure_future(full.aput(1)) for _ in range(5)]
        await asyncio.sleep(0)  # sleep: none, it lets the tasks line up
        thread = threading.Thread(target=lambda: [q.shutdown(immediate), full.shutdown(immediate)])
        thread.start()
        return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), LIMIT)

    full = queue.Queue(1)
    full.put(0)
    results = asyncio.run(wait(queue.Queue(), full))
    assert [type(result) for result in results] == [queue.ShutDown] * 10
