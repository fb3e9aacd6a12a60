"""Any sequence of submits, cancels, deaths and a shutdown has a naive twin's results: no task is lost or doubled."""

from __future__ import annotations

import os
import select
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from interlock import WorkerDiedError, multiprocessing
from interlock.concurrent.futures import ProcessPoolExecutor, _death_facts, wait

from tests.property.pool_twin import LIMIT, until

WORKERS = 2
MOST = 24
"""The tasks of one run. Each has a pipe, through which the machine tells it how to end."""
RETRIES = 1
ENDS = {"return": b"r", "raise": b"e", "leave": b"x", "be killed": b"k"}


class Twin:
    """What the machine knows of one task."""

    def __init__(self, number: int, future: Any) -> None:
        self.number, self.future = number, future
        self.expected: Any = None
        """What its future will have: a value, an exception class, or None while that is open."""
        self.deaths = 0
        self.called_back: list[Any] = []
        future.add_done_callback(self.called_back.append)

    def outcome(self) -> Any:
        """Return what the future has, in the form of `expected`."""
        try:
            return self.future.result(timeout=LIMIT)
        except (LookupError, BrokenProcessPool, CancelledError) as error:
            return type(error)

    def check(self) -> None:
        outcome = self.outcome()
        if self.expected is BrokenProcessPool:  # the class of what it has may say more
            assert issubclass(outcome, BrokenProcessPool)
        else:
            assert outcome == self.expected, self.number
        assert self.called_back == [self.future]
        assert self.future.cancelled() == (self.expected is CancelledError)


class ExecutorMachine(RuleBasedStateMachine):
    """An executor of two workers, which are held in each task: so the machine always knows what runs and what waits."""

    policy: Any = "fail-task"

    @initialize()
    def begin(self) -> None:
        self.reports, report = os.pipe()
        gates = [os.pipe() for _ in range(MOST)]
        self.gates = [write for _, write in gates]
        self.descriptors = [self.reports, report, *(end for gate in gates for end in gate)]

        def work(number: int) -> int:
            os.write(report, bytes([number]) + os.getpid().to_bytes(4, "little"))
            how = os.read(gates[number][0], 1)
            if how == ENDS["raise"]:
                raise LookupError(number)
            if how == ENDS["leave"]:
                os._exit(number)
            if how == ENDS["be killed"]:
                os.kill(os.getpid(), signal.SIGKILL)
            return -number

        _tasks.append(work)
        retries = RETRIES if self.policy == "retry" else 0
        context = multiprocessing.get_context("fork")
        self.executor = ProcessPoolExecutor(WORKERS, context, on_worker_death=self.policy, retries=retries)
        self.tasks: list[Twin] = []
        self.waiting: list[Twin] = []
        self.running: dict[Twin, int] = {}
        self.begins: Counter[int] = Counter()
        self.is_open, self.is_broken = True, False
        self.watched: list[Any] = []

    # What the twin does by itself.

    def settle(self) -> None:
        """Wait until as many tasks run as can, and note which."""
        while not self.is_broken and self.waiting and len(self.running) < WORKERS:
            assert select.select([self.reports], [], [], LIMIT)[0], "no task begins"
            message = os.read(self.reports, 5)
            number, pid = message[0], int.from_bytes(message[1:], "little")
            [task] = [task for task in self.waiting if task.number == number]
            self.begins[number] += 1
            self.waiting.remove(task)
            self.running[task] = pid
        assert not select.select([self.reports], [], [], 0)[0], "more tasks begin than there are workers"
        for process in (self.executor._processes or {}).values():
            if process not in self.watched:
                self.watched.append(process)

    def end(self, task: Twin, expected: Any) -> None:
        self.running.pop(task, None)
        if task in self.waiting:
            self.waiting.remove(task)
        task.expected = expected
        task.check()

    def die(self, task: Twin) -> None:
        """A worker has died in this task."""
        task.deaths += 1
        if self.policy == "break":
            self.is_broken = True
            for other in [*self.running, *self.waiting]:
                self.end(other, BrokenProcessPool)
        elif self.policy == "retry" and task.deaths <= RETRIES:
            del self.running[task]
            self.waiting.append(task)
        else:
            self.end(task, WorkerDiedError)

    # What the program does.

    @precondition(lambda self: len(self.tasks) < MOST)
    @rule()
    def submit(self) -> None:
        number = len(self.tasks)
        if self.is_broken or not self.is_open:
            with pytest.raises(BrokenProcessPool if self.is_broken else RuntimeError):
                self.executor.submit(run, number)
            return
        task = Twin(number, self.executor.submit(run, number))
        self.tasks.append(task)
        self.waiting.append(task)
        self.settle()

    @precondition(lambda self: self.running)
    @rule(data=st.data(), how=st.sampled_from(["return", "return", "return", "raise", "leave", "be killed"]))
    def let_go(self, data: Any, how: str) -> None:
        task = data.draw(st.sampled_from(sorted(self.running, key=_number)))
        os.write(self.gates[task.number], ENDS[how])
        if how == "return":
            self.end(task, -task.number)
        elif how == "raise":
            self.end(task, LookupError)
        else:
            self.die(task)
        self.settle()

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def kill(self, data: Any) -> None:
        task = data.draw(st.sampled_from(sorted(self.running, key=_number)))
        os.kill(self.running[task], signal.SIGKILL)
        self.die(task)
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel_one_that_waits(self, data: Any) -> None:
        task = data.draw(st.sampled_from(self.waiting))
        if task.deaths:  # it has begun before: a future that was running can't be cancelled
            return
        assert task.future.cancel()
        self.end(task, CancelledError)
        self.settle()

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def cancel_one_that_has_begun(self, data: Any) -> None:
        task = data.draw(st.sampled_from(self.tasks))
        if task in self.running or task.expected not in (None, CancelledError):
            assert not task.future.cancel()

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def cancel_one_that_runs(self, data: Any) -> None:
        task = data.draw(st.sampled_from(sorted(self.running, key=_number)))
        assert task.future.cancel(running=True)
        self.end(task, CancelledError)
        self.settle()

    @precondition(lambda self: self.tasks)
    @rule()
    def look(self) -> None:
        futures = {task.future for task in self.tasks}
        done = {task.future for task in self.tasks if task.expected is not None}
        assert wait(futures, timeout=0).done == done
        assert all(task.future.running() for task in self.running)

    @precondition(lambda self: len(self.tasks) > 3 and self.is_open)
    @rule(cancels=st.booleans())
    def shut_down(self, cancels: bool) -> None:
        self.executor.shutdown(wait=False, cancel_futures=cancels)
        self.is_open = False
        if cancels:
            for task in [*self.waiting]:
                self.end(task, CancelledError)

    def teardown(self) -> None:
        if not hasattr(self, "executor"):
            return
        try:
            while self.running:
                task = min(self.running, key=_number)
                os.write(self.gates[task.number], ENDS["return"])
                self.end(task, -task.number)
                self.settle()
            self.executor.shutdown()
            for task in self.tasks:
                task.check()
                assert self.begins[task.number] <= 1 + min(task.deaths, RETRIES)
            until(lambda: not any(process.is_alive() for process in self.watched))
            ended = {process.pid for process in self.watched}
            # The thread that buries them may be later.
            until(lambda: not ended & _death_facts._workers.keys())
        finally:
            _tasks.clear()
            for descriptor in self.descriptors:
                os.close(descriptor)


_tasks: list[Callable[[int], int]] = []
"""The task of the machine that runs, for its workers, which inherit it."""


def run(number: int) -> int:
    return _tasks[0](number)


def _number(task: Twin) -> int:
    return task.number


class RetryingMachine(ExecutorMachine):
    policy = "retry"


class BreakingMachine(ExecutorMachine):
    policy = "break"


@pytest.mark.parametrize("machine", [ExecutorMachine, RetryingMachine, BreakingMachine])
def test_whatever_the_order_each_task_has_its_one_result(machine: Any) -> None:
    few = max(10, settings().max_examples // 10)
    run_state_machine_as_test(machine, settings=settings(max_examples=few))
