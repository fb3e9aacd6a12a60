"""Less common cases: waits with a zero timeout, unneeded timeouts, queries, and creating a lock."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import Any

from case import Body, Case, Prepare
from namespaces import Namespace


def calling(make: Callable[[Namespace], Callable[[], object]]) -> Prepare:
    """Call the function that ``make`` returns, again and again."""

    def prepare(ns: Namespace) -> Body:
        call = make(ns)

        def body(n: int) -> None:
            for _ in repeat(None, n):
                call()

        return body

    return prepare


def held_lock(ns: Namespace) -> Callable[[], object]:
    """``lock.acquire(timeout=0)`` on a held lock."""
    lock = ns.threading.Lock()
    lock.acquire()
    return lambda: lock.acquire(timeout=0)


def unset_event(ns: Namespace) -> Callable[[], object]:
    """``event.wait(0)`` on an event that is not set."""
    event = ns.threading.Event()
    return lambda: event.wait(0)


def quiet_condition(ns: Namespace) -> Callable[[], object]:
    """``condition.wait(0)``."""
    condition = ns.threading.Condition()
    condition.acquire()
    return lambda: condition.wait(0)


def used_up_semaphore(ns: Namespace) -> Callable[[], object]:
    """``semaphore.acquire(timeout=0)`` on a semaphore without permits."""
    semaphore = ns.threading.Semaphore(0)
    return lambda: semaphore.acquire(timeout=0)


def empty_queue(ns: Namespace) -> Body:
    """``queue.get(timeout=0)`` on an empty queue."""
    return refused(ns.queue.Queue().get, ns.queue.Empty, timeout=0)


def pending_future(ns: Namespace) -> Body:
    """``future.result(0)`` on an unfinished future."""
    return refused(ns.futures.Future().result, ns.futures.TimeoutError, timeout=0)


def refused(call: Callable[..., object], error: type[Exception], **arguments: Any) -> Body:
    """Make a call that raises each time."""

    def body(n: int) -> None:
        for _ in repeat(None, n):
            try:
                call(**arguments)
            except error:
                pass
            else:
                raise AssertionError(f"it should have raised {error.__name__}")

    return body


def timeout_not_needed(ns: Namespace) -> Body:
    """``queue.put(1); queue.get(timeout=1)`` on a SimpleQueue."""
    q = ns.queue.SimpleQueue()

    def body(n: int) -> None:
        for _ in repeat(None, n):
            q.put(1)
            q.get(timeout=1)

    return body


CASES = (
    Case("lock-poll", "Lock, acquire(timeout=0), held", 1.0, calling(held_lock)),
    Case("event-poll", "Event, wait(0), not set", 1.0, calling(unset_event)),
    Case("condition-poll", "Condition, wait(0)", 1.0, calling(quiet_condition)),
    Case("semaphore-poll", "Semaphore, acquire(timeout=0), no permit", 1.0, calling(used_up_semaphore)),
    Case("queue-poll", "Queue, get(timeout=0), empty", 1.0, empty_queue),
    Case("future-poll", "Future, result(0), not done", 1.0, pending_future),
    Case("simple-timeout", "SimpleQueue, put + get(timeout=1)", 1.0, timeout_not_needed),
    Case("lock-make", "Lock, creating one", 1.0, calling(lambda ns: ns.threading.Lock)),
    Case("lock-locked", "Lock, locked()", 1.0, calling(lambda ns: ns.threading.Lock().locked)),
)
