"""`async def` functions are tasks too."""

from __future__ import annotations

import socket
from collections.abc import Generator
from typing import Any

import pytest
from interlock import queue
from interlock.scheduler import Scheduler, TaskCancelled, call, get, join, put, recv, send, sleep


def run(*tasks: Any) -> list[Any]:
    scheduler = Scheduler()
    spawned = [scheduler.spawn(task) for task in tasks]
    scheduler.run()
    return [task.result() for task in spawned]


def test_operations_are_awaited() -> None:
    one, other = socket.socketpair()
    shared = queue.Queue[int]()

    async def reader() -> Any:
        await recv(one)
        first = one.recv(1)
        return first, await recv(one, 10), await get(shared), await call(max, 1, 2)

    async def writer() -> None:
        await sleep(0.001)
        await send(other)
        other.send(b"a")
        await sleep(0.01)
        await send(other, b"bc")
        await put(shared, 5)

    with one, other:
        assert run(reader(), writer())[0] == (b"a", b"bc", 5, 2)


def test_coroutines_and_generators_take_turns_together() -> None:
    log: list[str] = []

    async def coroutine() -> str:
        for _ in range(3):
            log.append("c")
            await sleep(0)
        return "done"

    def generator() -> Generator[Any, Any, Any]:
        for _ in range(2):
            log.append("g")
            yield
        return (yield join(task))

    scheduler = Scheduler()
    task = scheduler.spawn(coroutine())
    assert scheduler.run(scheduler.spawn(generator())) == "done"
    assert log == ["c", "g", "c", "g", "c"]


def test_a_coroutine_awaits_another_and_a_task() -> None:
    async def inner(number: int) -> int:
        await sleep(0.001)
        return number

    scheduler = Scheduler()
    other = scheduler.spawn(inner(2))

    async def outer() -> int:
        return await inner(1) + await join(other)

    assert scheduler.run(scheduler.spawn(outer())) == 3


def test_generators_may_delegate_to_operations() -> None:
    def generator() -> Generator[Any, Any, Any]:
        return (yield from call(sum, [1, 2]))

    assert run(generator()) == [3]


def test_errors_and_cancellation_arrive_at_the_await() -> None:
    log: list[str] = []

    async def sleeps() -> None:
        try:
            await sleep(1000)
        except TaskCancelled:
            log.append("cancelled")
            raise

    async def calls() -> None:
        with pytest.raises(ZeroDivisionError):
            await call(divmod, 1, 0)
        with pytest.raises(TimeoutError):
            await sleep(1000).within(0.001)
        sleeper.cancel()

    scheduler = Scheduler()
    sleeper = scheduler.spawn(sleeps())
    scheduler.spawn(calls())
    scheduler.run()
    assert log == ["cancelled"]


def test_an_awaitable_of_asyncio_is_a_type_error() -> None:
    class Foreign:
        def __await__(self) -> Generator[Any, Any, Any]:
            yield self

    async def task() -> None:
        with pytest.raises(TypeError, match="a task yields nothing, an operation"):
            await Foreign()

    run(task())


def test_a_coroutine_that_is_closed_unstarted_does_not_complain() -> None:
    async def task() -> None:
        raise AssertionError

    with Scheduler() as scheduler:
        scheduler.spawn(task())
