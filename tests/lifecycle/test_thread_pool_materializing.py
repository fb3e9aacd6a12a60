"""A `ThreadPool` that is materialized while it is at work keeps the order, loses nothing, and ends as it should."""

from __future__ import annotations

import inspect
import multiprocessing.pool as std_pool
import threading
from collections.abc import Callable
from typing import Any

import pytest
from interlock.multiprocessing import _results
from interlock.multiprocessing.pool import ThreadPool

Passes = Callable[..., None]

LIMIT = 60


def test_what_came_before_is_done_before() -> None:
    """One worker does one call after the other, in order."""
    go = threading.Event()
    did: list[int] = []
    with ThreadPool(1) as pool:
        first = pool.apply_async(go.wait, (LIMIT,))
        results: list[Any] = [pool.apply_async(did.append, (number,)) for number in range(5)]
        results.append(pool.map_async(did.append, range(5, 10), 2))
        stream = pool.imap(did.append, iter(range(10, 15)))
        vars(pool)
        results += [pool.apply_async(did.append, (number,)) for number in range(15, 20)]
        go.set()
        for result in (first, *results):
            result.get(LIMIT)
        assert list(stream) == [None] * 5
        assert did == list(range(20))


def test_the_workers_stay_the_same_and_begin_once() -> None:
    began: list[int] = []
    with ThreadPool(2, lambda: began.append(threading.get_ident())) as pool:
        before = set(pool._pool)
        assert pool.map(abs, range(10), 1) == list(range(10))
        pool._inqueue  # type: ignore[attr-defined]  # noqa: B018
        at_once = threading.Semaphore(0)

        def call(_: int) -> int:
            assert not at_once.acquire(timeout=0.005)  # sleep: so that the other worker takes some, too
            return threading.get_ident()

        idents = {ident for results in (pool.map(call, range(20), 1),) for ident in results}
        assert set(pool._pool) == before
        assert idents <= set(began) == {thread.ident for thread in before}
        assert len(began) == 2
    pool.join()


@pytest.mark.parametrize("ends", ["close", "terminate"])
def test_callbacks_are_called_one_at_a_time_and_the_end_waits_for_them(ends: str) -> None:
    pool = ThreadPool(3)
    at_work, most, called = [0], [0], []
    go = threading.Event()

    def callback(number: int) -> None:
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        go.wait(0.002)  # sleep: so that another one could begin meanwhile
        called.append(number)
        at_work[0] -= 1

    results = [pool.apply_async(abs, (number,), callback=callback) for number in range(20)]
    vars(pool)
    results += [pool.apply_async(abs, (number,), callback=callback) for number in range(20, 40)]
    if ends == "terminate":
        for result in results:
            result.get(LIMIT)
    getattr(pool, ends)()
    pool.join()
    assert most == [1]
    assert sorted(called) == list(range(40))


def test_a_pool_that_is_materialized_after_its_end_has_ended() -> None:
    for ends in ("close", "terminate"):
        pool = ThreadPool(2)
        assert pool.apply(int) == 0
        getattr(pool, ends)()
        pool.join()
        assert pool._state == ("CLOSE" if ends == "close" else "TERMINATE")
        assert not any(thread.is_alive() for thread in pool._pool)
        assert pool._task_handler._state == "RUN"  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match="Pool not running"):
            pool.apply(int)
        pool.join()
        pool.terminate()
        pool.join()


def test_a_pool_that_is_materialized_between_its_close_and_its_end_makes_all_calls() -> None:
    go = threading.Event()
    pool = ThreadPool(2)
    results = [pool.apply_async(go.wait, (LIMIT,), callback=lambda _: None) for _ in range(5)]
    pool.close()
    vars(pool)
    go.set()
    pool.join()
    assert [result.get(0) for result in results] == [True] * 5


def test_terminate_ends_the_jobs_that_a_materialized_pool_has_in_the_engine() -> None:
    go, begun = threading.Event(), threading.Event()
    pool = ThreadPool(1)
    running = pool.apply_async(lambda: (begun.set(), go.wait(LIMIT)))
    waiting = pool.apply_async(int)
    assert begun.wait(LIMIT)
    vars(pool)
    pool.terminate()
    with pytest.raises(RuntimeError, match="the pool was terminated before it made this call"):
        waiting.get(LIMIT)
    go.set()
    assert running.get(LIMIT) == (None, True)
    pool.join()
    assert not any(thread.is_alive() for thread in pool._pool)


def test_a_waiter_goes_on_waiting_when_its_result_is_materialized() -> None:
    go = threading.Event()
    with ThreadPool(2) as pool:
        result, stream = pool.apply_async(go.wait, (LIMIT,)), pool.imap(go.wait, [LIMIT])
        got: list[Any] = []
        threads = [
            threading.Thread(target=lambda call=call: got.append(call(LIMIT)))
            for call in (result.get, result.wait, stream.next)
        ]
        for thread in threads:
            thread.start()
        assert not result._event.is_set()
        assert vars(stream)
        go.set()
        for thread in threads:
            thread.join(LIMIT)
        assert sorted(map(str, got)) == ["None", "True", "True"]


@pytest.mark.parametrize("what", ["forever", "busy"])
def test_the_interpreter_exits_with_a_materialized_pool_at_work(passes: Passes, what: str) -> None:
    passes(
        f"""
        from interlock.multiprocessing.pool import ThreadPool
        begun = threading.Semaphore(0)
        def forever():
            begun.release()
            threading.Event().wait()
        def busy():
            begun.release()
            while True:
                sum(range(1000))
        pool = ThreadPool(3)
        results = [pool.apply_async({what}) for _ in range(2)]
        vars(pool)
        results += [pool.apply_async({what}) for _ in range(5)]
        for _ in range(3):
            assert begun.acquire(timeout=60)
        """
    )


CLASSES: dict[type, type] = {
    ThreadPool: std_pool.ThreadPool,
    _results.ApplyResult: std_pool.ApplyResult,
    _results.MapResult: std_pool.MapResult,
    _results.IMapIterator: std_pool.IMapIterator,
    _results.IMapUnorderedIterator: std_pool.IMapUnorderedIterator,
}


@pytest.mark.parametrize("ours", CLASSES, ids=lambda cls: cls.__name__)
def test_what_a_class_has_beyond_the_standard_one_begins_with_our_name(ours: type) -> None:
    """So our names collide with no others. A class may also have the names of the standard library's attributes."""
    with std_pool.ThreadPool(1) as pool:
        made: list[Any] = [
            pool,
            *(pool.apply_async(int), pool.map_async(abs, [1])),
            *(pool.imap(abs, [1]), pool.imap_unordered(abs, [1])),
        ]
        made[1].wait(LIMIT)
        made[2].wait(LIMIT)
        for cls in (ours, CLASSES[ours]):
            inspect.get_annotations(cls)  # since 3.14 a class that was ever asked for them has two names more
        known = {name for one in made if type(one) is CLASSES[ours] for name in dir(one)}
    pool.join()
    assert [name for name in dir(ours) if name not in known and not name.startswith("_interlock_")] == []


def test_a_subclass_may_use_the_names_that_others_would_take() -> None:
    class Own(ThreadPool):
        def __init__(self) -> None:
            for name in ("_workers", "_starting", "_end", "_waiting", "_core", "_engine", "_jobs", "_close"):
                setattr(self, name, name)
            super().__init__(2)

        def _unfinished(self) -> str:
            return "mine"

        def _start_workers(self, _: int) -> None:
            raise AssertionError

        __hash__ = None  # type: ignore[assignment]

    with Own() as pool:
        assert not pool._interlock_is_materialized
        assert pool.map(abs, [-1, -2]) == [1, 2]
        assert (pool._workers, pool._end, pool._unfinished()) == ("_workers", "_end", "mine")  # type: ignore[attr-defined]
    pool.join()
