"""Any sequence of calls on futures and executors has the same results as on a naive model, the twin."""

from __future__ import annotations

import concurrent.futures as std
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from interlock.concurrent import futures

from tests.lifecycle.inside import eventually
from tests.property.twins import outcome

WHENS = ["FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"]


class TwinFuture:
    """A model of a future, without waiting: its only timeout is 0."""

    def __init__(self) -> None:
        self._state, self.value, self.error = "PENDING", None, None
        self.callbacks: list[Any] = []

    def _end(self, state: str) -> None:
        self._state = state
        for callback in self.callbacks:
            callback(self)

    def done(self) -> bool:
        return self._state not in ("PENDING", "RUNNING")

    def cancelled(self) -> bool:
        return self._state.startswith("CANCELLED")

    def running(self) -> bool:
        return self._state == "RUNNING"

    def cancel(self) -> bool:
        if self._state == "PENDING":
            self._end("CANCELLED")
        return self.cancelled()

    def set_running_or_notify_cancel(self) -> bool:
        if self._state == "PENDING":
            self._state = "RUNNING"
            return True
        if self._state == "CANCELLED":
            self._state = "CANCELLED_AND_NOTIFIED"
            return False
        raise RuntimeError("Future in unexpected state")

    def set_result(self, value: Any) -> None:
        self._finish(value, None)

    def set_exception(self, error: Any) -> None:
        self._finish(None, error)

    def _finish(self, value: Any, error: Any) -> None:
        if self.done():
            raise std.InvalidStateError
        self.value, self.error = value, error
        self._end("FINISHED")

    def result(self, timeout: float) -> Any:
        if self.exception(timeout) is not None:
            raise self.error  # type: ignore[misc]
        return self.value

    def exception(self, timeout: float) -> Any:
        if self.cancelled():
            raise std.CancelledError
        if not self.done():
            raise TimeoutError
        return self.error

    def add_done_callback(self, callback: Any) -> None:
        if self.done():
            callback(self)
        else:
            self.callbacks.append(callback)

    @property
    def is_final(self) -> bool:
        return self._state in ("CANCELLED_AND_NOTIFIED", "FINISHED")


Three = tuple[Any, Any, Any]  # the twin, ours, the standard library's
CALLS = ["cancel", "set_running_or_notify_cancel", "done", "cancelled", "running"]


class FutureMachine(RuleBasedStateMachine):
    """Futures of three kinds: the naive twin's, ours, and the standard library's."""

    three = Bundle("three")

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Three] = []
        self.seen: list[list[int]] = [[], [], []]

    @rule(target=three)
    def make(self) -> Any:
        made = (TwinFuture(), futures.Future(), std.Future())
        self.all.append(made)
        return made

    def each(self, three: Three, name: str, *args: Any) -> None:
        said = [outcome(getattr(future, name), *args) for future in three]
        assert said[1][0] == said[0][0] == said[2][0]
        if said[0][0] == "returned":
            assert said[1] == said[0] == said[2]

    @rule(three=three, name=st.sampled_from(CALLS))
    def call(self, three: Three, name: str) -> None:
        self.each(three, name)

    @rule(three=three, value=st.integers(0, 9))
    def set_result(self, three: Three, value: int) -> None:
        self.each(three, "set_result", value)

    @rule(three=three, error=st.sampled_from([ValueError(1), KeyError("k"), None]))
    def set_exception(self, three: Three, error: Exception | None) -> None:
        self.each(three, "set_exception", error)

    @rule(three=three, name=st.sampled_from(["result", "exception"]), timeout=st.sampled_from([0, -1, 0.0]))
    def ask(self, three: Three, name: str, timeout: float) -> None:
        self.each(three, name, timeout)

    @rule(three=three, mark=st.integers(0, 99))
    def add_done_callback(self, three: Three, mark: int) -> None:
        for future, seen in zip(three, self.seen, strict=True):
            future.add_done_callback(lambda _, seen=seen: seen.append(mark))

    @rule(three=three, name=st.sampled_from(["_condition", "_waiters", "_done_callbacks"]))
    def look_inside(self, three: Three, name: str) -> None:
        for future in three[1:]:
            assert getattr(future, name) is getattr(future, name)

    @rule(three=three, value=st.integers(0, 9))
    def finish_by_hand(self, three: Three, value: int) -> None:
        if not three[0].done():
            for future in three[1:]:
                with future._condition:
                    future._result, future._state = value, "FINISHED"
                    future._condition.notify_all()
            three[0].value, three[0]._state, three[0].callbacks = value, "FINISHED", []

    @rule(when=st.sampled_from(WHENS), mixed=st.booleans())
    def wait(self, when: str, mixed: bool) -> None:
        ours = [three[1 + (mixed and number % 2)] for number, three in enumerate(self.all)]
        said = futures.wait(ours, 0, when)
        final = {future for future, three in zip(ours, self.all, strict=True) if three[0].is_final}
        assert (said.done, said.not_done) == (final, set(ours) - final)
        if final and when == "FIRST_COMPLETED":
            assert futures.wait(ours, None, when).done == final

    @rule()
    def as_completed(self) -> None:
        ours = [three[1] for three in self.all]
        final = {three[1] for three in self.all if three[0].is_final}
        completed = futures.as_completed(ours, 0)
        assert {next(completed) for _ in final} == final
        last = outcome(next, completed, None)
        if final == set(ours):
            assert last == ("returned", None)
        else:
            text = f"{len(ours) - len(final)} (of {len(ours)}) futures unfinished"
            assert last == ("raised builtins.TimeoutError", text)

    @invariant()
    def all_look_the_same(self) -> None:
        assert self.seen[1] == self.seen[0] == self.seen[2]
        for twin, ours, theirs in self.all:
            assert twin._state == ours._state == theirs._state
            assert repr(ours).partition(" state=")[2] == repr(theirs).partition(" state=")[2]


def test_a_future_does_what_its_twin_does() -> None:
    run_state_machine_as_test(FutureMachine)


class ExecutorMachine(RuleBasedStateMachine):
    """One worker, held by a gate: submitted calls wait until the gate lets a number of tasks pass."""

    submitted = Bundle("submitted")

    @initialize(bound=st.sampled_from([None, 1, 3]), notes=st.booleans())
    def make(self, bound: int | None, notes: bool) -> None:
        self.pool = futures.ThreadPoolExecutor(1, max_pending=bound, block=False, notes=notes)
        self.bound, self.open = bound, True
        self.permits, self.arrived = threading.Semaphore(0), threading.Semaphore(0)
        self.ran: list[int] = []
        self.waiting: list[tuple[int, int, Any]] = []  # priority, number, future
        self.running: tuple[int, int, Any] | None = None
        self.done: list[int] = []
        self.cancelled: list[Any] = []
        self.number = 0

    def work(self, number: int) -> int:
        self.arrived.release()
        assert self.permits.acquire(timeout=60)
        self.ran.append(number)
        if number % 5 == 4:
            raise ValueError(number)
        return number

    def begin_next(self) -> None:
        """Do what the idle worker does: take the first call that was not cancelled."""
        self.waiting.sort(key=lambda task: task[:2])
        while self.running is None and self.waiting:
            task = self.waiting.pop(0)
            if not task[2].cancelled():
                self.running = task
                assert self.arrived.acquire(timeout=60)

    @rule(target=submitted, priority=st.sampled_from([0, 0, 0, -2, 7]))
    def submit(self, priority: int) -> Any:
        self.number += 1
        submit = self.pool.submit if priority == 0 else self.pool.at(priority=priority).submit
        said = outcome(submit, self.work, self.number)
        if not self.open:
            assert said == ("raised builtins.RuntimeError", "cannot schedule new futures after shutdown")
        elif self.bound is not None and len(self.waiting) >= self.bound:
            assert said[0] == "raised queue.Full"
        else:
            assert said[0] == "returned"
            self.waiting.append((priority, self.number, said[1]))
            self.begin_next()
            return said[1]
        return multiple()

    @rule(future=submitted)
    def cancel(self, future: Any) -> None:
        waits = any(task[2] is future for task in self.waiting)
        assert future.cancel() is (waits or future in self.cancelled)
        if waits and future not in self.cancelled:
            self.cancelled.append(future)
            if self.bound is not None:  # the call gives up its place
                self.waiting = [task for task in self.waiting if task[2] is not future]
                assert future._state == "CANCELLED_AND_NOTIFIED"
        # The worker may still have to drop calls that were cancelled.
        eventually(lambda: self.pool.stats().waiting == len(self.waiting), "the count")

    @precondition(lambda self: hasattr(self, "running") and self.running is not None)
    @rule()
    def let_one_go(self) -> None:
        assert self.running is not None
        _, number, future = self.running
        self.permits.release()
        if number % 5 == 4:
            assert isinstance(future.exception(60), ValueError)
        else:
            assert future.result(60) == number
        self.done.append(number)
        self.running = None
        self.begin_next()

    @rule(cancel=st.booleans())
    def shutdown(self, cancel: bool) -> None:
        self.pool.shutdown(wait=False, cancel_futures=cancel)
        self.open = False
        if cancel:
            for _, _, future in self.waiting:
                assert future.cancelled()
                if future not in self.cancelled:
                    self.cancelled.append(future)
            self.waiting.clear()

    @invariant()
    def the_order_is_right(self) -> None:
        if hasattr(self, "pool"):
            assert self.ran == self.done
            for future in self.cancelled:
                assert future.cancelled()
            for _, _, future in self.waiting:
                assert future in self.cancelled or future._state == "PENDING"
            if self.running is not None:
                assert self.running[2].running()

    def teardown(self) -> None:
        if hasattr(self, "pool"):
            for _ in range(self.number):
                self.permits.release()
            self.pool.shutdown()
            assert sorted(self.ran) == sorted(
                self.done
                + [task[1] for task in self.waiting if task[2] not in self.cancelled]
                + ([self.running[1]] if self.running else [])
            )
            stats = self.pool.stats()
            assert (stats.running, stats.waiting, stats.done) == (0, 0, stats.submitted)
            assert stats.failed == len([number for number in self.ran if number % 5 == 4])


def test_an_executor_does_what_its_twin_does() -> None:
    run_state_machine_as_test(ExecutorMachine)


class Graph:
    """Calls that wait for each other: if one fails, all that wait for it fail, too."""

    def __init__(self, edges: list[list[int]], fates: list[str]) -> None:
        self.edges = edges
        self.fates = fates

    def expected(self) -> list[Any]:
        values: list[Any] = []
        for needs, fate in zip(self.edges, self.fates, strict=True):
            lost = {values[need] for need in needs if isinstance(values[need], str)}
            if lost or fate == "fails":
                values.append("failed")
            else:
                values.append(1 + sum(values[need] for need in needs))
        return values


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    size = draw(st.integers(1, 12))
    edges = [draw(st.lists(st.integers(0, n - 1), max_size=3)) if n else [] for n in range(size)]
    fates = draw(st.lists(st.sampled_from(["runs"] * 5 + ["fails"]), min_size=size, max_size=size))
    return Graph(edges, fates)


@pytest.mark.parametrize("workers", [1, 3])
def test_any_graph_of_calls_comes_to_what_it_should(workers: int) -> None:
    @given(graphs(), st.booleans())
    def check(graph: Graph, ends_at_once: bool) -> None:
        def work(fate: str, *values: int) -> int:
            if fate == "fails":
                raise ValueError("failed")
            return 1 + sum(values)

        first: Any = futures.Future()
        calls: list[Any] = []
        with futures.ThreadPoolExecutor(workers, max_pending=2) as pool:
            for needs, fate in zip(graph.edges, graph.fates, strict=True):
                calls.append(pool.after(first).call(work, fate, *(calls[need] for need in needs)))
            if ends_at_once:
                first.set_result(None)
            else:
                threading.Thread(target=first.set_result, args=(None,)).start()
        said = ["failed" if call.exception(0) else call.result(0) for call in calls]
        assert said == graph.expected()

    check()
