"""Memory, thousands of waiters, fairness: one number per process."""

from __future__ import annotations

import gc
import resource
import threading
import time
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

from case import Probe
from crew import together
from namespaces import Namespace

WAITERS = 2_000
IDLE = 100_000


def resident_bytes() -> int:
    """Return the resident set of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def memory_growth(ns: Namespace, quick: bool) -> float:
    """The largest growth of the resident set over 10 million puts and gets of fresh objects, in KiB."""
    q = ns.queue.Queue()
    total = 1_000_000 if quick else 10_000_000
    churn(q, 200_000)
    gc.collect()
    before = resident_bytes()
    most = 0
    for _ in range(10):
        churn(q, total // 10)
        most = max(most, resident_bytes() - before)
    return most / 1024


def churn(q: Any, items: int) -> None:
    """Put and get that many fresh objects, a thousand at a time."""
    for _ in repeat(None, items // 1_000):
        for _ in repeat(None, 1_000):
            q.put(object())
        for _ in repeat(None, 1_000):
            q.get()


def idle_locks(ns: Namespace, quick: bool) -> float:
    """Bytes of the resident set for each of 100,000 locks that no thread has acquired."""
    del quick
    make = ns.threading.Lock
    first = [make() for _ in range(1_000)]  # so that first-time allocations are not counted
    kept: list[Any] = [None] * IDLE
    gc.collect()
    before = resident_bytes()
    for index in range(IDLE):
        kept[index] = make()
    used = resident_bytes() - before
    del first
    return used / len(kept)


def wake_all(ns: Namespace, quick: bool) -> float:
    """Milliseconds from notify_all until the last of 2,000 waiting threads has left wait()."""
    del quick
    threading.stack_size(256 * 1024)
    condition = ns.threading.Condition()
    waiting = woken = 0
    all_wait = threading.Event()
    finished = 0

    def wait() -> None:
        nonlocal waiting, woken, finished
        with condition:
            waiting += 1
            if waiting == WAITERS:
                all_wait.set()
            condition.wait()
            woken += 1
            if woken == WAITERS:
                finished = time.perf_counter_ns()

    threads = [threading.Thread(target=wait, daemon=True) for _ in range(WAITERS)]
    for thread in threads:
        thread.start()
    all_wait.wait()
    with condition:  # the last thread set the event before wait() released the lock, so now it waits, too
        start = time.perf_counter_ns()
        condition.notify_all()
    for thread in threads:
        thread.join()
    return (finished - start) / 1e6


def fairness(ns: Namespace, quick: bool) -> float:
    """The fewest acquisitions by one of 8 threads that compete for one lock, relative to the mean."""
    lock = ns.threading.Lock()
    served = [0] * 8
    stop = False

    def fight(index: int) -> None:
        count = 0
        while not stop:
            with lock:
                count += 1
        served[index] = count

    def referee() -> None:
        nonlocal stop
        time.sleep(1 if quick else 5)  # the length of the competition, which is the subject
        stop = True

    together(*[partial(fight, index) for index in range(8)], referee)
    return min(served) / (sum(served) / 8)


CASES = (
    Probe(
        "memory-flat", "Queue, 10 million puts and gets, memory growth", 1024, memory_growth, "KiB", "at most"
    ),
    Probe("idle-locks", "100,000 idle Locks, each", 1.0, idle_locks, "bytes", "ratio"),
    Probe("notify-2000", "Condition, notify_all to 2,000 threads", 0.5, wake_all, "ms", "ratio", rounds=5),
    Probe("fairness-8", "one Lock, 8 threads, fewest acquisitions / mean", 0.25, fairness, "", "at least"),
)
