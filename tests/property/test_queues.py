"""Any sequence of calls on a queue has the same results as on the naive twin and the standard library's queue."""

from __future__ import annotations

import queue as std
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from interlock import queue

from tests.property.twins import Outcome, Twin, outcome

ITEMS = st.integers(0, 9)
LOOKS = ["mutex", "queue", "not_empty", "not_full", "all_tasks_done"]


def hooked(base: type) -> type:
    """A subclass with its own storage, which keeps no item twice."""

    class SetQueue(base):  # type: ignore[misc]
        def _init(self, maxsize: int) -> None:
            self.kept: dict[Any, None] = {}

        def _qsize(self) -> int:
            return len(self.kept)

        def _put(self, item: Any) -> None:
            self.kept.setdefault(item)

        def _get(self) -> Any:
            item = next(iter(self.kept))
            del self.kept[item]
            return item

        def clear(self) -> None:
            with self.mutex:
                self.kept.clear()

    return SetQueue


KINDS: dict[str, tuple[str, Any, Any]] = {
    "Queue": ("fifo", queue.Queue, std.Queue),
    "LifoQueue": ("lifo", queue.LifoQueue, std.LifoQueue),
    "PriorityQueue": ("heap", queue.PriorityQueue, std.PriorityQueue),
    "a subclass with hooks": ("set", hooked(queue.Queue), hooked(std.Queue)),
}


class QueueMachine(RuleBasedStateMachine):
    """One queue of each kind: ours, the naive twin, the standard library's (until a call that it lacks)."""

    kind: str

    @initialize(maxsize=st.integers(-1, 4))
    def make(self, maxsize: int) -> None:
        order, ours, theirs = KINDS[self.kind]
        self.ours = ours(maxsize)
        self.twin = Twin(order, maxsize)
        self.theirs = theirs(maxsize)

    def same(self, ours: Outcome, twin: Outcome, theirs: Outcome | None) -> None:
        assert ours == twin
        if theirs is not None:
            assert ours == theirs

    def each(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Make one call on all three; the twin has only one method each for putting and getting."""
        twin = {"put_nowait": "put", "get_nowait": "get"}.get(name, name)
        theirs = None if self.theirs is None else outcome(getattr(self.theirs, name), *args, **kwargs)
        on_twin = args[:1] if twin == "put" else () if twin == "get" else args
        self.same(
            outcome(getattr(self.ours, name), *args, **kwargs),
            outcome(getattr(self.twin, twin), *on_twin),
            theirs,
        )

    @rule(item=ITEMS)
    def put_nowait(self, item: int) -> None:
        self.each("put_nowait", item)

    @rule(item=ITEMS, how=st.sampled_from([{"block": False}, {"timeout": 0}, {"timeout": 0.0}]))
    def put(self, item: int, how: dict[str, Any]) -> None:
        self.each("put", item, **how)

    @precondition(lambda self: self.twin.is_shutdown or not self.twin.full())
    @rule(item=ITEMS, timeout=st.sampled_from([None, 60, 0.5]))
    def put_where_there_is_room(self, item: int, timeout: float | None) -> None:
        self.each("put", item, True, timeout)

    @rule()
    def get_nowait(self) -> None:
        self.each("get_nowait")

    @rule(
        how=st.sampled_from([{"block": False}, {"timeout": 0}, {"timeout": 0.0}, {"block": 0, "timeout": 1}])
    )
    def get(self, how: dict[str, Any]) -> None:
        self.each("get", **how)

    @precondition(lambda self: self.twin.is_shutdown or not self.twin.empty())
    @rule(timeout=st.sampled_from([None, 60, 0.5]))
    def get_where_there_is_an_item(self, timeout: float | None) -> None:
        self.each("get", True, timeout)

    @rule(items=st.lists(ITEMS, max_size=6), lazy=st.booleans(), wait=st.booleans())
    def put_many(self, items: list[int], lazy: bool, wait: bool) -> None:
        given = iter(items) if lazy else items
        how = {"timeout": 0} if wait else {"block": False}
        ours = outcome(lambda: self.ours.put_many(given, **how))
        self.same(ours, outcome(self.twin.put_many, items), None)
        for item in items:
            if self.theirs is not None and outcome(self.theirs.put_nowait, item)[0] != "returned":
                break

    @rule(most=st.integers(1, 6), wait=st.booleans())
    def get_many(self, most: int, wait: bool) -> None:
        how = {"timeout": 0} if wait else {"block": False}
        ours = outcome(lambda: self.ours.get_many(most, **how))
        self.same(ours, outcome(self.twin.get_many, most), None)
        for _ in range(most):
            if self.theirs is not None:
                outcome(self.theirs.get_nowait)

    @rule()
    def task_done(self) -> None:
        self.each("task_done")

    @precondition(lambda self: self.twin.unfinished_tasks == 0)
    @rule()
    def join(self) -> None:
        self.ours.join()

    @rule(immediate=st.booleans())
    def shutdown(self, immediate: bool) -> None:
        if not hasattr(std, "ShutDown"):
            self.theirs = None
        self.each("shutdown", immediate)

    @rule(maxsize=st.integers(-1, 4))
    def change_the_bound(self, maxsize: int) -> None:
        for q in (self.ours, self.twin, self.theirs):
            if q is not None:
                q.maxsize = maxsize

    @rule(name=st.sampled_from(LOOKS))
    def look_inside(self, name: str) -> None:
        if name == "queue" and type(self.ours).__name__ == "SetQueue":
            return  # it has its items elsewhere
        first = getattr(self.ours, name)
        assert first is getattr(self.ours, name)
        assert self.ours.mutex.acquire(False)
        self.ours.mutex.release()

    @rule()
    def clear_inside(self) -> None:
        for q in (self.ours, self.twin, self.theirs):
            if hasattr(q, "clear"):
                q.clear()
            elif q is not None:
                with q.mutex:
                    q.queue.clear()

    @rule(item=ITEMS)
    def put_by_hand(self, item: int) -> None:
        """Do what a program with knowledge of the internals does: append, count the task and notify by itself."""
        if self.twin.order == "set" or self.twin.is_shutdown:
            return
        self.twin.items.append(item)
        self.twin.unfinished_tasks += 1
        for q in (self.ours, self.theirs):
            if q is not None:
                with q.mutex:
                    q._put(item)
                    q.unfinished_tasks += 1
                    q.not_empty.notify()

    @invariant()
    def all_look_the_same(self) -> None:
        if not hasattr(self, "ours"):
            return
        for q in (self.twin, self.theirs):
            if q is not None:
                assert self.ours.qsize() == q.qsize()
                assert self.ours.empty() == q.empty()
                assert self.ours.full() == q.full()
                assert self.ours.maxsize == q.maxsize
                assert self.ours.unfinished_tasks == q.unfinished_tasks
        assert self.ours.is_shutdown == self.twin.is_shutdown

    def teardown(self) -> None:
        """At the end all items come out in order."""
        if hasattr(self, "ours"):
            self.ours.shutdown()
            self.twin.shutdown()
            for _ in range(len(self.twin.items) + 1):
                assert outcome(self.ours.get) == outcome(self.twin.get)


@pytest.mark.parametrize("kind", KINDS)
def test_a_queue_does_what_its_twin_does(kind: str) -> None:
    run_state_machine_as_test(type("Machine", (QueueMachine,), {"kind": kind}))


class SimpleQueueMachine(RuleBasedStateMachine):
    """Our simple queue, a list, and the standard library's."""

    @initialize()
    def make(self) -> None:
        self.ours, self.twin, self.theirs = queue.SimpleQueue(), Twin("fifo"), std.SimpleQueue()

    @rule(item=ITEMS, how=st.sampled_from([(), (False,), (True, None), (True, -1), (False, "?")]))
    def put(self, item: int, how: tuple[Any, ...]) -> None:
        assert outcome(self.ours.put, item, *how) == outcome(self.theirs.put, item, *how)
        self.twin.put(item)

    @rule(item=ITEMS)
    def put_nowait(self, item: int) -> None:
        assert outcome(self.ours.put_nowait, item) == outcome(self.theirs.put_nowait, item)
        self.twin.put(item)

    @rule(how=st.sampled_from([(False,), (False, 1), (False, -1), (True, 0), (True, 0.0)]))
    def get(self, how: tuple[Any, ...]) -> None:
        got = outcome(self.ours.get, *how)
        assert got == outcome(self.theirs.get, *how) == outcome(self.twin.get)

    @rule()
    def get_nowait(self) -> None:
        assert outcome(self.ours.get_nowait) == outcome(self.theirs.get_nowait) == outcome(self.twin.get)

    @invariant()
    def all_look_the_same(self) -> None:
        if hasattr(self, "ours"):
            assert self.ours.qsize() == self.theirs.qsize() == self.twin.qsize()
            assert self.ours.empty() == self.theirs.empty() == self.twin.empty()


def test_a_simple_queue_does_what_its_twin_does() -> None:
    run_state_machine_as_test(SimpleQueueMachine)
