"""Any sequence of calls by two threads that do not wait has the same results as in the standard library."""

from __future__ import annotations

import threading as std
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interlock import threading

from tests.property.actors import Actor, Cast

Call = tuple[str, tuple[Any, ...]]

TRY: list[Call] = [("acquire", (False,)), ("acquire", (True, 0)), ("acquire", (1, 0.0))]
"""For a lock; a semaphore's `acquire` takes the timeout None for "for ever"."""

LOCK: list[Call] = [*TRY, ("release", ()), ("release", ()), ("locked", ()), ("_at_fork_reinit", ())]
RLOCK: list[Call] = [
    *TRY,
    ("release", ()),
    ("release", ()),
    ("_is_owned", ()),
    ("_at_fork_reinit", ()),
    ("release and restore", ()),
]
CONDITION: list[Call] = [
    *TRY,
    ("release", ()),
    ("notify", ()),
    ("notify", (3,)),
    ("notify", (0,)),
    ("notify_all", ()),
    ("wait", (0,)),
    ("wait", (-1,)),
    ("wait_for", (bool, 0)),
    ("wait_for", (lambda: 7, 0)),
    ("wait_for", (list, -1)),
    ("_is_owned", ()),
]
SEMAPHORE: list[Call] = [
    *TRY,
    ("release", ()),
    ("release", (1,)),
    ("release", (3,)),
    ("release", (0,)),
    ("release", (-2,)),
]
EVENT: list[Call] = [
    ("set", ()),
    ("clear", ()),
    ("is_set", ()),
    ("wait", (0,)),
    ("wait", (-1,)),
    ("wait", (0.0,)),
]
BARRIER: list[Call] = [("wait", (0,)), ("wait", (-1,)), ("abort", ()), ("reset", ())]

SUBJECTS: dict[str, tuple[Callable[[Any], Any], list[Call], list[str]]] = {
    "Lock": (lambda impl: impl.Lock(), LOCK, []),
    "RLock": (lambda impl: impl.RLock(), RLOCK, []),
    "Condition": (lambda impl: impl.Condition(), CONDITION, []),
    "Condition on a Lock": (lambda impl: impl.Condition(impl.Lock()), CONDITION, []),
    "Condition on the other's Lock": (lambda impl: impl.Condition(std.Lock()), CONDITION, []),
    "Condition on the other's RLock": (lambda impl: impl.Condition(std.RLock()), CONDITION, []),
    "Semaphore": (lambda impl: impl.Semaphore(2), SEMAPHORE, ["_value"]),
    "BoundedSemaphore": (lambda impl: impl.BoundedSemaphore(4), SEMAPHORE, ["_value", "_initial_value"]),
    "Event": (lambda impl: impl.Event(), EVENT, []),
    "Barrier of one": (lambda impl: impl.Barrier(1), BARRIER, ["broken", "n_waiting", "parties"]),
    "Barrier of two": (lambda impl: impl.Barrier(2), BARRIER, ["broken", "n_waiting", "parties"]),
    "Barrier with an action": (
        lambda impl: impl.Barrier(1, lambda: 1 / 0),
        BARRIER,
        ["broken", "n_waiting", "parties"],
    ),
}


def perform(actor: Actor, subject: Any, call: Call) -> Any:
    """Return the outcome of one call by one thread."""
    name, args = call
    if name == "release and restore":
        return actor(release_and_restore, subject)
    return actor(getattr(subject, name), *args)


def release_and_restore(lock: Any) -> bool:
    """Do what a condition does; the standard library does not check there whether the thread is the owner."""
    if lock._is_owned():
        lock._acquire_restore(lock._release_save())
    return bool(lock._is_owned())


@pytest.mark.parametrize("name", SUBJECTS)
def test_two_threads_see_what_they_see_in_the_standard_library(name: str) -> None:
    make, calls, attributes = SUBJECTS[name]
    steps = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(calls)), max_size=40)
    with Cast() as actors:

        @given(steps)
        def check(steps: list[tuple[int, Call]]) -> None:
            ours, theirs = make(threading), make(std)
            for who, call in steps:
                assert perform(actors[who], ours, call) == perform(actors[who], theirs, call), call
                for attribute in attributes:
                    assert getattr(ours, attribute) == getattr(theirs, attribute), (call, attribute)

        check()


@given(st.lists(st.sampled_from(["acquire", "release"]), max_size=60))
def test_a_reentrant_lock_counts(steps: list[str]) -> None:
    lock, depth = threading.RLock(), 0
    for step in steps:
        if step == "acquire":
            assert lock.acquire(False)
            depth += 1
        elif depth:
            lock.release()
            depth -= 1
        else:
            with pytest.raises(RuntimeError):
                lock.release()
        assert lock._recursion_count() == depth
        assert lock._is_owned() == bool(depth)
        assert f"count={depth}" in repr(lock)


@given(st.integers(0, 5), st.lists(st.integers(-1, 4), max_size=40), st.booleans())
def test_a_semaphore_has_as_many_permits_as_were_given_back(
    start: int, steps: list[int], bounded: bool
) -> None:
    """-1 takes a permit; other numbers return so many permits."""
    semaphore = (threading.BoundedSemaphore if bounded else threading.Semaphore)(start)
    permits = start
    for step in steps:
        if step == -1:
            assert semaphore.acquire(False) == (permits > 0)
            permits -= permits > 0
        elif step == 0 or (bounded and permits + step > start):
            with pytest.raises(ValueError, match=r"n must be one or more|Semaphore released too many times"):
                semaphore.release(step)
        else:
            semaphore.release(step)
            permits += step
        assert semaphore._value == permits


@given(st.lists(st.sampled_from(["set", "clear", "wait"]), max_size=60))
def test_an_event_is_its_last_set_or_clear(steps: list[str]) -> None:
    event, flag = threading.Event(), False
    for step in steps:
        if step == "wait":
            assert event.wait(0) == flag
        else:
            getattr(event, step)()
            flag = step == "set"
        assert event.is_set() == flag
