"""Executors with a limit on waiting calls, and calls with a time limit."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import CancelledError
from typing import Any

import interlock
import pytest
from interlock.concurrent.futures import Future, ThreadPoolExecutor, _clock, wait

from tests.lifecycle.inside import eventually, until_blocked
from tests.parity.judge import Gate


def test_a_full_executor_refuses(gate: Gate) -> None:
    with ThreadPoolExecutor(1, max_pending=2, block=False) as pool:
        futures = [pool.submit(gate)]
        gate.wait_for(1)
        futures += [pool.submit(int) for _ in range(2)]
        for submit in (pool.submit, pool.at(priority=-1).submit):
            with pytest.raises(queue.Full):
                submit(int)
        assert pool.stats().submitted == 3
        gate.open.set()
        wait(futures)
        assert pool.submit(pow, 2, 3).result(60) == 8


def test_a_full_executor_has_submit_wait(gate: Gate) -> None:
    with ThreadPoolExecutor(1, max_pending=2) as pool:
        futures, natives = [pool.submit(gate)], []
        gate.wait_for(1)

        def submit() -> None:
            natives.append(threading.get_native_id())
            futures.extend(pool.submit(pow, n, 2) for n in range(20))

        submitter = threading.Thread(target=submit)
        submitter.start()
        eventually(lambda: pool.stats().waiting == 2, "the executor full")
        until_blocked(natives)
        assert len(futures) == 3
        gate.open.set()
        submitter.join(60)
        assert [future.result(60) for future in futures[1:]] == [n * n for n in range(20)]
        assert list(pool.map(abs, range(-50, 0))) == list(range(50, 0, -1))


@pytest.mark.parametrize("how", ["by hand", "in time", "by hand, materialized"])
def test_a_cancelled_call_gives_up_its_place(gate: Gate, how: str) -> None:
    with ThreadPoolExecutor(1, max_pending=1) as pool:
        pool.submit(gate)
        gate.wait_for(1)
        waiting = pool.at(timeout=0.01 if how == "in time" else 1000).submit(int)
        said: list[Any] = []

        def submit() -> None:
            said.append(threading.get_native_id())
            said.append(pool.submit(pow, 2, 3))

        submitter = threading.Thread(target=submit)
        submitter.start()
        if how != "in time":
            eventually(lambda: said, "the submitter")
            until_blocked(said[:1])
        if how == "by hand, materialized":
            assert waiting._condition
        if how != "in time":
            assert waiting.cancel()
            assert waiting._state == "CANCELLED_AND_NOTIFIED"
        submitter.join(60)
        assert wait([waiting], 60).done == {waiting}
        assert waiting.cancelled()
        assert pool.stats()[:3] == (3, 1, 1)
        gate.open.set()
        assert said[1].result(60) == 8


def test_a_worker_does_not_wait_for_room_at_its_own_executor() -> None:
    """Otherwise all workers might wait, and there would never be room."""
    with ThreadPoolExecutor(2, max_pending=1) as pool:

        def split(n: int) -> list[Future]:
            return [pool.submit(pow, n, 2) for _ in range(50)]

        for n, futures in enumerate(
            [future.result(60) for future in [pool.submit(split, n) for n in range(4)]]
        ):
            assert [future.result(60) for future in futures] == [n * n] * 50
    refusing = ThreadPoolExecutor(1, max_pending=1, block=False)
    with refusing, pytest.raises(queue.Full):
        refusing.submit(lambda: [refusing.submit(int) for _ in range(2)]).result(60)


def test_an_initializer_does_not_wait_for_room_either() -> None:
    with ThreadPoolExecutor(1, max_pending=1, initializer=lambda: pool.submit(int)) as pool:
        assert pool.submit(pow, 2, 3).result(60) == 8


@pytest.mark.parametrize("looked_into", [False, True])
def test_a_callback_that_exits_leaves_no_place_taken(gate: Gate, looked_into: bool) -> None:
    def fail(_: Any) -> None:
        raise SystemExit

    with ThreadPoolExecutor(1, max_pending=1) as pool:
        pool.submit(gate)
        gate.wait_for(1)
        waiting = pool.submit(int)
        if looked_into:
            assert waiting._condition
        waiting.add_done_callback(fail)
        with pytest.raises(SystemExit):
            waiting.cancel()
        assert waiting._state == "CANCELLED_AND_NOTIFIED"
        assert pool.stats().waiting == 0
        gate.open.set()


@pytest.mark.parametrize("looked_into", [False, True])
def test_a_cancelled_call_is_told_once(gate: Gate, looked_into: bool) -> None:
    with ThreadPoolExecutor(1, max_pending=1) as pool:
        pool.submit(gate)
        gate.wait_for(1)
        waiting = pool.submit(int)
        if looked_into:
            assert waiting._condition
        waiting.add_done_callback(Future._interlock_cancel_at_once)  # as the clock may do at that moment
        assert waiting.cancel()
        assert waiting._state == "CANCELLED_AND_NOTIFIED"
        gate.open.set()


def test_a_shutdown_ends_the_wait_for_room(gate: Gate) -> None:
    pool = ThreadPoolExecutor(1, max_pending=1)
    said: list[Any] = []
    pool.submit(gate)
    gate.wait_for(1)
    pool.submit(int)

    def submit() -> None:
        said.append(threading.get_native_id())
        try:
            pool.submit(int)
        except RuntimeError as error:
            said.append(str(error))

    submitter = threading.Thread(target=submit)
    submitter.start()
    eventually(lambda: said, "the submitter")
    until_blocked(said[:1])
    pool.shutdown(wait=False)
    submitter.join(60)
    assert said[1:] == ["cannot schedule new futures after shutdown"]
    gate.open.set()
    pool.shutdown()


@pytest.mark.parametrize(
    ("bound", "kind"), [(0, ValueError), (-1, ValueError), ("2", TypeError), (1.5, TypeError)]
)
def test_a_bound_that_is_none(bound: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        ThreadPoolExecutor(1, max_pending=bound)


@pytest.mark.parametrize(
    ("timeout", "kind"),
    [
        (-1, ValueError),
        (float("nan"), ValueError),
        (float("inf"), OverflowError),
        ("1", TypeError),
        (1j, TypeError),
    ],
)
def test_a_time_limit_that_is_none(one: ThreadPoolExecutor, timeout: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        one.at(timeout=timeout)
    with pytest.raises(kind):
        one.at().at(timeout=timeout)
    assert one.stats().submitted == 0


def test_a_waiting_call_is_cancelled_in_time(one: ThreadPoolExecutor, gate: Gate) -> None:
    one.submit(gate)
    gate.wait_for(1)
    held = one.after(Future()).at(timeout=0).submit(int)
    waiting = one.at(timeout=0.001).submit(int)
    late = one.at(timeout=1000).submit(pow, 2, 3)
    for future in (held, waiting):
        with pytest.raises(CancelledError):
            future.result(60)
    assert wait([held], 60).done == {held}
    gate.open.set()
    assert late.result(60) == 8


def test_a_running_call_is_asked_to_stop_in_time(one: ThreadPoolExecutor) -> None:
    def work() -> str:
        task = interlock.current_task()
        assert task is not None
        eventually(lambda: task.cancelled, "the time over")
        with pytest.raises(CancelledError):
            task.raise_if_cancelled()
        return "stopped"

    future = one.at(timeout=0.01).submit(work)
    assert future.result(60) == "stopped"
    assert not future.cancelled()


def test_the_clock_forgets_what_is_done(one: ThreadPoolExecutor, gate: Gate) -> None:
    alarms = _clock._alarms
    before = len(alarms)
    futures = [one.at(timeout=1000).submit(gate) for _ in range(100)]
    assert len(alarms) == before + 100
    futures[-1].cancel()
    gate.open.set()
    wait(futures, 60)
    eventually(lambda: len(alarms) == before, "the end of the alarms")


def test_the_clock_outlives_a_callback_that_raises(
    one: ThreadPoolExecutor, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Any) -> None:
        raise SystemExit

    one.submit(gate)
    gate.wait_for(1)
    first = one.at(timeout=0.01).submit(int)
    first.add_done_callback(fail)
    second = one.at(timeout=0.02).submit(int)
    for future in (first, second):
        with pytest.raises(CancelledError):
            future.result(60)
    eventually(lambda: caplog.records, "the log")
    assert caplog.records[0].getMessage().startswith("Exception in a callback of <Future at 0x")
