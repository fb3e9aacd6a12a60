"""Locks, semaphores, events and conditions without waiting threads."""

from __future__ import annotations

from itertools import repeat

from case import Body, Case
from namespaces import Namespace


def entering(context: object) -> Body:
    """``with context: pass``."""

    def body(n: int) -> None:
        for _ in repeat(None, n):
            with context:  # type: ignore[attr-defined]
                pass

    return body


def lock_with(ns: Namespace) -> Body:
    """``with lock``."""
    return entering(ns.threading.Lock())


def rlock_with(ns: Namespace) -> Body:
    """``with rlock``."""
    return entering(ns.threading.RLock())


def semaphore_with(ns: Namespace) -> Body:
    """``with semaphore``."""
    return entering(ns.threading.Semaphore(1))


def lock_calls(ns: Namespace) -> Body:
    """``lock.acquire(); lock.release()``."""
    lock = ns.threading.Lock()

    def body(n: int) -> None:
        for _ in repeat(None, n):
            lock.acquire()
            lock.release()

    return body


def event_cycle(ns: Namespace) -> Body:
    """``event.set(); event.wait(); event.clear()``."""
    event = ns.threading.Event()

    def body(n: int) -> None:
        for _ in repeat(None, n):
            event.set()
            event.wait()
            event.clear()

    return body


def condition_notify(ns: Namespace) -> Body:
    """``with condition: condition.notify()``."""
    condition = ns.threading.Condition()

    def body(n: int) -> None:
        for _ in repeat(None, n):
            with condition:
                condition.notify()

    return body


CASES = (
    Case("lock-with", "Lock, with", 1.4, lock_with, peers=("aiologic",)),
    Case("lock-calls", "Lock, acquire() + release()", 1.6, lock_calls),
    Case("rlock-with", "RLock, with", 1.9, rlock_with, peers=("fastrlock", "aiologic")),
    Case("semaphore-with", "Semaphore, with", 9, semaphore_with, peers=("aiologic",)),
    Case("event-cycle", "Event, set + wait + clear", 9, event_cycle, peers=("aiologic",)),
    Case("condition-notify", "Condition, with + notify, nobody waits", 2.5, condition_notify),
)
