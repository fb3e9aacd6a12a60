"""Features of the executor beyond the standard library."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, InvalidStateError
from concurrent.futures.thread import BrokenThreadPool
from functools import partial
from typing import Any
from unittest import mock

import interlock
import interlock.threading
import pytest
from interlock.concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait

from tests.lifecycle.inside import eventually
from tests.parity.judge import Gate


def test_a_subclass_may_have_other_arguments(gate: Gate) -> None:
    class Small(ThreadPoolExecutor):
        def __init__(self, max_pending: str) -> None:
            super().__init__(1, max_pending=len(max_pending), block=False)

    with Small("--") as pool:
        pool.submit(gate)
        gate.wait_for(1)
        pool.submit(int), pool.submit(int)
        with pytest.raises(queue.Full):
            pool.submit(int)
        gate.open.set()


@pytest.mark.parametrize("return_exceptions", [False, True])
def test_map_over_what_has_no_end(return_exceptions: bool) -> None:
    taken = itertools.count()
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(
            lambda n: n * n, taken, buffersize=5, return_exceptions=return_exceptions, timeout=60
        )
        assert list(itertools.islice(results, 100)) == [n * n for n in range(100)]
        results.close()  # type: ignore[attr-defined]
        assert next(taken) == 5 + 100
        assert list(pool.map(pow, range(3), [2] * 9, buffersize=50)) == [0, 1, 4]
        assert list(pool.map(pow, [], [], buffersize=1)) == []


@pytest.mark.parametrize(
    ("size", "kind"), [(0, ValueError), (-1, ValueError), ("5", TypeError), (1.0, TypeError)]
)
def test_a_buffersize_that_is_none(one: ThreadPoolExecutor, size: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="buffersize must be"):
        one.map(int, [1], buffersize=size)


@pytest.mark.parametrize("how", [{}, {"buffersize": 2}, {"buffersize": 9}])
def test_exceptions_as_results(one: ThreadPoolExecutor, how: dict[str, int]) -> None:
    def fail(n: int) -> int:
        if n == 3:
            raise SystemExit(n)
        return 6 // n

    said = list(one.map(fail, [1, 0, 2, 3, 6], return_exceptions=True, **how))
    assert [said[0], said[2], said[4]] == [6, 3, 1]
    assert [type(said[1]), type(said[3])] == [ZeroDivisionError, SystemExit]
    results = one.map(fail, [1, 0, 2], **how)
    assert next(results) == 6
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []


@pytest.mark.parametrize("how", [{}, {"buffersize": 2}])
def test_a_map_that_times_out_raises_in_any_case(one: ThreadPoolExecutor, gate: Gate, how: Any) -> None:
    results = one.map(gate, range(3), timeout=0.01, return_exceptions=True, **how)
    with pytest.raises(TimeoutError):
        next(results)
    assert list(results) == []


def test_a_graph_of_calls_on_one_worker(one: ThreadPoolExecutor, gate: Gate) -> None:
    one.submit(gate)
    a, b = one.submit(lambda: 2), one.submit(lambda: 3)
    p = one.call(lambda x, y: x + y, a, b)
    q = one.call(lambda x, y: x * y, a, y=b)
    r = one.call(lambda x, y: x - y, q, p)
    assert not r.done()
    gate.open.set()
    assert (p.result(60), q.result(60), r.result(60)) == (5, 6, 1)
    assert one.call(pow, a, 5).result(60) == 32
    assert one.call(lambda: 7).result(60) == 7


def test_after_others_in_any_order(one: ThreadPoolExecutor) -> None:
    order: list[str] = []
    first, second = Future(), Future()
    last = one.after(first).after(second, first).submit(order.append, "last")
    second.set_result(None)
    assert one.submit(order.append, "other").result(60) is None
    first.set_result(None)
    assert last.result(60) is None
    assert order == ["other", "last"]
    assert one.after().submit(pow, 2, 3).result(60) == 8
    assert list(one.after(first).map(abs, [-1, -2])) == [1, 2]
    with pytest.raises(TypeError, match=r"^not a future: 7$"):
        one.after(first, 7)


def test_dependencies_from_elsewhere(one: ThreadPoolExecutor, gate: Gate) -> None:
    import concurrent.futures as std

    with std.ThreadPoolExecutor(1) as theirs, ThreadPoolExecutor(1) as ours:
        x, y = theirs.submit(gate, 4), ours.submit(gate, 5)
        total = one.call(lambda *numbers: sum(numbers), x, y, 6)
        gate.wait_for(2)
        assert not total.done()
        gate.open.set()
        assert total.result(60) == 15


ENDS: dict[str, Callable[[Any], object]] = {
    "cancelled": lambda x: x.cancel(),
    "failed": lambda x: x.set_exception(KeyError("dep")),
    "failed at exit": lambda x: x.set_exception(SystemExit("dep")),
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("end", ENDS)
def test_a_failure_is_passed_on(one: ThreadPoolExecutor, end: str, when: str) -> None:
    first, never, ran = Future(), Future(), []
    if when == "before":
        ENDS[end](first)
    call = one.call(ran.append, first)
    behind = one.after(call, never).submit(ran.append, 2)
    if when == "after":
        assert not call.done()
        ENDS[end](first)
    assert wait([call, behind], 60).not_done == set()
    assert list(as_completed([behind, call], 20))
    for future in (call, behind):
        if end == "cancelled":
            assert future.cancelled()
        else:
            assert future.exception() is first.exception()
    never.set_result(1)
    one.submit(int).result(60)
    assert ran == []


@pytest.mark.parametrize("end", [*ENDS, "finished"])
def test_a_chain_of_any_length(one: ThreadPoolExecutor, end: str, caplog: pytest.LogCaptureFixture) -> None:
    """The end of a chain propagates without nesting a call for each link."""
    first, length = Future(), 3000
    calls = [first]
    for _ in range(length):
        calls.append(one.call(lambda value: value + 1, calls[-1]))
    ENDS.get(end, lambda x: x.set_result(0))(first)
    assert wait(calls[1:], 60).not_done == set()
    if end == "cancelled":
        assert all(call.cancelled() for call in calls)
    elif end == "finished":
        assert calls[-1].result() == length
    else:
        assert {call.exception() for call in calls} == {first.exception()}
    assert not caplog.records


def test_a_callback_in_a_long_chain_that_raises_stops_nothing(
    one: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Any) -> None:
        raise SystemExit

    calls = [Future()]
    for _ in range(100):
        calls.append(one.call(abs, calls[-1]))
    for number in (5, 50):
        calls[number].add_done_callback(fail)
    with pytest.raises(SystemExit):
        calls[0].cancel()
    assert all(call.cancelled() for call in calls)
    assert caplog.messages == ["Exception in a callback"]


@pytest.mark.parametrize("looked_into", [False, True])
def test_a_callback_that_exits_keeps_no_call_waiting(
    one: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture, looked_into: bool
) -> None:
    """Later callbacks are not called, as in the standard library."""

    def fail(number: int, _: Any) -> None:
        raise SystemExit(number)

    first, heard = Future(), []
    if looked_into:
        assert first._condition
    first.add_done_callback(partial(fail, 1))
    first.add_done_callback(heard.append)
    call, cancelled = one.call(pow, first, 2), one.call(pow, first, 3)
    cancelled.add_done_callback(partial(fail, 2))
    first.add_done_callback(heard.append)
    with pytest.raises(SystemExit, match="1"):
        first.cancel()
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["2"]
    assert call.cancelled()
    assert cancelled.cancelled()
    assert heard == []


def test_the_time_before_a_callback_that_exits_counts_as_busy(
    one: ThreadPoolExecutor, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Any) -> None:
        raise SystemExit

    future = one.submit(gate)
    gate.wait_for(1)
    future.add_done_callback(fail)
    begin = time.monotonic()
    eventually(lambda: time.monotonic() > begin + 0.02, "some time")
    gate.open.set()
    one.submit(int).result(60)
    assert sum(one.stats().busy.values()) >= 0.02
    assert caplog.messages == ["Exception in worker"]


def test_a_call_that_waits_can_be_cancelled(one: ThreadPoolExecutor) -> None:
    first, ran = Future(), []
    call = one.after(first).submit(ran.append, 1)
    assert call.cancel()
    assert wait([call], 60).done == {call}
    with pytest.raises(InvalidStateError):
        call.set_result(1)
    first.set_result(1)
    one.submit(int).result(60)
    assert ran == []


@contextlib.contextmanager
def without_new_threads() -> Iterator[None]:
    refusal = RuntimeError("can't start new thread")
    with contextlib.ExitStack() as patches:
        for kind in (interlock.threading.Thread, threading.Thread):
            patches.enter_context(mock.patch.object(kind, "start", side_effect=refusal))
        yield


def test_a_held_call_for_which_no_thread_can_be_started_fails(one: ThreadPoolExecutor) -> None:
    first, ran = Future(), []
    with without_new_threads():
        held = one.after(first).submit(ran.append, 1)
        first.set_result(None)
    assert isinstance(held.exception(0), RuntimeError)
    assert str(held.exception(0)) == "can't start new thread"
    assert one.submit(pow, 2, 3).result(60) == 8
    assert ran == []
    eventually(lambda: one.stats()[:4] == (2, 0, 0, 2), "the counts")


def test_a_held_call_is_made_by_another_worker_if_no_further_one_can_be_started(gate: Gate) -> None:
    with ThreadPoolExecutor(2) as pool:
        pool.submit(gate)
        gate.wait_for(1)
        first = Future()
        held = pool.after(first).submit(pow, 2, 3)
        with without_new_threads():
            first.set_result(None)
        assert not held.done()
        gate.open.set()
        assert held.result(60) == 8


@pytest.mark.parametrize("workers", [0, 1])
def test_a_held_call_of_an_executor_with_an_own_queue_harms_no_worker(
    gate: Gate, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    with ThreadPoolExecutor(2) as pool:
        pool._work_queue = queue.SimpleQueue()
        for _ in range(workers):
            pool.submit(gate)
        gate.wait_for(workers)
        first, ran = Future(), []
        held = pool.after(first).submit(ran.append, 1)
        with without_new_threads():
            first.set_result(None)
        assert str(held.exception(0)) == "can't start new thread"
        gate.open.set()
        assert pool.submit(pow, 2, 3).result(60) == 8
    assert ran == []
    assert not caplog.messages


def test_shutdown_waits_for_held_calls(gate: Gate) -> None:
    with ThreadPoolExecutor(1) as other:
        pool = ThreadPoolExecutor(1)
        held = pool.call(pow, other.submit(gate, 2), 5)
        then = pool.call(pow, held, 2)
        ender = threading.Thread(target=pool.shutdown)
        ender.start()
        eventually(lambda: pool._shutdown, "the shutdown")
        for refused in (pool.submit, pool.after(held).submit, pool.call, pool.at(priority=1).submit):
            with pytest.raises(RuntimeError, match="after shutdown"):
                refused(int)
        gate.open.set()
        ender.join(60)
        assert (held.result(0), then.result(0)) == (32, 1024)
        assert not any(thread.is_alive() for thread in pool._threads)


def test_shutdown_without_waiting_keeps_held_calls() -> None:
    first, pool = Future(), ThreadPoolExecutor(1)
    held = pool.call(pow, first, 5)
    pool.shutdown(wait=False)
    first.set_result(2)
    assert held.result(60) == 32
    pool.shutdown()


def test_shutdown_cancels_held_calls_and_does_not_wait_for_what_they_wait_for() -> None:
    never, pool = Future(), ThreadPoolExecutor(1)
    held = pool.call(pow, never, 5)
    then = pool.call(pow, held, 5)
    pool.shutdown(cancel_futures=True)
    assert held.cancelled()
    assert then.cancelled()
    assert wait([held, then], 60).not_done == set()
    never.set_result(2)


def test_a_held_call_cancelled_by_hand_holds_no_shutdown_up() -> None:
    never, pool = Future(), ThreadPoolExecutor(1)
    held = pool.call(pow, never, 5)
    held.cancel()
    pool.shutdown()
    assert held.cancelled()


def test_a_held_call_needs_no_room(gate: Gate) -> None:
    """The submitting worker would have to make the room itself."""
    for block in (True, False):
        with ThreadPoolExecutor(1, max_pending=1, block=block) as pool:
            running = Gate()
            first = pool.submit(running, 4)
            running.wait_for(1)
            held = [pool.call(pow, first, n) for n in range(3)]
            second = pool.submit(pow, 2, 2)
            running.open.set()
            assert [x.result(60) for x in held] == [1, 4, 16]
            assert second.result(60) == 4


def test_a_held_call_of_a_broken_pool_fails() -> None:
    first, pool = Future(), ThreadPoolExecutor(1, initializer=divmod, initargs=(1, 0))
    held = pool.call(pow, first, 2)
    with pytest.raises(BrokenThreadPool):
        pool.submit(int).result(60)
    first.set_result(2)
    with pytest.raises(BrokenThreadPool):
        held.result(60)
    pool.shutdown()


def test_held_calls_with_a_queue_of_their_own() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool._work_queue = queue.Queue(2)
        assert pool.call(pow, pool.submit(pow, 2, 2), 3).result(60) == 64


def test_the_smallest_number_comes_first(one: ThreadPoolExecutor, gate: Gate) -> None:
    order: list[int] = []
    one.submit(gate)
    gate.wait_for(1)
    futures = [one.at(priority=n).submit(order.append, n) for n in (3, 0, -5, 3, 1)]
    futures.append(one.submit(order.append, 0))
    futures.append(one.at(priority=9).at(timeout=60).call(order.append, 9))
    gate.open.set()
    wait(futures)
    assert order == [-5, 0, 0, 1, 3, 3, 9]
    with pytest.raises(TypeError, match=r"^priority must be an integer, not str$"):
        one.at(priority="1")  # type: ignore[arg-type]
    with pytest.raises(OverflowError):
        one.at(priority=1 << 70).submit(int)


def test_a_running_task_learns_of_its_cancel(one: ThreadPoolExecutor) -> None:
    begun = threading.Event()
    seen: list[Any] = []

    def work() -> None:
        task = interlock.current_task()
        assert task is not None
        seen.append((task.cancelled, task.future, task.raise_if_cancelled()))
        begun.set()
        eventually(lambda: task.cancelled, "the cancel")
        task.raise_if_cancelled()

    future = one.submit(work)
    assert begun.wait(60)
    assert future.cancel() is False
    with pytest.raises(CancelledError):
        future.result(60)
    assert seen == [(False, future, None)]
    assert future.cancelled() is False
    assert isinstance(future.exception(), CancelledError)


def test_there_is_a_current_task_only_in_a_task(one: ThreadPoolExecutor) -> None:
    def work() -> list[Any]:
        inner = threading.Thread(target=lambda: seen.append(interlock.current_task()))
        seen: list[Any] = [interlock.current_task().future]  # type: ignore[union-attr]
        inner.start()
        inner.join()
        return seen

    future = one.submit(work)
    assert future.result(60) == [future, None]
    assert interlock.current_task() is None
    said: list[Any] = []
    future = one.submit(int)
    future.add_done_callback(lambda _: said.append(interlock.current_task()))
    one.submit(int).result(60)
    assert said == [None]
