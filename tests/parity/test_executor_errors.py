"""`ThreadPoolExecutor`: errors and shutdown."""

from __future__ import annotations

import concurrent.futures as std
import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures.thread import BrokenThreadPool
from typing import Any
from unittest import mock

import pytest

from tests.lifecycle.inside import eventually
from tests.parity.judge import OURS, Gate, Implementation

Make = Callable[..., Any]
AFTER_SHUTDOWN = r"^cannot schedule new futures after shutdown$"


@pytest.fixture
def make(impl: Implementation) -> Make:
    """Return the class of executor."""
    return impl.futures.ThreadPoolExecutor  # type: ignore[no-any-return]


def test_a_failing_initializer_breaks_the_pool(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    begun, go = threading.Event(), threading.Event()

    def fail() -> None:
        begun.set()
        go.wait(60)
        raise ValueError("not today")

    with make(1, initializer=fail) as pool:
        futures = [pool.submit(int) for _ in range(3)]
        assert begun.wait(60)
        go.set()
        for future in futures:
            with pytest.raises(BrokenThreadPool, match=r"^A thread initializer failed"):
                future.result(60)
        with pytest.raises(BrokenThreadPool, match=r"^A thread initializer failed"):
            pool.submit(int)
        with pytest.raises(BrokenThreadPool):
            pool.map(int, ["1"])
        assert pool._broken
    assert caplog.messages == ["Exception in initializer:"]
    assert isinstance(caplog.records[0].exc_info[1], ValueError)  # type: ignore[index]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, BaseException, GeneratorExit, ValueError])
def test_whatever_a_task_raises_is_its_result(make: Make, kind: type[BaseException]) -> None:
    def fail() -> None:
        raise kind("out")

    with make(1) as pool:
        future = pool.submit(fail)
        assert isinstance(future.exception(60), kind)
        with pytest.raises(kind, match="out"):
            future.result()
        assert pool.submit(int).result(60) == 0
        assert len(pool._threads) == 1
        with pytest.raises(kind):
            next(pool.map(lambda _: fail(), [1]))


def test_a_callback_that_raises_leaves_the_pool_at_work(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Any) -> None:
        raise ValueError("from a callback")

    gate, seen = Gate(), []
    with make(1) as pool:
        future = pool.submit(gate, 4)
        future.add_done_callback(fail)
        future.add_done_callback(lambda _: seen.append(threading.current_thread().name))
        gate.open.set()
        assert future.result(60) == 4
        assert pool.submit(int).result(60) == 0
    assert seen == [thread.name for thread in pool._threads]
    assert len(caplog.records) == 1


def test_a_callback_may_submit(make: Make) -> None:
    gate, inner = Gate(), []
    with make(1) as pool:
        future = pool.submit(gate)
        future.add_done_callback(lambda _: inner.append(pool.submit(pow, 2, 3)))
        gate.open.set()
        future.result(60)
        eventually(lambda: inner, "the callback")
        assert inner[0].result(60) == 8


def test_a_task_may_submit(make: Make) -> None:
    with make(1) as pool:
        assert pool.submit(lambda: pool.submit(pow, 2, 3)).result(60).result(60) == 8


def test_nothing_is_taken_after_shutdown(make: Make) -> None:
    for used in (True, False):
        pool = make(1)
        if used:
            pool.submit(int)
        pool.shutdown()
        pool.shutdown(wait=False)
        for call, *arguments in ((pool.submit, int), (pool.map, abs, [1])):
            with pytest.raises(RuntimeError, match=AFTER_SHUTDOWN):
                call(*arguments)
        assert list(pool.map(abs, [])) == []
        assert pool._shutdown is True


def test_shutdown_from_inside(make: Make) -> None:
    pool = make(2)
    said: list[Any] = []

    def end() -> None:
        pool.shutdown(wait=False)
        try:
            pool.submit(int)
        except RuntimeError as error:
            said.append(str(error))
        pool.shutdown(wait=True)

    with pytest.raises(RuntimeError, match="cannot join current thread"):
        pool.submit(end).result(60)
    assert said == ["cannot schedule new futures after shutdown"]
    pool.shutdown()


def test_what_waits_is_done_after_shutdown(make: Make) -> None:
    gate, pool = Gate(), make(1)
    futures = [pool.submit(gate, n) for n in range(4)]
    gate.wait_for(1)
    pool.shutdown(wait=False)
    assert not any(future.done() for future in futures)
    gate.open.set()
    pool.shutdown()
    assert [future.result(0) for future in futures] == [0, 1, 2, 3]
    assert not any(thread.is_alive() for thread in pool._threads)


def test_what_waits_is_cancelled_if_wanted(make: Make) -> None:
    gate, pool = Gate(), make(1)
    futures = [pool.submit(gate, n) for n in range(4)]
    gate.wait_for(1)
    assert futures[3].cancel()
    pool.shutdown(wait=False, cancel_futures=True)
    assert [future.cancelled() for future in futures] == [False, True, True, True]
    gate.open.set()
    pool.shutdown(cancel_futures=True)
    assert futures[0].result(0) == 0


def test_watchers_learn_what_shutdown_cancels() -> None:
    """The standard library lets them wait for ever."""
    gate, pool = Gate(), OURS.futures.ThreadPoolExecutor(1)
    futures = [pool.submit(gate, n) for n in range(4)]
    gate.wait_for(1)
    pool.shutdown(wait=False, cancel_futures=True)
    assert OURS.futures.wait(futures[1:], 60).done == set(futures[1:])
    gate.open.set()
    pool.shutdown()


def test_a_cancelled_task_does_not_run(make: Make) -> None:
    gate, ran = Gate(), []
    with make(1) as pool:
        pool.submit(gate)
        gate.wait_for(1)
        future = pool.submit(ran.append, 1)
        assert future.cancel()
        gate.open.set()
        assert std.wait([future], 60).done == {future}
    assert ran == []


def test_an_executor_that_is_collected_ends_its_workers(make: Make) -> None:
    pool = make(3)
    gate = Gate()
    futures = [pool.submit(gate, n) for n in range(5)]
    gate.wait_for(3)
    threads, ref = list(pool._threads), weakref.ref(pool)
    del pool
    gc.collect()
    assert ref() is None
    gate.open.set()
    assert [future.result(60) for future in futures] == [0, 1, 2, 3, 4]
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_idle_workers_end_with_their_executor(make: Make) -> None:
    pool = make(2)
    pool.submit(int).result(60)
    threads = list(pool._threads)
    del pool
    gc.collect()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_a_thread_that_can_not_be_started_is_not_counted(impl: Implementation) -> None:
    pool = impl.futures.ThreadPoolExecutor(1)
    refusal = RuntimeError("can't start new thread")
    with (
        mock.patch.object(threading.Thread, "start", side_effect=refusal),
        mock.patch.object(impl.threading.Thread, "start", side_effect=refusal),
        pytest.raises(RuntimeError, match="can't start new thread"),
    ):
        pool.submit(int)
    assert not pool._threads
    assert pool.submit(pow, 2, 3).result(60) == 8
    pool.shutdown()


def test_a_future_that_somebody_else_ended_stops_no_worker(caplog: pytest.LogCaptureFixture) -> None:
    """The standard library's worker ends; ours logs the same and continues."""
    gate = Gate()
    with OURS.futures.ThreadPoolExecutor(1) as pool:
        first, second = pool.submit(gate), pool.submit(int)
        gate.wait_for(1)
        first.set_result("mine")
        second.set_result("mine, too")
        gate.open.set()
        assert pool.submit(pow, 2, 3).result(60) == 8
    assert (first.result(), second.result()) == ("mine", "mine, too")
    assert [message for message in caplog.messages if message == "Exception in worker"] == [
        "Exception in worker"
    ] * 2


def test_a_submit_that_meets_a_shutdown_is_run_or_refused() -> None:
    """shutdown() is called when the task is in the queue and its worker does not exist yet."""
    kind = OURS.futures.ThreadPoolExecutor
    pool, usual = kind(2), kind._interlock_start_worker
    there, go = threading.Event(), threading.Event()

    def held_up(self: Any) -> bool:
        if self is pool and threading.current_thread() is submitter:
            there.set()
            go.wait(60)
        return usual(self)  # type: ignore[no-any-return]

    futures: list[Any] = []
    submitter = threading.Thread(target=lambda: futures.append(pool.submit(pow, 2, 3)))
    with mock.patch.object(kind, "_interlock_start_worker", held_up):
        submitter.start()
        assert there.wait(60)
        pool.shutdown(wait=True)
        assert pool._work_queue.qsize() == 0
        go.set()
        submitter.join(60)
    assert futures[0].result(0) == 8
    eventually(lambda: not any(thread.is_alive() for thread in pool._threads), "the workers gone")
