"""Every call that takes a timeout treats every kind of timeout like the standard library."""

from __future__ import annotations

import pytest

from tests.parity.judge import OURS, STD, attempt, outcome, same

# An object on which the call has to wait, the call with a placeholder for its timeout, what to check afterwards.
CALLS: dict[str, tuple[str, str, str]] = {
    "Lock.acquire": ("x = t.Lock(); x.acquire()", "x.acquire(timeout={})", "x.locked()"),
    "RLock.acquire": (
        "x = t.RLock(); th = std.Thread(target=x.acquire); th.start(); th.join()",
        "x.acquire(True, {})",
        "x._is_owned()",
    ),
    "Condition.wait": ("x = t.Condition(); x.acquire()", "x.wait({})", "x._is_owned(), len(x._waiters)"),
    "Condition.wait on a Lock": (
        "x = t.Condition(t.Lock()); x.acquire()",
        "x.wait({})",
        "x._is_owned(), len(x._waiters)",
    ),
    "Condition.wait_for": (
        "x = t.Condition(); x.acquire()",
        "x.wait_for(lambda: 0, {})",
        "x._is_owned(), len(x._waiters)",
    ),
    "Semaphore.acquire": ("x = t.Semaphore(0)", "x.acquire(timeout={})", "x._value"),
    "BoundedSemaphore.acquire": ("x = t.BoundedSemaphore(0)", "x.acquire(True, {})", "x._value"),
    "Event.wait": ("x = t.Event()", "x.wait({})", "x.is_set()"),
    "Barrier.wait": ("x = t.Barrier(2)", "x.wait({})", "x.n_waiting"),
    "Queue.get": ("x = q.Queue()", "x.get(timeout={})", "x.qsize()"),
    "Queue.put": ("x = q.Queue(1); x.put(0)", "x.put(1, timeout={})", "x.qsize(), x.unfinished_tasks"),
    "materialized Queue.get": ("x = q.Queue(); x.mutex", "x.get(timeout={})", "x.qsize()"),
    "LifoQueue.get": ("x = q.LifoQueue()", "x.get(True, {})", "x.qsize()"),
    "PriorityQueue.get": ("x = q.PriorityQueue()", "x.get(True, {})", "x.qsize()"),
    "PriorityQueue.put": ("x = q.PriorityQueue(1); x.put(0)", "x.put(1, True, {})", "x.qsize()"),
    "SimpleQueue.get": ("x = q.SimpleQueue()", "x.get(timeout={})", "x.qsize()"),
}
OTHERS = {
    "Queue.get_many": ("x = q.Queue()", "x.get_many(3, timeout={})", "x.qsize()"),
    "Queue.put_many": ("x = q.Queue(1); x.put(0)", "x.put_many([1], timeout={})", "x.qsize()"),
}
EVERY = {**CALLS, **OTHERS}


def refused(name: str, timeout: str) -> tuple[type, str]:
    """Return how our object refuses a timeout, and check that the object has not changed."""
    setup, call, after = EVERY[name]
    said = outcome(OURS, attempt(f"{setup}\n{call.format(timeout)}", after))
    untouched = outcome(OURS, f"{setup}\n({after})")
    assert said[0] == "returned", said
    ended, state = said[1]
    assert state == untouched[1]
    return ended  # type: ignore[no-any-return]


@pytest.mark.parametrize("timeout", ["0", "0.0", "-1", "-0.5", "0.001", "True and 0", "1e-9"])
@pytest.mark.parametrize("name", CALLS)
def test_a_timeout_ends_as_in_the_standard_library(name: str, timeout: str) -> None:
    setup, call, after = CALLS[name]
    if "acquire" in name and timeout == "-1" and "Lock" in name:
        return  # that is: for ever
    if name == "SimpleQueue.get" and timeout == "1e-9":
        return  # the standard one waits for ever if the time is over when it computes the rest
    same(attempt(f"{setup}\n{call.format(timeout)}", after))


@pytest.mark.parametrize("timeout", ["'1'", "[]", "object()", "1j"])
@pytest.mark.parametrize("name", CALLS)
def test_a_timeout_of_another_kind_is_a_type_error(name: str, timeout: str) -> None:
    setup, call, after = CALLS[name]
    (std_kind, std_text), _ = outcome(STD, attempt(f"{setup}\n{call.format(timeout)}", after))[1]
    kind, text = refused(name, timeout)
    assert kind is std_kind is TypeError
    # The standard library has a message of its own only where it converts the timeout; elsewhere it compares.
    assert text == std_text or "not supported between" in std_text or "unsupported operand" in std_text


NAN = "float('nan')"
ONE_WAIT = ["Event.wait", "Condition.wait", "Condition.wait on a Lock"]


@pytest.mark.parametrize("name", ONE_WAIT)
def test_a_single_wait_for_a_time_that_is_not_a_number_ends_as_in_the_standard_library(name: str) -> None:
    setup, call, after = CALLS[name]
    same(attempt(f"{setup}\n{call.format(NAN)}", after))


NEVER_OVER = ["Condition.wait_for", "materialized Queue.get"]  # both are the standard library's own loops


@pytest.mark.parametrize("name", [name for name in EVERY if name not in (*ONE_WAIT, *NEVER_OVER)])
def test_a_timeout_that_is_not_a_number_is_refused(name: str) -> None:
    """The standard library does that where it converts the timeout; elsewhere it never sleeps and never gives up."""
    assert refused(name, "float('nan')") == (ValueError, "Invalid value NaN (not a number)")


@pytest.mark.parametrize("timeout", ["1e20", "float('inf')", "10**400", "t.TIMEOUT_MAX * 2"])
@pytest.mark.parametrize("name", EVERY)
def test_a_timeout_beyond_the_clock_is_an_overflow(name: str, timeout: str) -> None:
    assert refused(name, timeout)[0] is OverflowError
    if name in CALLS:
        setup, call, after = CALLS[name]
        assert outcome(STD, attempt(f"{setup}\n{call.format(timeout)}", after))[1][0][0] is OverflowError


@pytest.mark.parametrize("name", ["Lock", "RLock"])
@pytest.mark.parametrize("more", [0, 0.5, 0.8])
def test_the_longest_timeout_is_accepted(name: str, more: float) -> None:
    same(f"t.{name}().acquire(timeout=t.TIMEOUT_MAX + {more})")


@pytest.mark.parametrize("name", EVERY)
def test_a_second_more_is_too_much(name: str) -> None:
    assert refused(name, "t.TIMEOUT_MAX + 1")[0] is OverflowError


# If there is nothing to wait for, some calls check their timeout, and some do not.
UNNEEDED = [
    "x = t.Event(); x.set(); x.wait({})",
    "t.Semaphore(1).acquire(timeout={})",
    "t.Semaphore(1).acquire(True, {})",
    "t.Semaphore(0).acquire(False, {})",
    "t.BoundedSemaphore(1).acquire(timeout={})",
    "t.Condition().wait({})",
    "t.Condition(t.Lock()).wait({})",
    "t.Condition().wait_for(lambda: 7, {})",
    "t.Condition().wait_for(lambda: 0, {})",
    "q.Queue().put(1, timeout={})",
    "q.Queue().put(1, False, {})",
    "q.Queue(1).put(1, False, {})",
    "q.Queue(1).put(1, True, {})",
    "q.Queue(1).put(1, {}, None)",
    "x = q.Queue(); x.mutex; x.put(1); x.get(True, {})",
    "x = q.Queue(1); x.mutex; x.put(1, True, {})",
    "x = q.Queue(); x.put(1); x.get(True, {})",
    "x = q.Queue(); x.put(1); x.get(False, {})",
    "x = q.Queue(); x.put(1); x.get({})",
    "x = q.PriorityQueue(); x.put(1); x.get(timeout={})",
    "q.Queue().get(False, {})",
    "q.SimpleQueue().get(False, {})",
    "x = q.SimpleQueue(); x.put(1); x.get(True, {})",
    "x = q.SimpleQueue(); x.put(1); x.get(False, {})",
    "q.SimpleQueue().put(1, True, {})",
    "t.Lock().acquire(False, {})",
    "t.Lock().acquire(True, {})",
    "t.RLock().acquire(True, {})",
]
NUMBERS = [
    "True",
    "False",
    "1",
    "0",
    "1e20",
    "t.TIMEOUT_MAX",
    "-2",
    "float('nan')",
    "float('inf')",
    "10**400",
]


@pytest.mark.parametrize("timeout", [*NUMBERS, "'1'", "[]", "object()", "None"])
@pytest.mark.parametrize("call", UNNEEDED)
def test_a_timeout_that_is_not_needed_ends_as_in_the_standard_library(call: str, timeout: str) -> None:
    if call == "t.Condition().wait_for(lambda: 0, {})" and timeout in {"True", "1"}:
        return  # the wait ends with an error after some time
    *setup, last = call.format(timeout).split("; ")
    (kind, ours), (std_kind, theirs) = (outcome(impl, "\n".join([*setup, last])) for impl in (OURS, STD))
    assert kind == std_kind
    assert ours == theirs or kind.startswith("raised ")


@pytest.mark.parametrize(
    "call",
    [
        "q.Queue().put(1, timeout=-1)",
        "q.Queue().put(1, False, -1)",
        "q.PriorityQueue().put(1, timeout=-1)",
        "q.PriorityQueue().put(1, timeout='?')",
        "q.Queue(1).put(1, timeout=-1)",
        "q.Queue(1).put(1, False, -1)",
        "q.PriorityQueue(1).put(1, False, -1)",
        "x = q.Queue(1); x.put(0); x.put(1, False, -1)",
        "x = q.PriorityQueue(1); x.put(0); x.put(1, False, -1)",
        "q.Queue().get(False, -1)",
        "q.PriorityQueue().get(False, -1)",
        "q.SimpleQueue().get(False, -1)",
        "q.SimpleQueue().put(1, True, -1)",
        "x = q.Queue(); x.put(1); x.get(True, -1)",
        "x = q.PriorityQueue(); x.put(1); x.get(True, -1)",
        "x = q.SimpleQueue(); x.put(1); x.get(True, -1)",
        "x = q.SimpleQueue(); x.put(1); x.get(False, -1)",
        "x = t.Event(); x.set(); x.wait(-1)",
        "t.Semaphore(1).acquire(timeout=-1)",
        "x = t.Condition(); x.acquire(); x.wait_for(lambda: 7, -1)",
        "t.Barrier(1).wait(-1)",
    ],
)
def test_a_negative_timeout_counts_where_it_counts_in_the_standard_library(call: str) -> None:
    *setup, last = call.split("; ")
    same("\n".join([*setup, last]))


def test_a_barriers_own_timeout_is_one_of_the_call_when_none_is_given() -> None:
    same(attempt("x = t.Barrier(2, timeout=50)\nx.wait(0.001)", "x.broken"))
    same(attempt("x = t.Barrier(2, None, 0.001)\nx.wait(None)", "x.broken"))


def test_waiting_for_a_predicate_not_at_all_looks_as_often_and_gives_the_lock_up() -> None:
    same("""
        seen = []
        x = t.Condition()
        x.acquire()
        x.wait_for(lambda: seen.append(1), 0)
        len(seen)
    """)
