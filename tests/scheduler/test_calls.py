"""Tasks call functions that threads and processes run."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from interlock.scheduler import Scheduler, TaskCancelled, call, sleep

Steps = Generator[Any, Any, Any]


def run(task: Any) -> Any:
    scheduler = Scheduler()
    return scheduler.run(scheduler.spawn(task))


def divide(number: int, *, by: int) -> float:
    return number / by


@pytest.mark.parametrize("where", ["thread", "process", "executor"])
def test_a_call_comes_back_with_its_result_or_its_exception(where: str) -> None:
    with ThreadPoolExecutor(1) as pool:

        def placed(operation: Any) -> Any:
            if where == "process":
                return operation.in_process()
            return operation.on(pool) if where == "executor" else operation

        def task() -> Steps:
            with pytest.raises(ZeroDivisionError):
                yield placed(call(divide, 1, by=0))
            return (yield placed(call(divide, 6, by=3)))

        assert run(task()) == 2


def test_a_call_runs_elsewhere() -> None:
    def task() -> Steps:
        thread = yield call(threading.get_ident)
        process = yield call(os.getpid).in_process()
        return thread, process

    thread, process = run(task())
    assert thread != threading.get_ident()
    assert process != os.getpid()


def test_other_tasks_run_during_a_call() -> None:
    scheduler, called, log = Scheduler(), threading.Event(), []

    def caller() -> Steps:
        yield call(called.wait)
        log.append("called")

    def other() -> Steps:
        for _ in range(5):
            log.append("other")
            yield
        called.set()

    scheduler.spawn(caller())
    scheduler.spawn(other())
    scheduler.run()
    assert log == ["other"] * 5 + ["called"]


def test_a_call_that_takes_too_long_is_left_alone() -> None:
    release = threading.Event()

    def task() -> Steps:
        with pytest.raises(TimeoutError):
            yield call(release.wait).within(0.01)
        release.set()
        return "late"

    assert run(task()) == "late"


def test_a_task_that_is_cancelled_in_a_call_does_not_wait_for_it() -> None:
    scheduler, release = Scheduler(), threading.Event()

    def caller() -> Steps:
        try:
            yield call(release.wait)
        except TaskCancelled:
            release.set()
            raise

    task = scheduler.spawn(caller())

    def cancels() -> Steps:
        yield sleep(0.001)
        task.cancel()

    scheduler.spawn(cancels())
    scheduler.run()
    assert task.cancelled()


def test_many_calls_at_once() -> None:
    scheduler = Scheduler()

    def caller(number: int) -> Steps:
        return (yield call(abs, -number))

    tasks = [scheduler.spawn(caller(number)) for number in range(300)]
    scheduler.run()
    assert [task.result() for task in tasks] == list(range(300))


def test_what_can_not_be_called_or_sent_is_an_error() -> None:
    with pytest.raises(TypeError, match="a function and its arguments"):
        call(3)  # type: ignore[arg-type]
    for wrong in (None, "prcess", "thread", 3):
        with pytest.raises(TypeError, match="an executor"):
            call(abs, 1).on(wrong)  # type: ignore[arg-type]
    for method in ("in_process", "on"):
        with pytest.raises(TypeError, match=r"is for call\(\)"):
            getattr(sleep(1), method)(*([None] if method == "on" else []))

    def task() -> Steps:
        with pytest.raises(TypeError, match="pickle"):
            yield call(len, threading.Lock()).in_process()

    run(task())


def test_a_stop_iteration_of_a_call_does_not_end_the_task() -> None:
    async def awaits() -> Any:
        return await call(next, iter(()))

    def delegates() -> Steps:
        return (yield from call(next, iter(())))

    def yields() -> Steps:
        return (yield call(next, iter(())))

    def catches() -> Steps:
        with pytest.raises(StopIteration):
            yield call(next, iter(()))
        return 1

    for task in (awaits(), delegates(), yields()):
        with pytest.raises(RuntimeError, match="raised StopIteration") as caught:
            run(task)
        assert isinstance(caught.value.__cause__, StopIteration)
    assert run(catches()) == 1


def test_throw_raises_at_the_await_as_generators_have_it() -> None:
    for thrown in [
        (ValueError("x"),),
        (ValueError, "x"),
        (ValueError, ValueError("x")),
        (ValueError, ("x",)),
    ]:
        waiting = call(abs, 1).__await__()
        assert next(waiting) is not None
        with pytest.raises(ValueError, match="x"):
            waiting.throw(*thrown)
        with pytest.raises(StopIteration):
            waiting.send(None)
    call(abs, 1).__await__().close()
