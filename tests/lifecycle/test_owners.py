"""What an observer is told of threads that wait for futures: which workers run these, where each of them is needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from interlock import threading
from interlock._interlock import _refuse_waits, _waits
from interlock.concurrent import futures

from tests.parity.judge import Gate


@pytest.fixture(autouse=True)
def observed() -> Iterator[None]:
    _waits()
    yield
    _refuse_waits(0)


def _owners(waiter: threading.Thread) -> set[int] | None:
    """The threads that the waiter's wait for futures names; None if there is no such wait."""
    for thread, kind, owners in _waits():
        if thread == waiter.ident and kind == "Outcome":
            return set(owners)
    return None


def _named(wait: Callable[[list[Any]], object], tasks: int, done: int = 0) -> tuple[int, int]:
    """Return how many workers a wait for running tasks names, and how many of these do not run one.

    `done` further tasks have ended before.
    """
    gate = Gate()
    with futures.ThreadPoolExecutor(tasks) as pool:
        ended = [pool.submit(int) for _ in range(done)]
        assert [future.result() for future in ended] == [0] * done
        running = [pool.submit(gate, number) for number in range(tasks)]
        gate.wait_for(tasks)
        workers = {thread.ident for thread in pool._threads}
        waiter = threading.Thread(target=wait, args=([*ended, *running],))
        waiter.start()
        try:
            while (owners := _owners(waiter)) is None:
                time.sleep(0.001)  # sleep: between two looks
        finally:
            gate.open.set()
            waiter.join()
    return len(owners), len(owners - workers)


@pytest.mark.parametrize("done", [0, 2])
def test_a_wait_for_all_futures_names_all_their_workers(done: int) -> None:
    assert _named(futures.wait, 3, done) == (3, 0)


@pytest.mark.parametrize("until", [futures.FIRST_COMPLETED, futures.FIRST_EXCEPTION])
def test_a_wait_that_one_of_several_ends_names_none(until: str) -> None:
    assert _named(lambda waited: futures.wait(waited, return_when=until), 2) == (0, 0)
    assert _named(lambda waited: futures.wait(waited, return_when=until), 1) == (1, 0)


def test_as_completed_names_the_worker_of_the_last_future() -> None:
    assert _named(lambda waited: list(futures.as_completed(waited)), 2) == (0, 0)
    assert _named(lambda waited: list(futures.as_completed(waited)), 1, done=2) == (1, 0)


def test_a_result_names_its_worker() -> None:
    assert _named(lambda waited: waited[0].result(), 2) == (1, 0)


def test_a_future_that_no_worker_has_begun_names_none() -> None:
    waiter = threading.Thread(target=futures.wait, args=([future := futures.Future()],))
    waiter.start()
    while (owners := _owners(waiter)) is None:
        time.sleep(0.001)  # sleep: between two looks
    future.set_result(1)
    waiter.join()
    assert owners == set()


@pytest.mark.parametrize(
    ("kind", "begin", "end"),
    [
        ("Semaphore", lambda: threading.Semaphore(0), lambda x: x.release()),
        ("Event", threading.Event, lambda x: x.set()),
        ("Barrier", lambda: threading.Barrier(2), lambda x: x.wait()),
    ],
)
def test_what_any_thread_may_end_names_none(
    kind: str, begin: Callable[[], Any], end: Callable[[Any], object]
) -> None:
    x = begin()
    waiter = threading.Thread(target=x.acquire if kind == "Semaphore" else x.wait)
    waiter.start()
    while not (waits := [wait for wait in _waits() if wait[0] == waiter.ident and wait[1] == kind]):
        time.sleep(0.001)  # sleep: between two looks
    end(x)
    waiter.join()
    assert [owners for _, _, owners in waits] == [[]]
