"""Any sequence of calls on a `ThreadPool` has the same results as on a naive twin, and makes each call once."""

from __future__ import annotations

import multiprocessing
import multiprocessing.pool as std
import threading
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from interlock.multiprocessing import pool as ours

from tests.property.pool_twin import BROKEN, LIMIT, SHAPES, TERMINATED, Job, answer, compute, until

KINDS = st.sampled_from(["apply", "map", "starmap", "imap", "imap_unordered"])
SIZES = st.integers(1, 7)
CHUNKS = st.sampled_from([1, 1, 2, 3, 10, None])
LEAST = st.sampled_from([0, 3, 6, 10])
SHAPE = st.sampled_from(sorted(SHAPES))

TIMED_OUT = ("raised", multiprocessing.TimeoutError, ())
STOPPED = ("raised", StopIteration, ())
NOT_RUNNING = ("raised", ValueError, ("Pool not running",))


class PoolMachine(RuleBasedStateMachine):
    """The common part of the two machines: a pool, and its jobs."""

    make: Any = ours.ThreadPool
    is_ours = True

    def open(self, workers: int, least: int) -> None:
        self.workers, self.least = workers, least  # jobs before the end may come
        self.pool = self.make(workers)
        self.state = "open"
        self.jobs: list[Job] = []  # those with results to check
        self.given: list[Job] = []  # all
        self.number = 0
        self.ran: list[int] = []

    def work(self, number: int, *_: Any) -> int:
        self.ran.append(number)
        return compute(number)

    def new_job(self, kind: str, size: int, chunksize: int | None, is_broken: bool, calls_back: bool) -> Job:
        size = 1 if kind == "apply" else size
        numbers = list(range(self.number, self.number + size))
        self.number += size
        usual = -(-size // (4 * self.workers)) if kind in ("map", "starmap") else 1
        taken = usual if chunksize is None or kind == "apply" else chunksize
        job = Job(kind, numbers, taken, is_broken and kind.startswith("imap"))
        job.given = () if chunksize is None else (chunksize,)
        job.calls_back = calls_back
        return job

    def accepts(self, job: Job, shape: str) -> bool:
        """Give the pool a job, which it refuses if it was closed."""
        said = answer(job.submit, self.pool, self.work, shape)
        if self.state != "open":
            assert said == NOT_RUNNING
            return False
        assert said == ("returned", None)
        self.jobs.append(job)
        self.given.append(job)
        return True

    def may_end(self) -> bool:
        return hasattr(self, "pool") and len(self.jobs) >= self.least

    @precondition(may_end)
    @rule()
    def close(self) -> None:
        if self.state == "open":
            assert answer(self.pool.join) == ("raised", ValueError, ("Pool is still running",))
            self.state = "closed"
        self.pool.close()

    def take(self, job: Job, timeout: float = LIMIT) -> None:
        """Take the next result from an iterator. (One with chunks is a generator, without a timeout.)"""
        if job.chunksize == 1:
            job.taken.append(answer(job.result.next, timeout))
        else:
            job.taken.append(answer(next, job.result))


class HeldMachine(PoolMachine):
    """One worker, held in each call until it is released: so the machine always knows what is done.

    The worker does jobs, and their chunks, in the order in which they were given.
    """

    @initialize(least=LEAST)
    def begin(self, least: int) -> None:
        self.permits, self.arrived = threading.Semaphore(0), threading.Semaphore(0)
        # Waiting chunks. The number after a job's last chunk represents its end.
        self.line: list[tuple[Job, int]] = []
        self.current: tuple[Job, int] | None = None
        self.calls: list[int] = []  # the calls of the current chunk that are not made yet
        self.made: list[int] = []  # the calls made for all chunks, in order
        self.open(1, least)

    def work(self, number: int, *_: Any) -> int:
        self.arrived.release()
        assert self.permits.acquire(timeout=LIMIT)
        return super().work(number)

    @rule(
        kind=KINDS,
        size=SIZES,
        chunksize=CHUNKS,
        shape=SHAPE,
        is_broken=st.booleans(),
        calls_back=st.booleans(),
    )
    def submit(
        self, kind: str, size: int, chunksize: int | None, shape: str, is_broken: bool, calls_back: bool
    ) -> None:
        job = self.new_job(kind, size, chunksize, is_broken, calls_back)
        if self.accepts(job, shape):
            self.line += [(job, number) for number in range(len(job.chunks) + 1)]
            self.go_on()

    def go_on(self) -> None:
        """Do what an idle worker does: take the next chunk, and stop in its first call."""
        while self.current is None and self.line:
            job, number = self.line.pop(0)
            if number < len(job.chunks):
                self.current, self.calls = (job, number), job.calls(number)
                assert self.arrived.acquire(timeout=LIMIT)
            else:
                if job.is_broken:
                    job.answers.append(BROKEN)
                job.is_over = True

    @precondition(lambda self: getattr(self, "current", None) is not None)
    @rule(most=st.integers(1, 12))
    def let_go(self, most: int) -> None:
        for _ in range(most):
            if self.current is not None:
                self.let_one_go(*self.current)

    def let_one_go(self, job: Job, number: int) -> None:
        self.permits.release()
        self.made.append(self.calls.pop(0))
        if self.calls:
            assert self.arrived.acquire(timeout=LIMIT)
            return
        job.answers.append(job.answer_of(number))
        self.current = None
        if self.state == "terminated":
            job.is_terminated = job.is_iterator or number + 1 < len(job.chunks)
            job.is_over = True
            job.calls_back = False
        self.go_on()

    def settle(self) -> None:
        """Let the worker notice that it has nothing to do, if it has not noticed yet."""
        for job in self.jobs:
            if job.is_over and not job.is_iterator:
                job.result.wait(LIMIT)
        until(lambda: len(self.pool._cache) == sum(not job.is_over for job in self.jobs))

    @precondition(lambda self: self.is_ours and self.may_end() and self.state != "terminated")
    @rule()
    def terminate(self) -> None:
        self.settle()
        self.pool.terminate()
        self.state = "terminated"
        for job, _ in self.line:
            if self.current is None or job is not self.current[0]:
                job.is_terminated = job.is_over = True
                job.calls_back = False
        self.line.clear()

    @precondition(lambda self: getattr(self, "current", True) is None and self.state != "open")
    @rule()
    def join(self) -> None:
        self.pool.join()
        assert not any(thread.is_alive() for thread in self.pool._pool)

    @precondition(lambda self: getattr(self, "jobs", []) != [])
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        for job in data.draw(st.lists(st.sampled_from(self.jobs), min_size=1, max_size=4)):
            self.look_at(job)

    def look_at(self, job: Job) -> None:
        if job.is_iterator:
            self.look_at_iterator(job)
        elif job.is_over:
            job.result.wait(LIMIT)
            self.check_result(job)
        else:
            assert not job.result.ready()
            assert answer(job.result.get, 0) == TIMED_OUT
            assert answer(job.result.successful)[:2] == ("raised", ValueError)
            assert job.callbacks == []

    def check_result(self, job: Job) -> None:
        said = answer(job.result.get, LIMIT)
        assert said == job.whole()
        assert job.result.ready()
        assert job.result.successful() is (said[0] == "returned")
        assert job.callbacks == ([said] if job.calls_back else [])

    def look_at_iterator(self, job: Job) -> None:
        expected = job.stream()
        if len(job.taken) < len(expected):
            self.take(job)
            assert job.taken == expected[: len(job.taken)]
        elif expected[-1:] == [STOPPED]:
            self.take(job)
            assert job.taken.pop() == STOPPED
        elif job.chunksize == 1:
            assert answer(job.result.next, 0) == TIMED_OUT

    @invariant()
    def calls_are_made_in_order(self) -> None:
        if hasattr(self, "pool"):
            made = len(self.made)
            until(lambda: len(self.ran) >= made)
            assert self.ran == self.made

    def teardown(self) -> None:
        if not hasattr(self, "pool"):
            return
        while self.current is not None:
            self.let_one_go(*self.current)
        if self.state != "terminated":
            self.settle()
        for job in self.jobs:
            if not job.is_iterator:
                self.check_result(job)
                continue
            expected = job.stream()
            while len(job.taken) < len(expected):
                self.take(job)
            assert job.taken == expected
        self.pool.close()
        self.pool.join()
        assert self.ran == self.made


class StandardHeldMachine(HeldMachine):
    """The same twin beside the standard library, whose results never arrive after `terminate()`."""

    make = std.ThreadPool
    is_ours = False


@pytest.mark.parametrize("machine", [HeldMachine, StandardHeldMachine])
def test_a_pool_that_is_held_does_what_its_twin_does(machine: Any) -> None:
    few = settings(max_examples=10) if machine is StandardHeldMachine else settings()
    run_state_machine_as_test(machine, settings=few)


class FreeMachine(PoolMachine):
    """Up to four workers that nobody holds: the order of calls is not known, but their results are."""

    @initialize(workers=st.integers(1, 4), least=LEAST)
    def begin(self, workers: int, least: int) -> None:
        self.open(workers, least)

    def work(self, number: int, *_: Any) -> int:
        if number % 3 == 0:
            time.sleep(0)  # sleep: so that others run meanwhile
        return super().work(number)

    @rule(
        kind=KINDS,
        size=st.integers(0, 12),
        chunksize=CHUNKS,
        shape=SHAPE,
        is_broken=st.booleans(),
        calls_back=st.booleans(),
    )
    def submit(
        self, kind: str, size: int, chunksize: int | None, shape: str, is_broken: bool, calls_back: bool
    ) -> None:
        self.accepts(self.new_job(kind, size, chunksize, is_broken, calls_back), shape)

    @precondition(lambda self: getattr(self, "state", None) == "open")
    @rule(kind=st.sampled_from(["apply", "map", "starmap"]), size=st.integers(0, 12), chunksize=CHUNKS)
    def call(self, kind: str, size: int, chunksize: int | None) -> None:
        job = self.new_job(kind, size, chunksize, False, False)
        pairs = [(number, None) for number in job.numbers]
        given = {"apply": (job.numbers,), "map": (job.numbers, *job.given), "starmap": (pairs, *job.given)}
        said = answer(getattr(self.pool, kind), self.work, *given[kind])
        assert said in job.possible(self.workers)
        self.given.append(job)

    @precondition(lambda self: getattr(self, "jobs", []) != [])
    @rule(data=st.data(), most=st.integers(1, 15))
    def ask(self, data: st.DataObject, most: int) -> None:
        job = data.draw(st.sampled_from(self.jobs))
        if job.is_iterator:
            for _ in range(most):
                self.take(job)
            self.check_taken(job)
        else:
            self.check_result(job)

    def check_result(self, job: Job) -> None:
        said = answer(job.result.get, LIMIT)
        assert job.result.ready()
        assert job.result.successful() is (said[0] == "returned")
        assert answer(job.result.get, 0) == said
        if self.state == "terminated" and said == TERMINATED:
            assert job.callbacks == []
            return
        assert said in job.possible(self.workers)
        called = [said] if job.calls_back and job.numbers else []
        assert job.callbacks == called or (self.state == "terminated" and job.callbacks == [])
        assert Counter(job.all_calls()) <= Counter(self.ran)

    def check_taken(self, job: Job) -> None:
        """What an iterator has given so far: results, perhaps one error of the whole job, and then nothing more."""
        taken = [said for said in job.taken if said != STOPPED]
        is_stopped = len(taken) < len(job.taken)
        assert job.taken == taken + [STOPPED] * (len(job.taken) - len(taken))
        if taken[-1:] == [TERMINATED]:
            assert self.state == "terminated"
            taken.pop()
            is_stopped = False  # not at the end yet
        assert job.could_give(taken, is_stopped)

    @precondition(lambda self: self.is_ours and self.may_end() and self.state != "terminated")
    @rule()
    def terminate(self) -> None:
        self.pool.terminate()
        self.state = "terminated"

    @precondition(lambda self: getattr(self, "state", "open") != "open")
    @rule()
    def join(self) -> None:
        self.pool.join()
        assert not any(thread.is_alive() for thread in self.pool._pool)

    def teardown(self) -> None:
        if not hasattr(self, "pool"):
            return
        self.pool.close()
        for job in self.jobs:
            if job.is_iterator:
                while job.taken[-1:] != [STOPPED]:
                    self.take(job)
                self.check_taken(job)
            else:
                self.check_result(job)
        self.pool.join()
        ran, wanted = Counter(self.ran), Counter(one for job in self.given for one in job.all_calls())
        assert ran <= wanted if self.state == "terminated" else ran == wanted


class StandardFreeMachine(FreeMachine):
    """Do the same for the standard library."""

    make = std.ThreadPool
    is_ours = False


@pytest.mark.parametrize("machine", [FreeMachine, StandardFreeMachine])
def test_whatever_the_order_a_pool_makes_each_call_once_and_gives_each_result(machine: Any) -> None:
    few = settings(max_examples=10) if machine is StandardFreeMachine else settings()
    run_state_machine_as_test(machine, settings=few)
