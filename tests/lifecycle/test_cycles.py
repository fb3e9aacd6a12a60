"""Objects in reference cycles are collected, whatever holds them, and not before."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from interlock import queue, threading


class Node:
    """Something that can be part of a cycle and weakly referred to."""

    def __lt__(self, other: object) -> bool:
        return False


pytestmark = pytest.mark.usefixtures("few_objects")


def opened(q: Any) -> Any:
    with q.mutex:
        return q


def with_dict(thing: Any) -> Any:
    thing.me = thing
    return thing


def in_itself(q: Any) -> Any:
    q.put(q)
    return q


def barrier_with_action(node: Node) -> Any:
    return threading.Barrier(1, lambda: node)


def condition_on(node: Node) -> Any:
    class Lock:
        """A lock-like object that knows the condition's owner."""

        acquire = release = staticmethod(bool)
        _node = node

    return threading.Condition(Lock())


def holding(q: Any, node: Node) -> Any:
    q.put(node)
    return q


def thread_with(node: Node) -> Any:
    return threading.Thread(target=lambda: node)


def finished_thread(node: Node) -> Any:
    thread = thread_with(node)
    thread.start()
    thread.join()
    thread.node = node
    return thread


# A maker takes a node and returns an object that keeps the node alive; the node then refers to that object.
HOLDERS: dict[str, Callable[[Node], Any]] = {
    "Queue": lambda node: holding(queue.Queue(), node),
    "open Queue": lambda node: holding(opened(queue.Queue()), node),
    "Queue opened later": lambda node: opened(holding(queue.Queue(), node)),
    "LifoQueue": lambda node: holding(queue.LifoQueue(), node),
    "PriorityQueue": lambda node: holding(queue.PriorityQueue(), node),
    "SimpleQueue": lambda node: holding(queue.SimpleQueue(), node),
    "Barrier": barrier_with_action,
    "Condition": condition_on,
    "Thread": thread_with,
    "finished Thread": finished_thread,
    "Timer": lambda node: threading.Timer(1, print, [node]),
}

# Things that are in a cycle by themselves.
ALONE: dict[str, Callable[[], Any]] = {
    "Queue in itself": lambda: in_itself(queue.Queue()),
    "LifoQueue in itself": lambda: in_itself(queue.LifoQueue()),
    "open Queue in itself": lambda: in_itself(opened(queue.Queue())),
    "SimpleQueue in itself": lambda: in_itself(queue.SimpleQueue()),
    "Queue as its own attribute": lambda: with_dict(queue.Queue()),
    "Condition as its own attribute": lambda: with_dict(threading.Condition()),
    "Event as its own attribute": lambda: with_dict(threading.Event()),
    "Semaphore as its own attribute": lambda: with_dict(threading.Semaphore()),
    "BoundedSemaphore as its own attribute": lambda: with_dict(threading.BoundedSemaphore()),
    "Barrier as its own attribute": lambda: with_dict(threading.Barrier(1)),
    "Thread as its own attribute": lambda: with_dict(threading.Thread()),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_a_cycle_through_a_holder_is_collected(name: str) -> None:
    node = Node()
    ref = weakref.ref(node)
    node.holder = HOLDERS[name](node)  # type: ignore[attr-defined]
    del node
    assert ref() is not None
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("name", HOLDERS)
def test_what_a_living_holder_holds_is_not_collected(name: str) -> None:
    node = Node()
    ref = weakref.ref(node)
    holder = HOLDERS[name](node)
    del node
    gc.collect()
    assert ref() is not None
    del holder
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("name", ALONE)
def test_an_object_that_holds_itself_is_collected(name: str) -> None:
    thing = ALONE[name]()
    ref = weakref.ref(thing)
    del thing
    assert ref() is not None
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("name", ALONE)
def test_weak_references_call_back(name: str) -> None:
    calls: list[int] = []
    thing = ALONE[name]()
    ref = weakref.ref(thing, lambda _: calls.append(1))
    del thing
    gc.collect()
    assert (ref(), calls) == (None, [1])


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
def test_a_queue_that_a_task_waited_for_is_freed(kind: str) -> None:
    """What awaits it, and its event loop, are not kept alive by the queue nor by the place in its line."""

    async def wait_and_go() -> tuple[weakref.ref[Any], weakref.ref[Any]]:
        q = getattr(queue, kind)(1)
        waiting = asyncio.ensure_future(q.aget())
        await asyncio.sleep(0)  # sleep: none, it lets the task begin
        q.put(1)
        assert await waiting == 1
        q.put(2)
        putting = asyncio.ensure_future(q.aput(3))
        await asyncio.sleep(0)  # sleep: none, it lets the task begin
        putting.cancel()
        await asyncio.wait([putting])
        return weakref.ref(q), weakref.ref(asyncio.get_running_loop())

    refs = asyncio.run(wait_and_go())
    gc.collect()
    assert [ref() for ref in refs] == [None, None]


@pytest.mark.parametrize("name", HOLDERS)
def test_a_collection_in_the_middle_of_other_threads_work_breaks_nothing(name: str) -> None:
    """The collector looks into objects while other threads use them."""
    node = Node()
    holder = HOLDERS[name](node)
    stop = threading.Event()

    def use() -> None:
        while not stop.is_set():
            if hasattr(holder, "get_nowait"):
                holder.put(holder.get_nowait())
            repr(holder)

    threads = [threading.Thread(target=use) for _ in range(2)]
    if hasattr(holder, "put"):
        for _ in range(len(threads)):
            holder.put(node)
    for thread in threads:
        thread.start()
    for _ in range(20):
        gc.collect()
    stop.set()
    for thread in threads:
        thread.join()
    if hasattr(holder, "get_nowait"):
        assert holder.get_nowait() is node
