"""Use of the internals of a `ThreadPool` and its results: one body, run on both libraries."""

from __future__ import annotations

import multiprocessing.pool as std_pool
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from interlock.multiprocessing import pool as our_pool

LIMIT = 60


@pytest.fixture(params=[std_pool.ThreadPool, our_pool.ThreadPool], ids=["std", "interlock"])
def make(request: pytest.FixtureRequest) -> Any:
    """Return the class to test."""
    return request.param


@pytest.fixture
def pool(make: Any) -> Iterator[Any]:
    """Return a pool of three threads."""
    pool = make(3)
    yield pool
    pool.terminate()
    pool.join()


def square(x: int) -> int:
    return x * x


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + LIMIT
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)  # sleep: between two looks
    return condition()


def works(pool: Any) -> bool:
    """Return whether all ways to use a pool give the right results."""
    called: list[Any] = []
    results = [
        pool.apply(square, (3,)) == 9,
        pool.apply_async(square, (4,), callback=called.append).get(LIMIT) == 16,
        pool.map(square, range(20), 3) == [x * x for x in range(20)],
        pool.starmap(pow, [(2, 3), (3, 2)]) == [8, 9],
        list(pool.imap(square, range(20))) == [x * x for x in range(20)],
        sorted(pool.imap_unordered(square, range(20), 3)) == [x * x for x in range(20)],
    ]
    return all(results) and called == [16]


INSIDE = [
    *("_ctx", "_inqueue", "_outqueue", "_quick_put", "_quick_get", "_taskqueue", "_change_notifier"),
    *("_cache", "_maxtasksperchild", "_initializer", "_initargs", "_processes", "_worker_handler"),
    *("_task_handler", "_result_handler", "_terminate", "_pool", "_state"),
]


@pytest.mark.parametrize("name", INSIDE)
def test_every_attribute_is_there_and_the_pool_works_afterwards(pool: Any, name: str) -> None:
    getattr(pool, name)
    assert works(pool)
    assert sorted(vars(pool)) == sorted(INSIDE)
    assert vars(pool)[name] is getattr(pool, name)
    assert works(pool)
    pool.close()
    pool.join()
    assert not any(thread.is_alive() for thread in pool._pool)


@pytest.mark.parametrize("name", INSIDE)
def test_every_attribute_can_be_set(pool: Any, name: str) -> None:
    value = getattr(pool, name)
    setattr(pool, name, value)
    assert vars(pool)[name] is value
    assert works(pool)


def test_a_job_can_be_put_where_the_pool_has_its_own(pool: Any) -> None:
    result = std_pool.ApplyResult(pool, None, None)  # type: ignore[call-arg,arg-type]
    pool._taskqueue.put(([(result._job, 0, square, (5,), {})], None))  # type: ignore[attr-defined]
    assert result.get(LIMIT) == 25
    assert eventually(lambda: not pool._cache)


def test_the_cache_has_what_is_not_done(pool: Any) -> None:
    go = threading.Event()
    pool._ctx  # noqa: B018
    results = [pool.apply_async(go.wait, (LIMIT,)) for _ in range(5)]
    assert eventually(lambda: all(result in pool._cache.values() for result in results))
    assert {pool._cache[result._job] for result in results} == set(results)
    go.set()
    assert [result.get(LIMIT) for result in results] == [True] * 5
    assert eventually(lambda: dict(pool._cache) == {})


def test_an_overridden_process_makes_the_workers(make: Any) -> None:
    made = []

    class Own(make):  # type: ignore[misc]
        @staticmethod
        def Process(ctx: Any, *args: Any, **kwargs: Any) -> Any:
            made.append(kwargs["target"])
            return make.Process(ctx, *args, **kwargs)

    with Own(2) as pool:
        assert made == [std_pool.worker] * 2  # type: ignore[attr-defined]
        assert works(pool)
    pool.join()


def test_overridden_queues_are_those_that_the_workers_use(make: Any) -> None:
    class Own(make):  # type: ignore[misc]
        def _setup_queues(self) -> None:
            super()._setup_queues()
            self._inqueue = queue.Queue()
            self._quick_put = self._put

        def _put(self, task: Any) -> None:
            self.seen = (*getattr(self, "seen", ()), task)
            self._inqueue.put(task)

    with Own(2) as pool:
        assert works(pool)
        assert len(pool.seen) > 20
    pool.join()


def test_a_hook_that_is_set_later_is_called(make: Any) -> None:
    class Own(make):  # type: ignore[misc]
        pass

    with Own(2) as pool:
        assert works(pool)
        calls = []
        guarded = make._guarded_task_generation
        Own._guarded_task_generation = lambda *args: [calls.append(args[2]), guarded(*args)][1]
        assert list(pool.imap(square, [2])) == [4]
        assert calls == [square]
        pool._check_running = lambda: calls.append("running")
        assert list(pool.imap(square, [3])) == [9]
        assert calls == [square, "running", square]
    pool.join()


def test_arguments_that_only_a_pool_of_processes_has(make: Any) -> None:
    class Own(make):  # type: ignore[misc]
        def __init__(self) -> None:
            std_pool.Pool.__init__(self, 1, maxtasksperchild=2)

    with Own() as pool:
        (first,) = pool._pool
        assert pool.map(square, [1, 2], 1) == [1, 4]
        assert eventually(lambda: not first.is_alive())
    pool.join()


def test_a_mapper_of_ones_own_is_called(pool: Any) -> None:
    def mapper(job: Any) -> list[Any]:
        function, items = job
        return ["mine", *map(function, items)][1:]

    assert pool._map_async(square, [1, 2, 3], mapper, 2).get(LIMIT) == [1, 4, 9]


def test_a_result_that_is_looked_into_before_it_is_there(pool: Any) -> None:
    go, called = threading.Event(), []
    result = pool.apply_async(go.wait, (LIMIT,), callback=called.append)
    expected = ["_cache", "_callback", "_error_callback", "_event", "_job", "_pool"]
    assert sorted(vars(result)) == expected
    assert result._pool is pool
    assert result._callback == called.append
    assert not result._event.is_set()
    with pytest.raises(AttributeError, match="'ApplyResult' object has no attribute '_value'"):
        result._value  # noqa: B018
    go.set()
    assert result._event.wait(LIMIT)
    assert result.get() is True
    assert called == [True]
    assert (result._success, result._value) == (True, True)
    assert eventually(lambda: result._pool is None)


def test_a_result_that_is_looked_into_when_it_is_there(pool: Any) -> None:
    result, failed = pool.apply_async(square, (3,)), pool.apply_async(square, ("x",))
    mapped = pool.map_async(square, range(10), 3)
    for one in (result, failed, mapped):
        one.wait(LIMIT)
        assert one._event.is_set()
        assert eventually(lambda: one._pool is None)  # noqa: B023
    assert (result._success, result._value, result.get()) == (True, 9, 9)
    assert (failed._success, type(failed._value)) == (False, TypeError)
    with pytest.raises(TypeError):
        failed.get()
    assert (mapped._number_left, mapped._chunksize) == (0, 3)
    assert mapped._value == mapped.get() == [x * x for x in range(10)]


def test_a_hook_on_a_result_is_called(pool: Any) -> None:
    go, seen = threading.Event(), []
    result = pool.apply_async(go.wait, (LIMIT,))
    usual = result._set
    result._set = lambda *args: [seen.append(args), usual(*args)]
    go.set()
    assert result.get(LIMIT) is True
    assert seen == [(0, (True, True))]


@pytest.mark.parametrize("fails", [False, True])
def test_a_map_that_is_looked_into_on_its_way(pool: Any, fails: bool) -> None:
    go, called = threading.Event(), []

    def call(x: int) -> int:
        assert go.wait(LIMIT)
        return square(x) if not fails or x != 7 else int("x")

    result = pool.map_async(call, range(11), 2, callback=called.append, error_callback=called.append)
    assert result._value == [None] * 11
    assert (result._success, result._number_left, result._chunksize) == (True, 6, 2)
    go.set()
    result.wait(LIMIT)
    assert result.ready()
    assert result.successful() is not fails
    assert result._number_left == 0
    if fails:
        with pytest.raises(ValueError, match="invalid literal"):
            result.get()
        assert [type(error) for error in called] == [ValueError]
    else:
        assert result.get() == [x * x for x in range(11)]
        assert called == [result.get()]


@pytest.mark.parametrize("kind", ["imap", "imap_unordered"])
@pytest.mark.parametrize("when", [0, 5, 10, 20])
def test_an_iterator_that_is_looked_into_on_its_way(pool: Any, kind: str, when: int) -> None:
    go = threading.Event()

    def call(x: int) -> int:
        assert x < when or go.wait(LIMIT)
        return square(x)

    results = getattr(pool, kind)(call, iter(range(20)))
    got = [results.next(LIMIT) for _ in range(min(when, 15))]
    inside = ["_cache", "_cond", "_index", "_items", "_job", "_length", "_pool", "_unsorted"]
    assert sorted(vars(results)) == inside
    assert len(got) <= results._index <= 20
    waiting = threading.Thread(target=lambda: got.append(results.next(LIMIT)))
    waiting.start()
    go.set()
    waiting.join(LIMIT)
    got += results
    assert (sorted(got) if kind == "imap_unordered" else got) == [x * x for x in range(20)]
    assert (results._index, results._length) == (20, 20)
    assert eventually(lambda: results._pool is None)


def test_an_iterator_that_fails_when_it_is_materialized(pool: Any) -> None:
    def broken() -> Iterator[int]:
        yield 1
        assert go.wait(LIMIT)
        raise KeyError("broken")

    go = threading.Event()
    results = pool.imap(square, broken())
    results._cond  # noqa: B018
    go.set()
    assert next(results) == 1
    with pytest.raises(KeyError, match="broken"):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_reading_how_many_there_are_leaves_a_pool_as_it_is() -> None:
    with our_pool.ThreadPool(2) as pool:
        counts = len(pool._pool), pool._taskqueue.qsize(), pool._taskqueue.empty(), len(pool._cache)
        assert counts == (2, 0, True, 0)
        assert not pool._cache
        assert (pool._state, pool._processes) == ("RUN", 2)
        assert not pool._interlock_is_materialized
        assert eventually(lambda: list(pool._cache) == [])
        assert pool._interlock_is_materialized


def test_a_loop_of_the_workers_that_a_program_has_replaced_runs(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs do that to prepare each thread, or to count them."""
    usual, begun = std_pool.worker, []  # type: ignore[attr-defined]

    def worker(*args: Any, **kwargs: Any) -> None:
        begun.append(threading.current_thread())
        usual(*args, **kwargs)

    monkeypatch.setattr(std_pool, "worker", worker)
    with make(2) as pool:
        assert works(pool)
        assert begun == pool._pool
    monkeypatch.undo()
    with make(2) as pool:
        assert works(pool)
        assert len(begun) == 2
