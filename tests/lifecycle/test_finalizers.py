"""`__del__` may use the same object that drops it: nothing deadlocks, and it sees no half-done change."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from interlock import queue, threading

pytestmark = pytest.mark.usefixtures("few_objects")

KINDS = ["Queue", "LifoQueue", "PriorityQueue", "materialized Queue", "SimpleQueue"]


class Mark:
    """An item that a priority queue can compare with any other."""

    def __lt__(self, other: object) -> bool:
        return False


class Item(Mark):
    """Calls a function when it is freed."""

    def __init__(self, at_death: Callable[[], object]) -> None:
        self.at_death = at_death

    def __del__(self) -> None:
        self.at_death()


def make(kind: str, maxsize: int = 0) -> Any:
    if kind == "SimpleQueue":
        return queue.SimpleQueue()
    q = getattr(queue, kind.removeprefix("materialized "))(maxsize)
    if kind.startswith("materialized"):
        with q.mutex:
            pass
    return q


def use(q: Any, seen: list[Any]) -> Callable[[], None]:
    """Return a finalizer that uses the queue in every way that can't block for ever."""

    def at_death() -> None:
        seen.append(q.qsize())
        q.empty()
        q.put(Mark())
        seen.append(q.get_nowait())
        if hasattr(q, "task_done"):
            seen.append((q.full(), q.unfinished_tasks, q.maxsize))

    return at_death


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_that_dies_after_get_may_use_the_queue(kind: str) -> None:
    q, seen = make(kind), []
    q.put(Item(use(q, seen)))
    q.get()
    assert seen[0] == 0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "SimpleQueue"])
def test_items_that_a_shutdown_discards_may_use_the_queue(kind: str) -> None:
    """The standard library frees items under its mutex, so there (and in materialized queues) they may only look."""
    q, seen = make(kind), []
    is_materialized = kind in {"PriorityQueue", "materialized Queue"}

    def at_death() -> None:
        seen.append(q.unfinished_tasks if is_materialized else q.qsize())
        if not is_materialized:
            with pytest.raises(queue.ShutDown):
                q.put(1)
            with pytest.raises(queue.ShutDown):
                q.get_nowait()
            q.join()

    for _ in range(3):
        q.put(Item(at_death))
    q.shutdown(immediate=True)
    assert len(seen) == 3
    assert q.unfinished_tasks == 0
    q.join()


@pytest.mark.parametrize("kind", KINDS)
def test_items_may_use_their_queue_while_the_collector_clears_it(kind: str) -> None:
    seen: list[Any] = []

    def in_cycle() -> None:
        q = make(kind)
        for _ in range(3):
            q.put(Item(use(q, seen)))
        q.put(Item(lambda: seen.append("the end")))
        if kind != "SimpleQueue":
            q.cycle = q

    in_cycle()
    gc.collect()
    assert seen.count("the end") == 1
    assert len(seen) > 3


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_dies_with_its_queue(kind: str) -> None:
    seen: list[str] = []
    q = make(kind)
    for _ in range(3):
        q.put(Item(lambda: seen.append("dead")))
    del q
    assert seen == ["dead"] * 3


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "SimpleQueue"])
def test_an_item_that_was_refused_may_use_the_queue(kind: str) -> None:
    q, seen = make(kind, 1), []
    q.put(0)
    with pytest.raises(queue.Full):
        q.put(Item(lambda: seen.append(q.get_nowait())), block=False)
    with pytest.raises(queue.Full):
        q.put_many([1, Item(lambda: seen.append(q.qsize()))], block=False) if q.empty() else q.put(2, False)
    gc.collect()
    assert seen[0] == 0


@pytest.mark.parametrize("name", ["Lock", "RLock", "Condition", "Semaphore", "Event"])
def test_a_finalizer_may_use_a_lock_that_its_thread_releases(name: str) -> None:
    """The object is freed in the call that releases, sets or notifies: the lock is usable at any step."""
    x, used = getattr(threading, name)(), []

    def at_death() -> None:
        if name == "Event":
            x.set()
            used.append(x.wait(60))
        else:
            used.append(x.acquire(timeout=60))
            x.release()

    for _ in range(50):
        item = Item(at_death)
        cycle = [item]
        cycle.append(cycle)  # type: ignore[arg-type]
        del item, cycle
        if name == "Event":
            x.set()
            x.clear()
        else:
            x.acquire()
            x.release()
        gc.collect()
    assert used == [True] * 50


def test_a_waiting_thread_is_woken_by_a_finalizer() -> None:
    q = queue.Queue()
    waiter = threading.Thread(target=q.get)
    waiter.start()
    item = Item(lambda: q.put("from __del__"))
    del item
    waiter.join(60)
    assert not waiter.is_alive()


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "SimpleQueue"])
def test_a_collection_in_every_allocation_does_not_deadlock(kind: str) -> None:
    """The collector runs at each allocation, and its finalizers use the queue, like a signal handler."""
    q, deaths = make(kind), [0]

    def at_death() -> None:
        deaths[0] += 1
        q.put("from __del__")
        q.get()

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    gc.enable()
    try:
        for number in range(300):
            cycle: list[Any] = [Item(at_death)]
            cycle.append(cycle)
            q.put([number])
            q.get()
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    del cycle
    gc.collect()
    assert deaths[0] == 300
