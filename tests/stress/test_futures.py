"""Many threads at futures and executors: no call is lost or made twice, and memory does not grow."""

from __future__ import annotations

import os
import resource
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, InvalidStateError
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from interlock.concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait

from tests.stress.crew import ITEMS, LIMIT, SEED, Crew, chance, eventually, restless

TASKS = int(os.environ.get("INTERLOCK_STRESS_TASKS", str(min(10 * ITEMS, 1_000_000))))
"""Number of tasks that a bounded executor runs in the test of its memory; a thorough run has ten million."""

SAID = f"INTERLOCK_SEED={SEED}"


@pytest.mark.parametrize("workers", [1, 3])
def test_a_cancel_that_races_with_the_start(workers: int) -> None:
    """Each future is cancelled or run, never both, never neither."""
    ran: list[int] = []
    cancelled: list[int] = []
    futures: list[Future] = []
    number = ITEMS
    with restless(), ThreadPoolExecutor(workers) as pool:

        def cancel(me: int) -> None:
            dice, at = chance("cancel", me), 0
            while at < number:
                if at < len(futures):
                    if dice.random() < 0.7 and futures[at].cancel():
                        cancelled.append(at)
                    at += 1

        crew = Crew(threading.Thread)
        crew.add(cancel, 0)
        crew.add(cancel, 1)
        crew.start()
        futures.extend(pool.submit(ran.append, n) for n in range(number))
        crew.join()
        assert wait(futures, LIMIT).not_done == set(), SAID
    counted = Counter(ran)
    assert set(counted.values()) <= {1}, SAID
    for n, future in enumerate(futures):
        assert (n in counted) is not future.cancelled(), f"{n}: {future} {SAID}"
    assert {n for n, future in enumerate(futures) if future.cancelled()} == set(cancelled), SAID
    print(f"{len(ran)} ran")  # pytest -rP shows it


def test_a_future_is_ended_once() -> None:
    """Threads finish, fail, cancel and materialize the same future: one of them succeeds, and all waits end."""
    rounds = ITEMS // 200
    futures: list[Future] = [Future() for _ in range(rounds)]
    called: list[Any] = []
    ended: list[Any] = []
    seen: list[Any] = []

    def end(way: Callable[[Future], object]) -> None:
        for n, future in enumerate(futures):
            with suppress(InvalidStateError):
                if way(future) is not False:
                    ended.append(n)

    def ask() -> None:
        for future in futures:
            try:
                seen.append(future.result(LIMIT))
            except (ValueError, CancelledError) as error:
                seen.append(type(error))

    for n, future in enumerate(futures):
        future.add_done_callback(lambda _, n=n: called.append(n))
    crew = Crew(threading.Thread)
    crew.add(end, lambda future: future.set_result(7))
    crew.add(end, lambda future: future.set_exception(ValueError()))
    crew.add(end, lambda future: future.cancel())
    crew.add(end, lambda future: future._waiters == 0)
    for _ in range(4):
        crew.add(ask)
    with restless():
        crew.run()
    assert Counter(ended) == Counter(called) == Counter(range(rounds)), SAID
    assert len(seen) == 4 * rounds
    assert set(seen) <= {7, ValueError, CancelledError}


def test_many_threads_wait_for_the_same_results() -> None:
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(pow, n, 2) for n in range(ITEMS // 100)]
        crew = Crew(threading.Thread)
        seen: list[int] = []
        for _ in range(16):
            crew.add(lambda: seen.append(sum(future.result(LIMIT) for future in futures)))
        crew.run()
    assert seen == [sum(n * n for n in range(ITEMS // 100))] * 16


@pytest.mark.parametrize("bound", [None, 5])
def test_many_threads_submit_to_few_workers(bound: int | None) -> None:
    """No call is lost, and a single worker runs the calls of each thread in order."""
    each = ITEMS // 64 // 4
    for workers in (1, 2):
        ran: list[tuple[int, int]] = []
        with restless(), ThreadPoolExecutor(workers, max_pending=bound) as pool:

            def submit(me: int, pool: Any = pool, ran: Any = ran) -> None:
                dice = chance("submit", me)
                mine = [pool.submit(ran.append, (me, n)) for n in range(each)]
                assert dice.choice(mine).result(LIMIT) is None

            crew = Crew(threading.Thread)
            for me in range(64):
                crew.add(submit, me)
            crew.run()
        assert Counter(ran) == Counter((me, n) for me in range(64) for n in range(each)), SAID
        assert len(pool._threads) <= workers
        stats = pool.stats()
        assert (stats.submitted, stats.done, stats.waiting) == (64 * each, 64 * each, 0)
        if workers == 1:
            for me in range(64):
                assert [n for other, n in ran if other == me] == list(range(each)), SAID


def test_all_of_many_live_futures_come_once() -> None:
    number = min(ITEMS // 10, 10_000)
    futures = [Future() for _ in range(number)]
    order = list(range(number))
    chance("order").shuffle(order)

    def end() -> None:
        for n in order:
            if n % 3:
                futures[n].set_result(n)
            else:
                futures[n].cancel(), futures[n].set_running_or_notify_cancel()

    crew = Crew(threading.Thread)
    crew.add(end)
    with restless():
        completed = as_completed(futures, LIMIT)
        crew.start()
        came = list(completed)
        crew.join()
    assert len(came) == number
    assert set(came) == set(futures)


def test_calls_that_wait_for_calls() -> None:
    """Chains and fans over two executors with a limit; every call runs once, after those that it waits for."""
    with ThreadPoolExecutor(2, max_pending=3) as one, ThreadPoolExecutor(1) as other:
        dice, calls = chance("graph"), [one.submit(int)]
        expected = [0]
        for _ in range(ITEMS // 50):
            needs = [dice.randrange(max(0, len(calls) - 30), len(calls)) for _ in range(dice.randrange(1, 4))]
            pool = dice.choice([one, other])
            calls.append(pool.call(lambda *values: (1 + max(values)) % 1000, *(calls[n] for n in needs)))
            expected.append((1 + max(expected[n] for n in needs)) % 1000)
    assert [call.result(0) for call in calls] == expected, SAID


def test_time_limits_of_many_calls() -> None:
    """Each call runs or is cancelled, and calls without a time limit run."""
    number = ITEMS // 50
    ran: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        dice = chance("limits")
        limited = [pool.at(timeout=dice.random() / 100).submit(ran.append, n) for n in range(number)]
        free = [pool.submit(int) for _ in range(100)]
        assert wait([*limited, *free], LIMIT).not_done == set(), SAID
    assert not any(future.cancelled() for future in free)
    assert Counter(ran) == Counter(n for n, future in enumerate(limited) if not future.cancelled()), SAID


def test_an_executor_that_is_shut_down_while_many_submit() -> None:
    """The executor runs all accepted calls and refuses the others; shutdown() returns when all are done."""
    for _ in range(ITEMS // 2000):
        pool, ran, futures = ThreadPoolExecutor(3), [], []

        def submit(pool: Any = pool, ran: Any = ran, futures: Any = futures) -> None:
            while True:
                try:
                    futures.append(pool.submit(ran.append, 1))
                except RuntimeError:
                    return

        crew = Crew(threading.Thread)
        for _ in range(3):
            crew.add(submit)
        with restless():
            crew.start()
            eventually(lambda ran=ran: ran, "the first task")
            pool.shutdown()
            taken = len(futures)
            assert all(future.done() for future in futures[:taken]), SAID
            crew.join()
        assert wait(futures, LIMIT).not_done == set(), SAID
        assert len(ran) == len(futures)


def test_the_memory_of_a_bounded_executor_is_flat() -> None:
    with ThreadPoolExecutor(2, max_pending=1000) as pool:

        def run(number: int) -> int:
            for _ in range(number):
                pool.submit(int)
            pool.submit(int).result(LIMIT)
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        # What leaks, leaks each time; how many results wait to be freed at most is chance.
        peaks = [run(max(TASKS // 10, 10_000))]
        while len(peaks) < 2 or (len(peaks) < 6 and peaks[-1] - peaks[-2] >= 4096):
            peaks.append(run(TASKS))
        assert peaks[-1] - peaks[-2] < 4096, f"{peaks} KiB"
    assert pool.stats().waiting == 0


def _set(future: Future, done: Future) -> None:
    future.set_result(done)


class Ending:
    """Ends a future when it is called."""

    def __init__(self, future: Future) -> None:
        self.future = future

    def __call__(self, done: Future) -> None:
        self.future.set_result(done)


class Derived(Future):  # type: ignore[type-arg]
    """A class of a program."""


def _at_depth(depth: int, call: Callable[[], object]) -> None:
    """Call with so many frames around the call."""
    if depth:
        _at_depth(depth - 1, call)
    else:
        call()


@pytest.mark.parametrize(
    ("kind", "end", "length", "depth"),
    [
        (Future, lambda future: future.set_result, 1_000_000, 0),
        (Future, lambda future: partial(_set, future), 100_000, 0),
        (Future, lambda future: partial(_set, future), 10_000, 600),
        (Future, lambda future: lambda done: _at_depth(0, lambda: _set(future, done)), 10_000, 0),
        (Future, Ending, 100_000, 0),
        (Derived, lambda future: future.set_result, 100_000, 0),
        (Derived, lambda future: partial(_set, future), 10_000, 300),
    ],
    ids=["native", "in Python", "deep", "four functions", "object", "derived", "derived, deep"],
)
def test_a_chain_of_callbacks_of_any_length(
    kind: type[Future], end: Callable[[Future], Callable[[Future], object]], length: int, depth: int
) -> None:
    """Each future ends the next one. The standard library's RecursionError ends such a chain after some hundred."""
    futures = [kind() for _ in range(length)]
    for one, other in pairwise(futures):
        one.add_done_callback(end(other))
    _at_depth(depth, lambda: futures[0].set_result(None))
    assert all(future.done() for future in futures)
