"""An executor is materialized under load.

No call is lost, none is made twice, none waits for ever.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from interlock.concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait

from tests.stress.crew import LIMIT, SEED, Crew, chance, restless

ROUNDS = int(os.environ.get("INTERLOCK_STRESS_ROUNDS", "30"))
EACH = 40
SAID = f"INTERLOCK_SEED={SEED}"

LOOKS: dict[str, Callable[[Any], object]] = {
    "a look at the idle workers": lambda pool: pool._idle_semaphore._value,
    "an attribute that is set": lambda pool: setattr(pool, "_max_workers", 3),
    "a call that is taken out and put back": lambda pool: pool._work_queue.put(pool._work_queue.get()),
    "vars()": vars,
}


@pytest.fixture(params=[False, True], ids=["all processors", "one processor"])
def processors(request: pytest.FixtureRequest) -> Any:
    before = os.sched_getaffinity(0)
    if request.param:
        os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.usefixtures("processors")
def test_no_call_is_lost_or_made_twice(name: str) -> None:
    """Many threads submit while another one looks inside; every call, waiting, running or new, is made once."""
    look, takes = LOOKS[name], "taken out" in name
    for number in range(ROUNDS):
        dice, ran = chance(name, number), []
        pool = ThreadPoolExecutor(1 if takes else dice.randrange(1, 4))
        futures: list[Any] = []

        def submit(me: int, pool: Any = pool, ran: Any = ran, futures: Any = futures) -> None:
            futures.extend(pool.submit(ran.append, (me, n)) for n in range(EACH))

        crew = Crew(threading.Thread)
        for me in range(4):
            crew.add(submit, me)
        if takes:
            # So that there is always a call to take.
            gate = threading.Event()
            pool.submit(gate.wait)
            pool.submit(int)
            crew.add(lambda pool=pool, gate=gate: [look(pool), gate.set()])
        else:
            crew.add(look, pool)
        with restless():
            crew.run()
            assert wait(futures, LIMIT).not_done == set(), SAID
            assert list(pool.map(abs, range(-5, 0))) == [5, 4, 3, 2, 1]
            pool.shutdown()
        assert Counter(ran) == Counter((me, n) for me in range(4) for n in range(EACH)), SAID
        assert not any(thread.is_alive() for thread in pool._threads)


@pytest.mark.usefixtures("processors")
def test_idle_workers_are_used_after_materializing() -> None:
    """If one of two calls waits for the other, two workers run them, whether idle, busy, or not started yet."""
    for number in range(ROUNDS):
        idle, meeting = chance("idle", number).randrange(3), threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            for _ in range(idle):
                pool.submit(int)
            assert pool._idle_semaphore is pool._idle_semaphore
            assert sorted(f.result(LIMIT) for f in [pool.submit(meeting.wait, LIMIT) for _ in range(2)]) == [
                0,
                1,
            ]


def test_waiters_learn_of_futures_that_are_materialized_meanwhile() -> None:
    for number in range(ROUNDS):
        dice = chance("heard", number)
        futures = [Future() for _ in range(30)]
        came: list[Any] = []
        crew = Crew(threading.Thread)
        crew.add(lambda futures=futures, came=came: came.extend(as_completed(futures, LIMIT)))
        crew.add(lambda futures=futures, came=came: came.extend(wait(futures, LIMIT).done))
        crew.add(
            lambda futures=futures, came=came: came.extend(f for f in futures if f.result(LIMIT) is None)
        )
        materialized, ended = futures.copy(), futures.copy()
        dice.shuffle(materialized), dice.shuffle(ended)
        crew.add(lambda materialized=materialized: [f._waiters for f in materialized])
        crew.add(lambda ended=ended: [f.set_result(None) for f in ended])
        with restless():
            crew.run()
        assert Counter(map(id, came)) == Counter(dict.fromkeys(map(id, futures), 3)), SAID
        assert all(f._waiters == [] for f in futures), SAID


def test_an_executor_that_is_materialized_and_collected_ends_its_workers() -> None:
    for number in range(ROUNDS):
        pool = ThreadPoolExecutor(2)
        futures = [pool.submit(pow, n, 2) for n in range(20)]
        threads, reference = list(pool._threads), weakref.ref(pool)
        if number % 2:
            assert pool._idle_semaphore
        del pool
        assert [future.result(LIMIT) for future in futures] == [n * n for n in range(20)]
        for thread in threads:
            thread.join(LIMIT)
            assert not thread.is_alive(), SAID
        assert reference() is None
