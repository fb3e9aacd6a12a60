"""`ThreadPoolExecutor`: workers, submitting, map(), shutting down, and use of its private parts."""

from __future__ import annotations

import concurrent.futures as std
import gc
import queue
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest import mock

import pytest

from tests.builds import frees_at_once
from tests.lifecycle.inside import eventually
from tests.parity.judge import Gate, Implementation, same

Make = Callable[..., Any]


@pytest.fixture
def make(impl: Implementation) -> Make:
    """Return the class of executor."""
    return impl.futures.ThreadPoolExecutor  # type: ignore[no-any-return]


def test_calls_and_their_results(make: Make) -> None:
    with make(3) as pool:
        assert pool.submit(pow, 2, 10).result() == 1024
        assert pool.submit(dict, a=1, fn=2, self=3).result() == {"a": 1, "fn": 2, "self": 3}
        assert pool.submit(int).result(60) == 0
        assert isinstance(pool.submit(divmod, 1, 0).exception(), ZeroDivisionError)
        with pytest.raises(TypeError):
            pool.submit()
        with pytest.raises(TypeError):
            pool.submit(fn=int)
        assert type(pool.submit(7).exception()) is TypeError
    assert isinstance(pool, std.ThreadPoolExecutor)
    assert isinstance(pool, std.Executor)


@pytest.mark.parametrize("number", ["0", "-1", "'4'", "None", "2.0", "1.5", "True", "[]"])
def test_the_number_of_workers(number: str) -> None:
    same(f"""
        x = f.ThreadPoolExecutor({number})
        with x: x.submit(int).result(60)
        x._max_workers >= 1, len(x._threads)
    """)


def test_refused_arguments() -> None:
    for call in ("1, 'a', 7", "1, initializer='x'", "1, no=2"):
        same(f"""
            try: said = f.ThreadPoolExecutor({call})
            except (TypeError, ValueError) as error: said = type(error)
            said
        """)


def test_workers_are_started_one_by_one_and_used_again(make: Make) -> None:
    gate = Gate()
    with make(3) as pool:
        assert pool._threads == set()
        for number in (1, 2, 3, 3, 3):
            pool.submit(gate)
            assert len(pool._threads) == number
        gate.wait_for(3)
        assert pool._work_queue.qsize() == 2
        assert not pool._work_queue.empty()
        gate.open.set()
    pool = make(5)
    for _ in range(20):
        pool.submit(int).result()
        eventually(lambda: idle(pool), "the worker idle")
    assert len(pool._threads) == 1
    pool.shutdown()


def idle(pool: Any) -> bool:
    """Return whether its only worker would take the next task."""
    return not hasattr(pool, "_idle_semaphore") or pool._idle_semaphore._value > 0


def test_names_of_workers(make: Make) -> None:
    with make(2, "mine") as pool:
        assert pool.submit(lambda: threading.current_thread().name).result() == "mine_0"
    with make(1) as pool, make(1) as other:
        names = [one.submit(lambda: threading.current_thread().name).result() for one in (pool, other)]
        numbers = [name.removeprefix("ThreadPoolExecutor-").removesuffix("_0") for name in names]
        assert int(numbers[0]) + 1 == int(numbers[1])
        assert pool._thread_name_prefix + "_0" == names[0]
        thread = next(iter(pool._threads))
        assert (thread.name, thread.is_alive(), thread.daemon) == (names[0], True, False)
        assert thread in threading.enumerate()


def test_each_worker_is_initialized_once(make: Make) -> None:
    seen: list[Any] = []
    gate = Gate()

    def initialize(*args: Any) -> None:
        seen.append((threading.current_thread(), args))

    with make(3, initializer=initialize, initargs=(1, 2)) as pool:
        for _ in range(3):
            pool.submit(gate)
        gate.wait_for(3)
        gate.open.set()
    assert {thread for thread, _ in seen} == pool._threads
    assert [args for _, args in seen] == [(1, 2)] * 3


def test_more_workers_later(make: Make) -> None:
    gate = Gate()
    with make(1) as pool:
        for _ in range(4):
            pool.submit(gate)
        assert len(pool._threads) == 1
        pool._max_workers = 3
        for number in (2, 3, 3):
            pool.submit(gate)
            assert len(pool._threads) == number
        gate.wait_for(3)
        gate.open.set()
        assert pool._max_workers == 3


def test_the_queue_can_be_looked_into(make: Make) -> None:
    gate = Gate()
    with make(1) as pool:
        first = pool.submit(gate)
        gate.wait_for(1)
        futures = [pool.submit(pow, n, 2) for n in range(4)]
        assert pool._work_queue.qsize() == 4
        item = pool._work_queue.get_nowait()
        call = (
            item.task if hasattr(item, "task") else (item.fn, item.args, item.kwargs)
        )  # from 3.14 on: one task
        assert (item.future, call) == (futures[0], (pow, (0, 2), {}))
        assert pool._work_queue.get(block=True).future is futures[1]
        pool._work_queue.put(item)
        gate.open.set()
        assert [futures[n].result(60) for n in (0, 2, 3)] == [0, 4, 9]
        assert not futures[1].done()
        assert first.done()
        eventually(pool._work_queue.empty, "the queue empty")
        with pytest.raises(queue.Empty):
            pool._work_queue.get_nowait()


def test_a_bounded_queue_in_its_place(make: Make) -> None:
    gate = Gate()
    pool = make(2)
    pool._work_queue = own = queue.Queue(maxsize=3)
    futures = [pool.submit(gate, n) for n in range(2)]
    gate.wait_for(2)
    futures += [pool.submit(pow, n, 2) for n in range(3)]
    assert pool._work_queue is own
    assert own.full()
    late: list[Any] = []
    submitter = threading.Thread(target=lambda: late.append(pool.submit(pow, 9, 2)))
    submitter.start()
    gate.open.set()
    submitter.join(60)
    assert [x.result(60) for x in futures + late] == [0, 1, 0, 1, 4, 81]
    assert list(pool.map(abs, [-1, 2])) == [1, 2]
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(int)


def test_a_queue_may_be_put_in_its_place_when_workers_are_there(make: Make) -> None:
    """Workers keep the queue for which they were started, in the standard library, too."""
    pool = make(2)
    gate = Gate()
    earlier = [pool.submit(gate, n) for n in range(4)]
    workers = list(pool._threads)
    before, pool._work_queue = pool._work_queue, queue.Queue()
    gate.open.set()
    assert [x.result(60) for x in earlier] == [0, 1, 2, 3]
    pool._max_workers = 3
    while pool._idle_semaphore.acquire(timeout=0):
        pass  # an idle worker does not look at the new queue
    assert pool.submit(pow, 2, 3).result(60) == 8
    pool._shutdown = True
    before.put(None)
    for thread in workers:
        thread.join(60)
    pool.shutdown()
    assert not [thread for thread in pool._threads if thread.is_alive()]


def test_a_class_that_starts_its_threads_itself() -> None:
    same("""
        import concurrent.futures.thread as inside, weakref
        class Own(f.ThreadPoolExecutor):
            def _adjust_thread_count(self):
                if len(self._threads) < self._max_workers:
                    x = std.Thread(target=inside._worker, args=(
                        weakref.ref(self), self._work_queue, self._initializer, self._initargs))
                    x.start()
                    self._threads.add(x)
        with Own(2) as x:
            said = [x.submit(pow, 2, n).result(60) for n in range(3)]
        said, len(x._threads)
    """)


@pytest.mark.parametrize("name", ["run", "__init__"])
def test_a_method_of_the_work_items_that_a_program_replaces_is_called(name: str) -> None:
    """Agents do that, to time each call or to carry something along; also before the executor is imported."""
    same(f"""
        import concurrent.futures.thread as inside
        usual, called = inside._WorkItem.{name}, []
        def wrapped(item, *args, **kwargs):
            called.append(type(item).__name__)
            return usual(item, *args, **kwargs)
        inside._WorkItem.{name} = wrapped
        try:
            with f.ThreadPoolExecutor(1) as x:
                said = x.submit(pow, 2, 3).result(60), list(x.map(abs, [-1, -2]))
        finally:
            inside._WorkItem.{name} = usual
        with f.ThreadPoolExecutor(1) as x:
            said, called, x.submit(pow, 2, 4).result(60)
    """)


def test_map_calls_an_overridden_submit(make: Make) -> None:
    calls: list[Any] = []

    class Heard(make):  # type: ignore[valid-type,misc]
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            calls.append(args)
            return super().submit(fn, *args, **kwargs)

    with Heard(2) as pool:
        assert list(pool.map(abs, [-1, -2])) == [1, 2]
        pool.submit = lambda fn, *args: calls.append("patched") or Heard.submit(pool, fn, *args)
        assert list(pool.map(abs, [-3])) == [3]
    assert calls == [(-1,), (-2,), "patched", (-3,)]


def test_map_submits_by_a_method_that_is_put_into_the_class(impl: Implementation) -> None:
    """Tracers do this for every executor of the process."""
    kind, traced = impl.futures.ThreadPoolExecutor, []
    submit = kind.submit

    def wrapper(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        traced.append(args)
        return submit(self, fn, *args, **kwargs)

    with mock.patch.object(kind, "submit", wrapper), kind(1) as pool:
        assert list(pool.map(abs, [-1, 2])) == [1, 2]
    assert traced == [(-1,), (2,)]
    assert kind.submit is submit


def test_map_gives_results_in_order(make: Make) -> None:
    with make(4) as pool:
        assert list(pool.map(pow, range(30), [2] * 40)) == [n * n for n in range(30)]
        assert list(pool.map(abs, [])) == list(pool.map(abs)) == []
        assert list(pool.map(abs, iter([-1]), chunksize=10)) == [1]
        results = pool.map(divmod, [4, 1, 9], [2, 0, 3], timeout=60)
        assert next(results) == (2, 0)
        with pytest.raises(ZeroDivisionError):
            next(results)
        assert list(results) == []


def test_map_times_out(make: Make) -> None:
    gate = Gate()
    with make(1) as pool:
        results = pool.map(gate, range(3), timeout=0.01)
        gate.wait_for(1)
        with pytest.raises(TimeoutError):
            next(results)
        assert list(results) == []
        gate.open.set()
    assert not gate.arrived.acquire(blocking=False)  # the others were cancelled


def leave(results: Iterator[Any], how: str) -> None:
    """Take no more results."""
    if "begun" in how:
        next(results)
    if "closed" in how:
        results.close()  # type: ignore[attr-defined]
        assert list(results) == []


@pytest.mark.parametrize("how", ["begun, closed", "begun, dropped", "closed", "dropped"])
def test_a_map_that_is_left_cancels_the_rest_if_it_was_begun(make: Make, how: str) -> None:
    gate, ran = Gate(), []

    def work(n: int) -> None:
        ran.append(n)
        if n:
            gate()

    with make(1) as pool:
        results = pool.map(work, range(4))
        if "begun" in how:
            leave(results, "begun")
            gate.wait_for(1)
        leave(results, how.removeprefix("begun, "))
        del results
        gc.collect()
        gate.open.set()
    assert ran == ([0, 1] if "begun" in how else [0, 1, 2, 3])


def test_a_map_that_fails_halfway_submits_what_came_before(make: Make) -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("no more")

    seen: list[int] = []
    with make(1) as pool, pytest.raises(ValueError, match="no more"):
        pool.map(seen.append, items())
    assert seen == [1, 2]


@frees_at_once
def test_what_a_task_was_given_and_gave_is_let_go_of(make: Make) -> None:
    class Thing:
        pass

    def refs(*things: Any) -> list[weakref.ref[Any]]:
        return [weakref.ref(thing) for thing in things]

    def use(argument: Thing, *, other: Thing) -> Thing:
        return Thing()

    gc.disable()
    try:
        with make(1) as pool:
            argument, other, function = Thing(), Thing(), partial(use)
            given = refs(argument, other, function)
            future = pool.submit(function, argument, other=other)
            del argument, other, function
            result = refs(future.result())
            eventually(lambda: [ref() for ref in given] == [None] * 3, "the arguments are released")
            assert result[0]() is not None
            whole = refs(future)
            del future
            eventually(lambda: whole[0]() is None and result[0]() is None, "the future is released")

            mapped = pool.map(lambda _: Thing(), range(3))
            first = refs(next(mapped))
            assert first[0]() is None
            mapped.close()
    finally:
        gc.enable()


@frees_at_once
def test_the_exception_of_a_task_is_let_go_of(make: Make) -> None:
    class Thing:
        pass

    class Failed(Exception):
        pass

    def fail(thing: Thing) -> None:
        raise Failed(thing)

    gc.disable()
    try:
        with make(1) as pool:
            thing = Thing()
            ref = weakref.ref(thing)
            future = pool.submit(fail, thing)
            del thing
            with pytest.raises(Failed):
                future.result(60)
            del future
            eventually(lambda: ref() is None, "the exception is released")
    finally:
        gc.enable()
