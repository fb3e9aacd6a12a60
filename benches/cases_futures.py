"""Futures and thread pools: submitting, mapping, waiting, and the memory of a waiting task."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any

from case import Body, Case, Probe
from cases_scale import resident_bytes
from crew import together
from namespaces import Namespace

WORKERS = 4
BURST = 20_000
MANY = 10_000
FEEDERS, SHARE = 64, 200
WAITING = 200_000


def nothing(_item: object = None) -> None:
    """The trivial task."""


def submit_all(ns: Namespace) -> Body:
    """Call submit() 20,000 times, then every result()."""
    pool = ns.futures.ThreadPoolExecutor(WORKERS)
    run_all: Any = getattr(pool, "run_all", None)

    def body(n: int) -> None:
        for _ in repeat(None, n // BURST):
            if run_all is not None:
                run_all(nothing, BURST)
            else:
                burst(pool, BURST)

    return body


def burst(pool: Any, n: int) -> None:
    """Submit `n` calls, then take their results."""
    futures = [pool.submit(nothing) for _ in repeat(None, n)]
    for future in futures:
        future.result()


def map_all(ns: Namespace) -> Body:
    """``list(pool.map(nothing, 20,000 items))``."""
    pool = ns.futures.ThreadPoolExecutor(WORKERS)
    items = range(BURST)

    def body(n: int) -> None:
        for _ in repeat(None, n // BURST):
            if len(list(pool.map(nothing, items))) != BURST:
                raise AssertionError("map() gave another number of results")

    return body


def submit_each(ns: Namespace) -> Body:
    """``pool.submit(nothing).result()``, again and again."""
    pool = ns.futures.ThreadPoolExecutor(WORKERS)
    if hasattr(pool, "run_each"):
        return partial(pool.run_each, nothing)

    def body(n: int) -> None:
        submit = pool.submit
        for _ in repeat(None, n):
            submit(nothing).result()

    return body


def completed_finished(ns: Namespace) -> Body:
    """as_completed() over 10,000 finished futures."""
    futures = [ns.futures.Future() for _ in repeat(None, MANY)]
    for future in futures:
        future.set_result(None)
    return partial(run_through, ns.futures.as_completed, lambda: futures)


def completed_live(ns: Namespace) -> Body:
    """as_completed() over the futures of 10,000 calls submitted just before, including the time to submit them."""
    pool = ns.futures.ThreadPoolExecutor(WORKERS)
    return partial(
        run_through, ns.futures.as_completed, lambda: [pool.submit(nothing) for _ in repeat(None, MANY)]
    )


def run_through(as_completed: Callable[..., Any], make: Callable[[], list[Any]], n: int) -> None:
    """Take all futures as they complete."""
    for _ in repeat(None, n // MANY):
        count = 0
        for _future in as_completed(make()):
            count += 1
        if count != MANY:
            raise AssertionError(f"as_completed() gave {count} of {MANY} futures")


def callback(ns: Namespace) -> Body:
    """``f = Future(); f.add_done_callback(nothing); f.set_result(1)``."""
    future_class = ns.futures.Future

    def body(n: int) -> None:
        for _ in repeat(None, n):
            future = future_class()
            future.add_done_callback(nothing)
            future.set_result(1)

    return body


def chunked_map(ns: Namespace) -> Body:
    """``ThreadPool.map(nothing, 20,000 items)``, which the pool cuts into chunks."""
    pool = ns.pool.ThreadPool(WORKERS)
    items = range(BURST)

    def body(n: int) -> None:
        for _ in repeat(None, n // BURST):
            pool.map(nothing, items)

    return body


def imap_unordered(ns: Namespace) -> Body:
    """``ThreadPool.imap_unordered(nothing, 20,000 items)``, one by one."""
    pool = ns.pool.ThreadPool(WORKERS)
    items = range(BURST)

    def body(n: int) -> None:
        for _ in repeat(None, n // BURST):
            if sum(1 for _ in pool.imap_unordered(nothing, items, chunksize=1)) != BURST:
                raise AssertionError("imap_unordered() gave another number of results")

    return body


def start_stop(ns: Namespace) -> Body:
    """``with ThreadPoolExecutor() as pool: pool.submit(nothing).result()``."""

    def body(n: int) -> None:
        for _ in repeat(None, n):
            with ns.futures.ThreadPoolExecutor(WORKERS) as pool:
                pool.submit(nothing).result()

    return body


def many_feeders(ns: Namespace) -> Body:
    """64 threads repeatedly submit 200 calls each to 2 workers and take the results."""
    pool = ns.futures.ThreadPoolExecutor(2)

    def feed(rounds: int) -> None:
        for _ in repeat(None, rounds):
            burst(pool, SHARE)

    return lambda n: together(*[partial(feed, n // (FEEDERS * SHARE))] * FEEDERS)


def waiting_tasks(ns: Namespace, quick: bool) -> float:
    """Bytes of the resident set for each of 200,000 calls that wait for a worker."""
    del quick
    pool = ns.futures.ThreadPoolExecutor(1)
    gate = threading.Event()
    began = threading.Event()
    for _ in repeat(None, 1_000):  # so that first-time allocations are not counted
        pool.submit(nothing).result()
    pool.submit(began.set)
    pool.submit(gate.wait)
    began.wait()
    gc.collect()
    before = resident_bytes()
    for _ in repeat(None, WAITING):
        pool.submit(nothing)
    used = resident_bytes() - before
    gate.set()
    pool.shutdown()
    return used / WAITING


def memory_growth(ns: Namespace, quick: bool) -> float:
    """The largest growth of the resident set over 10 million calls (standard library: 1 million), in KiB.

    At most 1,000 calls wait: Interlock's pool has that limit; the standard library's pool gets 1,000 calls at a time.
    """
    own = ns.name == "interlock"
    total = 10_000_000 if own else 1_000_000
    total //= 10 if quick else 1
    pool = ns.futures.ThreadPoolExecutor(2, **({"max_pending": 1_000} if own else {}))
    churn = stream if own else portions
    churn(pool, total // 10)
    gc.collect()
    before = resident_bytes()
    most = 0
    for _ in range(10):
        churn(pool, total // 10)
        most = max(most, resident_bytes() - before)
    pool.shutdown()
    return most / 1024


def stream(pool: Any, calls: int) -> None:
    """Submit all calls, and wait until they are done."""
    for _ in repeat(None, calls - 1):
        pool.submit(nothing)
    pool.submit(nothing).result()


def portions(pool: Any, calls: int) -> None:
    """Submit the calls, a thousand at a time."""
    for _ in repeat(None, calls // 1_000):
        burst(pool, 1_000)


_SUBMIT_PEERS = ("pebble", "anyio")
_MAP_PEERS = ("pebble", "joblib")

CASES = (
    Case(
        "pool-submit",
        "20,000 submits, then every result, each",
        25,
        submit_all,
        peers=_SUBMIT_PEERS,
        multiple=BURST,
    ),
    Case("pool-map", "map of 20,000 items, each", 25, map_all, peers=_MAP_PEERS, multiple=BURST),
    Case("pool-one", "submit + result, one at a time", 3, submit_each, peers=_SUBMIT_PEERS, least=500),
    Case("completed-done", "as_completed, 10,000 finished, each", 5, completed_finished, multiple=MANY),
    Case("completed-live", "submit + as_completed, 10,000, each", 15, completed_live, multiple=MANY),
    Case("future-callback", "Future + add_done_callback + set_result", 8, callback),
    Case("threadpool-map", "ThreadPool.map of 20,000 items, each", 1.2, chunked_map, multiple=BURST),
    Case(
        "threadpool-imap",
        "ThreadPool.imap_unordered of 20,000 items, each",
        5,
        imap_unordered,
        multiple=BURST,
    ),
    Case("pool-start", "start a pool, one task, shut it down", 1, start_stop, peers=("pebble",)),
    Case(
        "pool-feeders",
        "2 workers, 64 threads submit 200 each, each task",
        10,
        many_feeders,
        peers=("pebble",),
        multiple=FEEDERS * SHARE,
        sample_ms=200,
    ),
    Probe("pool-waiting", "200,000 waiting tasks, each", 2, waiting_tasks, "bytes", "ratio", rounds=3),
    Probe(
        "pool-flat", "bounded pool, 10 million tasks, memory growth", 1024, memory_growth, "KiB", "at most"
    ),
)
