"""Locks exclude, permits are counted, notifications arrive, and no thread starves."""

from __future__ import annotations

import sys
import threading as std
import time
from collections.abc import Callable
from typing import Any

import pytest
from interlock import threading

from tests.stress.crew import Crew, chance, restless

THREADS = 8
STEPS = 400

LOCKS: dict[str, Callable[[], Any]] = {
    "Lock": threading.Lock,
    "RLock": threading.RLock,
    "Condition": threading.Condition,
    "Condition on a Lock": lambda: threading.Condition(threading.Lock()),
    "Condition on a standard lock": lambda: threading.Condition(std.Lock()),
    "Semaphore": threading.Semaphore,
    "BoundedSemaphore": threading.BoundedSemaphore,
}


def acquire_somehow(lock: Any, way: int) -> None:
    if way == 0 and lock.acquire(False):
        return
    if way == 1:
        while not lock.acquire(timeout=0.0002):
            pass
    else:
        lock.acquire()


@pytest.mark.parametrize("name", LOCKS)
def test_a_counter_under_a_lock_is_exact(name: str) -> None:
    lock, counter = LOCKS[name](), [0]

    def count(me: int) -> None:
        dice = chance(name, me)
        for _ in range(STEPS):
            acquire_somehow(lock, dice.randrange(4))
            value = counter[0]
            if dice.random() < 0.2:
                time.sleep(0)  # sleep: none, it yields in the middle of the step
            counter[0] = value + 1
            lock.release()

    crew = Crew(threading.Thread)
    for number in range(THREADS):
        crew.add(count, number)
    with restless():
        crew.run()
    assert counter == [THREADS * STEPS]


def test_a_reentrant_lock_counts_its_depth_under_contention() -> None:
    lock, inside = threading.RLock(), [0]

    def nest(me: int) -> None:
        dice = chance("nest", me)
        for _ in range(STEPS // 4):
            depth = dice.randrange(1, 6)
            for level in range(depth):
                acquire_somehow(lock, dice.randrange(3))
                inside[0] += 1
                assert inside[0] == level + 1
            for _ in range(depth):
                inside[0] -= 1
                lock.release()

    crew = Crew(threading.Thread)
    for number in range(THREADS):
        crew.add(nest, number)
    with restless():
        crew.run()
    assert lock.acquire(False)


@pytest.mark.parametrize("name", ["Lock", "RLock", "Condition", "Condition on a Lock"])
def test_no_thread_starves(name: str) -> None:
    """Eight threads compete for one lock for a while: each gets at least a tenth of the mean.

    They hold it most of the time, so most switches of threads find it taken: without hand-overs one thread would have
    it nearly all the time. The kernel, too, may let a thread starve on a busy machine, but not each time.
    """

    def share(seconds: float) -> list[int]:
        lock, counts, over = LOCKS[name](), [0] * THREADS, [False]

        def take(me: int) -> None:
            while not over[0]:
                with lock:
                    counts[me] += 1
                    for _ in range(300):
                        pass

        crew = Crew(threading.Thread)
        for number in range(THREADS):
            crew.add(take, number)
        crew.start()
        time.sleep(seconds)  # sleep: the share of the threads in this time is the subject
        over[0] = True
        crew.join()
        return counts

    said: list[list[int]] = []
    for seconds in (0.5, 1, 2, 4, 8):
        said.append(share(seconds))
        if min(said[-1]) >= sum(said[-1]) / THREADS / 10:
            return
    raise AssertionError(said)


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
@pytest.mark.parametrize("permits", [1, 3])
def test_a_semaphore_never_lets_more_in_than_it_has_permits(kind: str, permits: int) -> None:
    semaphore, book = getattr(threading, kind)(permits), std.Lock()
    inside, most = [0], [0]

    def enter(me: int) -> None:
        dice = chance(kind, permits, me)
        for _ in range(STEPS):
            acquire_somehow(semaphore, dice.randrange(4))
            with book:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            with book:
                inside[0] -= 1
            semaphore.release()

    crew = Crew(threading.Thread)
    for number in range(THREADS):
        crew.add(enter, number)
    with restless():
        crew.run()
    assert most[0] <= permits
    assert semaphore._value == permits


def test_permits_released_together_wake_as_many_threads() -> None:
    semaphore, through = threading.Semaphore(0), []
    crew = Crew(threading.Thread)
    for number in range(30):
        crew.add(lambda number=number: semaphore.acquire() and through.append(number))
    crew.add(lambda: [semaphore.release(5) for _ in range(4)])
    crew.add(lambda: [semaphore.release() for _ in range(10)])
    crew.run()
    assert sorted(through) == list(range(30))
    assert semaphore._value == 0


def test_locks_in_a_chain_are_handed_on() -> None:
    """Each thread releases the lock that the next waits for: any thread may release a Lock."""
    locks = [threading.Lock() for _ in range(THREADS)]
    for lock in locks:
        lock.acquire()

    def hand_on(me: int) -> None:
        for _ in range(STEPS):
            locks[me].acquire()
            locks[(me + 1) % THREADS].release()

    crew = Crew(threading.Thread)
    for number in range(THREADS):
        crew.add(hand_on, number)
    crew.start()
    locks[0].release()
    crew.join()
    assert [lock.locked() for lock in locks] == [False] + [True] * (THREADS - 1)


def test_a_switch_of_threads_at_every_step_of_a_release_loses_no_waiter() -> None:
    """Two threads only acquire and release one lock: the quickest way to find a lost wake-up."""
    for make in LOCKS.values():
        lock = make()

        def take(lock: Any = lock) -> None:
            for _ in range(3 * STEPS):
                with lock:
                    pass

        crew = Crew(threading.Thread)
        for _ in range(2):
            crew.add(take)
        with restless(1e-6):
            crew.run()
    assert sys.getswitchinterval() > 1e-6
