"""Threads that meet: hand-offs, barriers, starts, timers, and contended locks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any

from case import Body, Case
from crew import together
from namespaces import Namespace


def queue_ping_pong(ns: Namespace) -> Body:
    """Two threads, two queues: a round trip is one operation."""
    there, back = ns.queue.Queue(), ns.queue.Queue()

    def serve(n: int) -> None:
        for _ in repeat(None, n):
            there.put(1)
            back.get()

    def answer(n: int) -> None:
        for _ in repeat(None, n):
            there.get()
            back.put(1)

    return lambda n: together(partial(serve, n), partial(answer, n))


def condition_ping_pong(ns: Namespace) -> Body:
    """Two threads take turns on one condition: both turns are one operation."""
    condition = ns.threading.Condition()
    turn = 0

    def play(me: int, n: int) -> None:
        nonlocal turn
        for _ in repeat(None, n):
            with condition:
                while turn != me:
                    condition.wait()
                turn = 1 - me
                condition.notify()

    return lambda n: together(partial(play, 0, n), partial(play, 1, n))


def barrier_cycle(ns: Namespace) -> Body:
    """Two threads meet at one barrier: a meeting is one operation."""
    barrier = ns.threading.Barrier(2)

    def meet(n: int) -> None:
        for _ in repeat(None, n):
            barrier.wait()

    return lambda n: together(partial(meet, n), partial(meet, n))


def over_its_events(body: Body) -> Callable[[Namespace], Body]:
    """Run a body that uses `threading.Thread` with the events of a namespace, as after ``install()``."""

    def prepare(ns: Namespace) -> Body:
        def patched(n: int) -> None:
            usual = threading.Event
            threading.Event = ns.threading.Event  # type: ignore[misc]
            try:
                body(n)
            finally:
                threading.Event = usual  # type: ignore[misc]

        return patched

    return prepare


def thread_start(n: int) -> None:
    """``t = Thread(target=nothing); t.start(); t.join()``."""
    for _ in repeat(None, n):
        thread = threading.Thread(target=nothing)
        thread.start()
        thread.join()


def timer_cancel(n: int) -> None:
    """``t = Timer(60, nothing); t.start(); t.cancel(); t.join()``."""
    for _ in repeat(None, n):
        timer = threading.Timer(60, nothing)
        timer.start()
        timer.cancel()
        timer.join()


def nothing() -> None:
    """The function that the threads and timers run."""


def contended(threads: int) -> Callable[[Namespace], Body]:
    """``with lock: count += 1`` in that many threads; an increment is one operation."""

    def prepare(ns: Namespace) -> Body:
        lock: Any = ns.threading.Lock()
        count = 0

        def increment(n: int) -> None:
            nonlocal count
            for _ in repeat(None, n):
                with lock:
                    count += 1

        def body(n: int) -> None:
            before = count
            together(*[partial(increment, n // threads)] * threads)
            if count - before != n:
                raise AssertionError(f"{n} increments under one lock counted {count - before}")

        return body

    return prepare


CASES = (
    Case("pingpong-queue", "ping-pong of 2 threads over 2 Queues", 3, queue_ping_pong, peers=("aiologic",)),
    Case("pingpong-condition", "ping-pong of 2 threads over a Condition", 3, condition_ping_pong),
    Case("barrier-2", "Barrier of 2, each cycle", 3, barrier_cycle, peers=("aiologic",)),
    Case("thread-start", "Thread, start + join", 1, over_its_events(thread_start)),
    Case("timer-cancel", "Timer, start + cancel + join", 1, over_its_events(timer_cancel)),
    Case(
        "lock-contended-2",
        "one Lock, 2 threads, each increment",
        1.2,
        contended(2),
        multiple=2,
        least=50_000,
        sample_ms=50,
        peers=("aiologic",),
    ),
    # With the GIL, a thread runs for 5 ms at a time: 8 threads need 200 ms to get five turns each.
    Case(
        "lock-contended-8",
        "one Lock, 8 threads, each increment",
        1.2,
        contended(8),
        multiple=8,
        least=100_000,
        sample_ms=200,
        peers=("aiologic",),
    ),
)
