"""Conditions, events and barriers under many timeouts, aborts and resets: no lost wake-up, no hang."""

from __future__ import annotations

import threading as std
from collections.abc import Callable
from typing import Any

import pytest
from interlock import threading

from tests.stress.crew import LIMIT, Crew, chance, restless

CONDITIONS: dict[str, Callable[[], Any]] = {
    "RLock": threading.Condition,
    "Lock": lambda: threading.Condition(threading.Lock()),
    "standard RLock": lambda: threading.Condition(std.RLock()),
    "standard Lock": lambda: threading.Condition(std.Lock()),
}
PATIENT, TOKENS = 4, 150


@pytest.mark.parametrize("kind", CONDITIONS)
def test_no_notification_is_lost_to_waiters_that_time_out(kind: str) -> None:
    """Waiters without a timeout take a token each; those that give up at once consume no notification."""
    condition, tokens, over = CONDITIONS[kind](), [0], [False]

    def patient() -> None:
        for _ in range(TOKENS):
            with condition:
                while not tokens[0]:
                    assert condition.wait()
                tokens[0] -= 1

    def impatient(me: int) -> None:
        dice = chance("impatient", me)
        while not over[0]:
            with condition:
                if condition.wait(dice.random() / 2000):
                    condition.notify()  # the notification was for another waiter

    def notify() -> None:
        for _ in range(PATIENT * TOKENS):
            with condition:
                tokens[0] += 1
                condition.notify()

    waiters, others = Crew(threading.Thread), Crew(threading.Thread)
    for number in range(PATIENT):
        waiters.add(patient)
        others.add(impatient, number)
    waiters.add(notify)
    with restless():
        others.start()
        waiters.run()
        over[0] = True
        others.join()
    assert tokens == [0]
    assert condition._waiters == [] or len(condition._waiters) == 0


@pytest.mark.parametrize("kind", CONDITIONS)
def test_every_notification_wakes_exactly_one_waiter(kind: str) -> None:
    condition, woken = CONDITIONS[kind](), [0]
    waiters = 12

    def wait() -> None:
        with condition:
            assert condition.wait()
            woken[0] += 1

    for round_ in range(10):
        crew = Crew(threading.Thread)
        for _ in range(waiters):
            crew.add(wait)
        crew.start()
        sent, dice = 0, chance("notify", round_)
        while sent < waiters:
            with condition:
                assert woken[0] <= sent
                count = min(dice.randrange(1, 4), len(condition._waiters))
                condition.notify(count)
                sent += count
        crew.join()
        assert woken[0] == waiters
        woken[0] = 0


def test_notify_all_wakes_all_who_wait() -> None:
    condition, steps, arrived = threading.Condition(), [0], [0]
    threads, rounds = 6, 100

    def follow() -> None:
        for step in range(1, rounds + 1):
            with condition:
                arrived[0] += 1
                condition.notify_all()
                assert condition.wait_for(lambda step=step: steps[0] >= step, LIMIT)

    def lead() -> None:
        for step in range(1, rounds + 1):
            with condition:
                assert condition.wait_for(lambda step=step: arrived[0] == threads * step, LIMIT)
                steps[0] = step
                condition.notify_all()

    crew = Crew(threading.Thread)
    for _ in range(threads):
        crew.add(follow)
    crew.add(lead)
    with restless():
        crew.run()


def test_who_waits_when_an_event_is_set_gets_through_though_it_is_cleared_at_once() -> None:
    there, back = threading.Event(), threading.Event()
    rounds, through = 500, [0]

    def wait() -> None:
        for _ in range(rounds):
            assert there.wait(LIMIT)
            through[0] += 1
            there.clear()
            back.set()

    def send() -> None:
        for number in range(rounds):
            there.set()
            assert back.wait(LIMIT)
            back.clear()
            assert through[0] == number + 1

    crew = Crew(threading.Thread)
    crew.add(wait)
    crew.add(send)
    with restless():
        crew.run()


def test_an_event_storm_lets_every_waiter_out() -> None:
    event, over = threading.Event(), [False]

    def wait(me: int) -> None:
        dice = chance("event", me)
        for _ in range(200):
            event.wait(dice.choice([None, 0.0001, 50]))

    def flash() -> None:
        while not over[0]:
            event.set()
            event.clear()

    waiters, flashers = Crew(threading.Thread), Crew(threading.Thread)
    for number in range(6):
        waiters.add(wait, number)
    flashers.add(flash)
    with restless():
        flashers.start()
        waiters.run()
        over[0] = True
        flashers.join()


@pytest.mark.parametrize("parties", [2, 5])
def test_parties_step_through_a_barrier_together(parties: int) -> None:
    rounds, position, acts = 150, [0] * parties, [0]

    def act() -> None:
        acts[0] += 1
        assert len(set(position)) == 1  # all have arrived, and none has gone on

    barrier = threading.Barrier(parties, act)
    indices: list[list[int]] = [[] for _ in range(rounds)]

    def step(me: int) -> None:
        for number in range(rounds):
            position[me] = number
            indices[number].append(barrier.wait(LIMIT))
            assert max(position) - min(position) <= 1

    crew = Crew(threading.Thread)
    for number in range(parties):
        crew.add(step, number)
    with restless():
        crew.run()
    assert acts == [rounds]
    assert all(sorted(seen) == list(range(parties)) for seen in indices)


@pytest.mark.parametrize("with_action", [False, True])
def test_a_barrier_in_a_storm_of_aborts_and_resets_never_hangs(with_action: bool) -> None:
    acts, passed, over = [0], [0], [False]
    barrier = threading.Barrier(4, (lambda: acts.__setitem__(0, acts[0] + 1)) if with_action else None)

    def step(me: int) -> None:
        dice = chance("barrier", me)
        while not over[0]:
            try:
                index = barrier.wait(dice.choice([None, 0.002, 50]))
                assert 0 <= index < 4
                passed[0] += 1
            except threading.BrokenBarrierError:
                if barrier.broken:
                    barrier.reset()

    def disturb() -> None:
        dice = chance("disturb")
        for _ in range(400):
            (barrier.abort if dice.random() < 0.5 else barrier.reset)()
            assert 0 <= barrier.n_waiting <= 4
            repr(barrier)
            for _ in range(dice.randrange(200)):
                pass

    def end() -> None:
        over[0] = True

    steppers, disturbers = Crew(threading.Thread), Crew(threading.Thread)
    for number in range(4):
        steppers.add(step, number)
    disturbers.add(disturb)
    with restless():
        steppers.start()
        disturbers.run()
        end()
        while any(thread.is_alive() for thread in steppers._threads):
            barrier.abort()
        steppers.join()
