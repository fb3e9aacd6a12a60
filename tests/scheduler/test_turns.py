"""Tasks take turns, end, fail and are cancelled."""

from __future__ import annotations

import concurrent.futures
import gc
import inspect
import traceback
import weakref
from collections.abc import Generator
from typing import Any

import pytest
from interlock.scheduler import Scheduler, Task, TaskCancelled, join, sleep

Steps = Generator[Any, Any, Any]


def steps(name: str, count: int, log: list[str]) -> Steps:
    for number in range(count):
        log.append(f"{name}{number}")
        yield
    return name


def test_tasks_take_turns_in_strict_round_robin() -> None:
    scheduler, log = Scheduler(), []
    for name in "abc":
        scheduler.spawn(steps(name, 3, log))
    scheduler.run()
    assert log == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]


def test_a_task_that_ends_leaves_the_round() -> None:
    scheduler, log = Scheduler(), []
    scheduler.spawn(steps("a", 1, log))
    scheduler.spawn(steps("b", 3, log))
    scheduler.run()
    assert log == ["a0", "b0", "b1", "b2"]


def test_a_spawned_task_has_its_turn_after_the_others() -> None:
    scheduler, log = Scheduler(), []

    def parent() -> Steps:
        scheduler.spawn(steps("child", 2, log))
        yield from steps("parent", 2, log)

    scheduler.spawn(parent())
    scheduler.spawn(steps("other", 2, log))
    scheduler.run()
    assert log == ["parent0", "other0", "child0", "parent1", "other1", "child1"]


def test_run_returns_what_the_task_returns_that_it_waits_for() -> None:
    scheduler, log = Scheduler(), []
    short, long = scheduler.spawn(steps("short", 2, log)), scheduler.spawn(steps("long", 5, log))
    assert scheduler.run(short) == "short"
    assert short.done()
    assert not long.done()
    assert scheduler.tasks() == [long]
    assert scheduler.run(short) == "short"
    assert scheduler.run() is None
    assert long.result() == "long"
    assert scheduler.tasks() == []


def test_a_run_that_was_left_goes_on_where_it_was() -> None:
    scheduler, log = Scheduler(), []
    first = scheduler.spawn(steps("a", 1, log))
    scheduler.spawn(steps("b", 3, log))
    scheduler.run(first)
    scheduler.spawn(steps("c", 1, log))
    scheduler.run()
    assert log == ["a0", "b0", "b1", "c0", "b2"]


def test_names_are_given_or_made_up() -> None:
    scheduler = Scheduler()
    given, made_up = scheduler.spawn(steps("", 0, []), name="given"), scheduler.spawn(steps("", 0, []))
    assert given.name == "given"
    assert made_up.name.startswith("steps-")
    assert repr(given) == "<Task 'given' not done>"
    scheduler.run()
    assert repr(given) == "<Task 'given' returned>"


def test_sub_generators_are_part_of_their_task() -> None:
    scheduler, log = Scheduler(), []

    def outer() -> Steps:
        return (yield from steps("a", 2, log)) + (yield from steps("b", 1, log))

    assert scheduler.run(scheduler.spawn(outer())) == "ab"
    assert log == ["a0", "a1", "b0"]


def test_a_task_waits_for_another_and_gets_its_value() -> None:
    scheduler = Scheduler()
    worker = scheduler.spawn(steps("worker", 3, []))

    def waits() -> Steps:
        first = yield join(worker)
        return first, (yield join(worker))

    assert scheduler.run(scheduler.spawn(waits())) == ("worker", "worker")


def raises() -> Steps:
    yield
    raise ValueError("what is wrong")


def test_run_raises_what_a_task_raises_and_names_it() -> None:
    scheduler, log = Scheduler(), []
    scheduler.spawn(raises(), name="culprit")
    other = scheduler.spawn(steps("a", 4, log))
    with pytest.raises(ValueError, match="what is wrong") as caught:
        scheduler.run()
    assert caught.value.__notes__ == ["raised in task 'culprit'"]
    scheduler.run()
    assert other.result() == "a"


def test_an_error_goes_to_those_who_wait_with_one_traceback() -> None:
    scheduler = Scheduler()
    culprit = scheduler.spawn(raises(), name="culprit")

    def waits() -> Steps:
        with pytest.raises(ValueError, match="what is wrong") as caught:
            yield join(culprit)
        names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert names == ["waits", "raises"]
        return caught.value

    error = scheduler.run(scheduler.spawn(waits()))
    assert culprit.exception() is error
    with pytest.raises(ValueError, match="what is wrong"):
        culprit.result()


@pytest.mark.parametrize("joiners", [1, 2])
@pytest.mark.parametrize("cancelled", ["none", "first", "last", "all", "before"])
def test_an_error_is_raised_by_run_if_all_who_would_learn_of_it_are_cancelled(
    joiners: int, cancelled: str
) -> None:
    scheduler, learned = Scheduler(), []

    def fails() -> Steps:
        while not is_due:
            yield
        if cancelled == "before":
            cancel(waiting)
        raise ValueError("what is wrong")

    def waits() -> Steps:
        try:
            yield join(culprit)
        except ValueError as error:
            learned.append(error)

    def cancels() -> Steps:
        while not is_due:
            yield
        # The culprit has had its turn in this round.
        assert culprit.done()
        cancel({"first": waiting[:1], "last": waiting[-1:], "all": waiting}.get(cancelled, []))

    def cancel(tasks: list[Task]) -> None:
        for task in tasks:
            assert task.cancel()

    is_due: list[bool] = []
    culprit = scheduler.spawn(fails(), name="culprit")
    waiting = [scheduler.spawn(waits()) for _ in range(joiners)]
    scheduler.run(scheduler.spawn(steps("", 2, [])))
    scheduler.spawn(cancels())
    scheduler.run(scheduler.spawn(steps("", 2, [])))
    is_due.append(True)
    count = {"none": 0, "first": 1, "last": 1}.get(cancelled, joiners)
    if count == joiners:
        with pytest.raises(ValueError, match="what is wrong") as caught:
            scheduler.run()
        assert caught.value.__notes__ == ["raised in task 'culprit'"]
    scheduler.run()
    assert len(learned) == joiners - count
    assert sum(task.cancelled() for task in waiting) == count
    assert all(task.done() for task in waiting)


def test_an_error_that_is_kept_stays_in_the_task() -> None:
    scheduler = Scheduler()
    task = scheduler.spawn(raises(), errors="keep")
    scheduler.run()
    assert isinstance(task.exception(), ValueError)
    assert repr(task).endswith("raised>")
    with pytest.raises(ValueError, match='"raise" or "keep"'):
        scheduler.spawn(raises(), errors="ignore")


def test_what_is_no_exception_ends_the_run_in_any_case() -> None:
    scheduler = Scheduler()

    def leaves() -> Steps:
        yield
        raise SystemExit(3)

    task = scheduler.spawn(leaves(), errors="keep")
    with pytest.raises(SystemExit):
        scheduler.run()
    assert isinstance(task.exception(), SystemExit)


def test_a_task_that_has_not_ended_has_no_result() -> None:
    scheduler = Scheduler()
    task = scheduler.spawn(steps("a", 1, []))
    for ask in (task.result, task.exception):
        with pytest.raises(RuntimeError, match="has not ended"):
            ask()


@pytest.mark.parametrize("nonsense", [42, "recv", ("recv",), ("read", 0), (0, 0), [], len], ids=repr)
def test_nonsense_is_a_type_error_at_the_yield(nonsense: object) -> None:
    scheduler = Scheduler()

    def task() -> Steps:
        with pytest.raises(TypeError, match=r"task 'odd' yielded .*: a task yields nothing"):
            yield nonsense
        return "went on"

    assert scheduler.run(scheduler.spawn(task(), name="odd")) == "went on"


def test_a_generator_that_is_yielded_gets_a_hint() -> None:
    scheduler = Scheduler()

    def task() -> Steps:
        yield steps("a", 1, [])

    scheduler.spawn(task())
    with pytest.raises(TypeError, match="say `yield from`"):
        scheduler.run()


def test_only_generators_and_coroutines_are_tasks() -> None:
    scheduler = Scheduler()
    with pytest.raises(TypeError, match="call the function first"):
        scheduler.spawn(steps)
    for wrong in (None, [1], iter("a")):
        with pytest.raises(TypeError, match="a generator or a coroutine"):
            scheduler.spawn(wrong)


@pytest.mark.parametrize("when", ["new", "ready", "asleep", "joining"])
def test_a_task_is_cancelled_whatever_it_does(when: str) -> None:
    scheduler, log = Scheduler(), []
    other = scheduler.spawn(steps("other", 5, []))

    def task() -> Steps:
        try:
            while True:
                yield {"ready": None, "asleep": sleep(1000), "joining": join(other)}.get(when)
        except TaskCancelled:
            log.append("cancelled")
            raise
        finally:
            log.append("finally")

    cancelled = scheduler.spawn(task())
    if when != "new":
        scheduler.run(scheduler.spawn(steps("", 1, [])))
    assert cancelled.cancel()
    scheduler.run()
    assert log == ([] if when == "new" else ["cancelled", "finally"])
    assert cancelled.cancelled()
    assert not cancelled.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        cancelled.result()


def test_a_cancelled_task_may_clean_up_and_go_on() -> None:
    scheduler = Scheduler()

    def task() -> Steps:
        try:
            yield sleep(1000)
        except TaskCancelled:
            yield
            return "went on"

    stubborn = scheduler.spawn(task())
    scheduler.run(scheduler.spawn(steps("", 1, [])))
    stubborn.cancel()
    scheduler.run()
    assert stubborn.result() == "went on"
    assert not stubborn.cancelled()


def test_a_task_may_cancel_itself_and_others() -> None:
    scheduler, log = Scheduler(), []

    def task() -> Steps:
        assert own[0].cancel()
        log.append("goes on until it yields")
        yield sleep(1000)

    own: list[Task] = []
    own.append(scheduler.spawn(task()))
    scheduler.run()
    assert log == ["goes on until it yields"]
    assert own[0].cancelled()


def test_who_joins_a_cancelled_task_learns_of_it() -> None:
    scheduler = Scheduler()

    def sleeps() -> Steps:
        yield sleep(1000)

    sleeper = scheduler.spawn(sleeps())

    def waits() -> Steps:
        with pytest.raises(concurrent.futures.CancelledError):
            yield join(sleeper)
        return "learned"

    def cancels() -> Steps:
        yield
        sleeper.cancel()

    waiter = scheduler.spawn(waits())
    scheduler.spawn(cancels())
    assert scheduler.run(waiter) == "learned"


def test_impossible_joins_are_errors() -> None:
    one, other = Scheduler(), Scheduler()
    foreign = other.spawn(steps("", 1, []))

    def waits() -> Steps:
        with pytest.raises(ValueError, match="one of another scheduler"):
            yield join(foreign)
        with pytest.raises(RuntimeError, match="its own end"):
            yield join(own[0])

    own = [one.spawn(waits())]
    one.run()
    with pytest.raises(ValueError, match="one of another scheduler"):
        one.run(foreign)
    other.run()


def test_run_inside_run_is_an_error() -> None:
    scheduler, another = Scheduler(), Scheduler()

    def task() -> Steps:
        for inner in (scheduler, another):
            with pytest.raises(RuntimeError, match="inside"):
                inner.run()
        yield

    scheduler.run(scheduler.spawn(task()))
    another.run()


def test_closing_runs_the_finally_clauses() -> None:
    log: list[str] = []

    def task(name: str) -> Steps:
        try:
            yield sleep(1000)
        finally:
            log.append(name)

    with Scheduler() as scheduler:
        tasks = [scheduler.spawn(task(name)) for name in "ab"]
        scheduler.run(scheduler.spawn(steps("", 1, [])))
    assert log == ["a", "b"]
    assert all(task.cancelled() for task in tasks)
    assert scheduler.tasks() == []
    scheduler.run()


def test_a_scheduler_that_is_dropped_closes_its_generators() -> None:
    log: list[str] = []

    def task(scheduler: Scheduler) -> Steps:
        try:
            yield sleep(1000)
        finally:
            log.append("closed")

    scheduler = Scheduler()
    task_of = scheduler.spawn(task(scheduler))
    scheduler.run(scheduler.spawn(steps("", 1, [])))
    assert not task_of.done()
    gone = weakref.ref(scheduler)
    del scheduler
    gc.collect()
    assert gone() is None
    assert log == ["closed"]
    # Its tasks have ended, as those of a scheduler that is closed.
    assert task_of.done()
    assert task_of.cancelled()
    assert repr(task_of).endswith("cancelled>")
    assert not task_of.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        task_of.result()


def test_results_and_errors_are_collected() -> None:
    class Thing:
        pass

    def task() -> Steps:
        thing = Thing()
        things.append(weakref.ref(thing))
        thing.task = own[-1]
        yield
        return thing

    things: list[weakref.ref[Thing]] = []
    scheduler = Scheduler()
    own = [scheduler.spawn(task())]
    scheduler.run()
    del own[:], scheduler
    gc.collect()
    assert things[0]() is None


def test_ten_thousand_tasks_have_their_turns() -> None:
    scheduler, log = Scheduler(), []
    for _ in range(10_000):
        scheduler.spawn(steps("", 3, log))
    scheduler.run()
    assert len(log) == 30_000


def test_generators_are_left_closed() -> None:
    scheduler, generator = Scheduler(), steps("", 1, [])
    scheduler.spawn(generator)
    scheduler.run()
    assert inspect.getgeneratorstate(generator) == inspect.GEN_CLOSED
