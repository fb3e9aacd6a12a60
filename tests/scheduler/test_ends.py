"""An end is told once, to those it concerns."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Generator
from concurrent.futures import CancelledError
from typing import Any

import pytest
from interlock.scheduler import Scheduler, join, sleep

Steps = Generator[Any, Any, Any]


def for_ever() -> Steps:
    while True:
        yield sleep(0.001)


def joins(task: Any) -> Steps:
    return (yield join(task))


@pytest.mark.parametrize("goes_on_with", [lambda: None, lambda: sleep(0.001)], ids=["yield", "sleep"])
def test_run_returns_when_its_task_was_closed_by_one_that_goes_on_c394(goes_on_with: Any) -> None:
    scheduler = Scheduler()
    task = scheduler.spawn(for_ever())

    def closes() -> Steps:
        yield sleep(0.001)
        scheduler.close()
        while True:
            yield goes_on_with()

    scheduler.spawn(closes())
    with pytest.raises(CancelledError):
        scheduler.run(task)
    scheduler.close()


def test_run_returns_when_its_task_was_closed_by_another_thread_c394() -> None:
    scheduler, began = Scheduler(), threading.Event()

    def task() -> Steps:
        began.set()
        yield from for_ever()

    def closes() -> None:
        began.wait()
        while not spawned.done():  # a task that runs at that moment is not closed
            scheduler.close()

    spawned = scheduler.spawn(task())
    thread = threading.Thread(target=closes)
    thread.start()
    with pytest.raises(CancelledError):
        scheduler.run(spawned)
    thread.join()


def test_one_ctrl_c_is_one_keyboard_interrupt() -> None:
    scheduler = Scheduler()

    def computes() -> Steps:
        yield
        raise KeyboardInterrupt

    task = scheduler.spawn(computes(), name="computes")
    first = scheduler.spawn(joins(task), errors="keep")
    second = scheduler.spawn(joins(first), errors="keep")
    with pytest.raises(KeyboardInterrupt):
        scheduler.run()
    scheduler.run()
    late = scheduler.spawn(joins(task), errors="keep")
    scheduler.run()
    for joiner in (first, second, late):
        error = joiner.exception()
        assert isinstance(error, CancelledError)
        assert str(error) == "task 'computes' was ended by KeyboardInterrupt"
        assert error.__cause__ is task.exception()


def test_an_error_is_not_told_again_to_a_task_whose_time_was_over() -> None:
    scheduler, log = Scheduler(), []

    def target() -> Steps:
        yield sleep(0.01)
        raise ValueError("once")

    def joiner(task: Any) -> Steps:
        try:
            yield join(task).within(0.01)
        except (TimeoutError, ValueError) as error:
            log.append(type(error))

    def blocks() -> Steps:
        time.sleep(0.03)  # sleep: both times are over in the same round
        yield

    task = scheduler.spawn(target())
    scheduler.spawn(joiner(task))
    scheduler.spawn(blocks())
    try:
        scheduler.run()
    except ValueError:
        log.append("raised")
        scheduler.run()
    assert sorted(map(str, log)) in (["<class 'TimeoutError'>", "raised"], ["<class 'ValueError'>"])


def test_the_traceback_of_an_error_does_not_grow() -> None:
    scheduler = Scheduler()

    def fails() -> Steps:
        yield
        raise ValueError("broken")

    task = scheduler.spawn(fails(), errors="keep")
    scheduler.run()

    def depth() -> int:
        with pytest.raises(ValueError, match="broken") as caught:
            task.result()
        return len(traceback.extract_tb(caught.value.__traceback__))

    first = depth()
    for _ in range(5):
        scheduler.spawn(joins(task), errors="keep")
    scheduler.run()
    assert [depth() for _ in range(3)] == [first] * 3
