"""`multiprocessing.pool.ThreadPool`: one body, run on the standard library and on Interlock."""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.pool as std_pool
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from interlock.multiprocessing import dummy as our_dummy
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


def absolute(x: int) -> int:
    return abs(x)


class Absolute:
    """A bound method written in Python."""

    def of(self, x: int) -> int:
        return abs(x)


def raising(x: Any) -> Any:
    raise KeyError(x)


def broken(total: int, when: int) -> Iterator[int]:
    for number in range(total):
        if number == when:
            raise KeyError("broken")
        yield number


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + LIMIT
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)  # sleep: between two looks
    return condition()


class Sized:
    """An iterable with a length and an iterator of its own."""

    def __init__(self, says: int, gives: Iterator[Any]) -> None:
        self.says, self.gives = says, gives

    def __len__(self) -> int:
        return self.says

    def __iter__(self) -> Iterator[Any]:
        return self.gives


def test_the_class_is_one_of_the_standard_library(make: Any, pool: Any) -> None:
    assert issubclass(make, std_pool.ThreadPool)
    assert isinstance(pool, std_pool.Pool)
    assert isinstance(pool.apply_async(square, (1,)), std_pool.AsyncResult)
    assert isinstance(pool.map_async(square, [1]), std_pool.MapResult)
    assert isinstance(pool.imap(square, [1]), std_pool.IMapIterator)
    assert isinstance(pool.imap_unordered(square, [1]), std_pool.IMapUnorderedIterator)
    assert repr(pool) == "<multiprocessing.pool.ThreadPool state=RUN pool_size=3>"
    assert repr(pool.apply_async(square, (1,))).startswith("<multiprocessing.pool.ApplyResult object at 0x")


@pytest.mark.parametrize("chunksize", [None, 1, 2, 7, 100, 1000])
@pytest.mark.parametrize("length", [0, 1, 2, 11, 100])
def test_map_gives_the_results_in_order(pool: Any, length: int, chunksize: int | None) -> None:
    expected = [x * x for x in range(length)]
    for items in (range(length), list(range(length)), tuple(range(length)), iter(range(length))):
        assert pool.map(square, items, chunksize) == expected
    assert pool.map(square, dict.fromkeys(range(length)), chunksize) == expected
    assert pool.map_async(square, range(length), chunksize).get(LIMIT) == expected
    pairs = [(x, 2) for x in range(length)]
    assert pool.starmap(pow, pairs, chunksize) == expected
    assert pool.starmap_async(pow, [list(pair) for pair in pairs], chunksize).get(LIMIT) == expected


@pytest.mark.parametrize("chunksize", [1, 2, 7, 100])
@pytest.mark.parametrize("length", [0, 1, 2, 11, 100])
def test_imap(pool: Any, length: int, chunksize: int) -> None:
    expected = [x * x for x in range(length)]
    assert list(pool.imap(square, range(length), chunksize)) == expected
    assert sorted(pool.imap_unordered(square, iter(range(length)), chunksize)) == expected


def test_ranges_of_all_kinds(pool: Any) -> None:
    small = (range(10, 0, -3), range(2**62, 2**62 + 5), range(-5, 5, 4), range(2**63 - 20, 2**63 - 1, 7))
    long = (range(-200, 1000), range(2**63, 2**63 - 3000, -3))
    for numbers in (*small, *long, range(2**80, 2**80 + 3)):
        for function in (abs, absolute, Absolute().of):
            for chunksize in (None, 1, 130):
                assert pool.map(function, numbers, chunksize) == [abs(x) for x in numbers]


def test_apply(pool: Any) -> None:
    assert pool.apply(int, ("11",), {"base": 2}) == 3
    assert pool.apply(square, [4]) == 16
    assert pool.apply(dict, (), {"a": 1}) == {"a": 1}
    with pytest.raises(KeyError):
        pool.apply(raising, (1,))
    for wrong in ((square, 1), (square, (1,), 1), (1,)):
        with pytest.raises(TypeError):
            pool.apply(*wrong)


def test_a_result_before_and_after_it_is_there(pool: Any) -> None:
    go = threading.Event()
    result = pool.apply_async(go.wait, (LIMIT,))
    assert not result.ready()
    with pytest.raises(ValueError, match=r"<multiprocessing.pool.ApplyResult object at 0x\w+> not ready"):
        result.successful()
    for timeout in (0, 0.01, -1):
        with pytest.raises(multiprocessing.TimeoutError):
            result.get(timeout)
        assert result.wait(timeout) is None
    go.set()
    assert result.wait() is None
    assert result.ready()
    assert result.successful()
    assert result.get() is result.get(timeout=0) is True
    failed = pool.apply_async(raising, (1,))
    failed.wait(LIMIT)
    assert not failed.successful()
    with pytest.raises(KeyError):
        failed.get()


@pytest.mark.parametrize("size", [1, 200])
def test_a_chunk_of_calls_that_raise_in_the_middle(pool: Any, size: int) -> None:
    def call(x: int) -> int:
        if x == 150:
            raise KeyError(x)
        return x

    items = list(range(300))
    with pytest.raises(KeyError, match=r"^150$"):
        pool.map(call, items, size)
    assert pool.map(call, items[:150], size) == items[:150]


def test_errors_keep_their_traceback(pool: Any) -> None:
    for call in (
        lambda: pool.apply(raising, (1,)),
        lambda: pool.map(raising, [1]),
        lambda: next(pool.imap(raising, [1])),
        lambda: next(pool.imap_unordered(raising, [1, 2], 2)),
    ):
        with pytest.raises(KeyError) as caught:
            call()
        assert "raising" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]


def test_a_chunk_ends_at_an_error_and_the_other_chunks_do_not(pool: Any) -> None:
    called = []

    def call(x: int) -> None:
        called.append(x)
        if x == 2:
            raise KeyError(x)

    with pytest.raises(KeyError):
        pool.map(call, range(12), 4)
    assert sorted(called) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]


def test_iterables_that_raise(pool: Any) -> None:
    for chunksize in (1, 2, 4):
        with pytest.raises(KeyError, match="broken"):
            pool.map(square, broken(10, 3), chunksize)
        for results in (
            pool.imap(square, broken(20, 7), chunksize),
            pool.imap(square, broken(20, 0), chunksize),
        ):
            got: list[int] = []
            with pytest.raises(KeyError, match="broken"):
                got.extend(results)
            assert got in ([x * x for x in range(7 // chunksize * chunksize)], [])
            assert list(results) == []
        with pytest.raises(KeyError, match="broken"):
            list(pool.imap_unordered(square, broken(20, 7), chunksize))
    with pytest.raises(TypeError):
        pool.map(square, 1)
    with pytest.raises(TypeError):
        next(pool.imap(square, 1))
    result = pool.map_async(square, Sized(4, broken(4, 3)), 2)
    with pytest.raises(KeyError):
        result.get(LIMIT)


def test_iterables_with_a_length_are_taken_in_their_own_way(pool: Any) -> None:
    assert pool.map(square, Sized(5, iter(range(5))), 2) == [0, 1, 4, 9, 16]
    assert pool.map(square, {3: 1}.keys()) == [9]


def test_strange_chunk_sizes(pool: Any) -> None:
    assert pool.map(square, [1, 2], 0) == [None, None]
    assert pool.map(square, [1, 2], -1) == [None, None]
    with pytest.raises(ValueError, match=r"Chunksize must be 1\+, not 0"):
        pool.imap(square, [1], 0)
    with pytest.raises(ValueError, match=r"Chunksize must be 1\+, not -3"):
        pool.imap_unordered(square, [1], -3)


def test_callbacks_are_called_one_at_a_time_before_the_result_is_there(pool: Any) -> None:
    at_once, most, got, threads = [], [], [], set()

    def callback(value: Any) -> None:
        at_once.append(1)
        most.append(len(at_once))
        threads.add(threading.get_ident())
        time.sleep(0.001)  # sleep: so that another one could begin meanwhile
        got.append(value)
        at_once.pop()

    results = [pool.apply_async(square, (x,), callback=callback, error_callback=raising) for x in range(20)]
    results += [pool.map_async(raising, [1, 2], 1, raising, callback)]
    for result in results:
        result.wait(LIMIT)
        assert result.ready()
    assert sorted(x for x in got if isinstance(x, int)) == [x * x for x in range(20)]
    assert [type(x) for x in got if not isinstance(x, int)] == [KeyError]
    assert (set(most), len(threads)) == ({1}, 1)


def test_an_empty_map_calls_no_callback(pool: Any) -> None:
    result = pool.map_async(square, [], callback=raising, error_callback=raising)
    assert (result.ready(), result.successful(), result.get()) == (True, True, [])


def test_a_callback_may_submit(pool: Any) -> None:
    second = []
    first = pool.apply_async(square, (3,), callback=lambda x: second.append(pool.apply_async(square, (x,))))
    assert first.get(LIMIT) == 9
    assert second[0].get(LIMIT) == 81


def test_imap_next_with_a_timeout(pool: Any) -> None:
    go = threading.Event()
    for imap in (pool.imap, pool.imap_unordered):
        go.clear()
        results = imap(go.wait, [LIMIT])
        with pytest.raises(multiprocessing.TimeoutError):
            results.next(0.01)
        with pytest.raises(multiprocessing.TimeoutError):
            results.next(timeout=0)
        go.set()
        assert results.next(LIMIT) is True
        for _ in range(2):
            with pytest.raises(StopIteration):
                results.next(1)
        assert iter(results) is results


def test_imap_takes_items_whether_or_not_somebody_asks(pool: Any) -> None:
    done: list[int] = []
    pool.imap_unordered(done.append, iter(range(1000)))
    results = pool.imap(done.append, range(1000), 10)
    assert eventually(lambda: len(done) == 2000)
    del results


def test_all_workers_work_at_once(make: Any) -> None:
    with make(4) as pool:
        meeting = threading.Barrier(4)
        for call in (
            lambda: pool.map(lambda x: meeting.wait(LIMIT), range(4), 1),
            lambda: list(pool.imap(lambda x: meeting.wait(LIMIT), range(4))),
            lambda: [r.get() for r in [pool.apply_async(meeting.wait, (LIMIT,)) for _ in range(4)]],
            lambda: pool.map(lambda x: meeting.wait(LIMIT), Sized(4, iter(range(4))), 1),
        ):
            assert sorted(call()) == [0, 1, 2, 3]


def test_the_states_of_a_pool(make: Any) -> None:
    pool = make(2)
    assert pool._state == std_pool.RUN
    assert (pool._processes, len(pool._pool)) == (2, 2)
    assert all(thread.is_alive() and thread.daemon and thread.exitcode is None for thread in pool._pool)
    with pytest.raises(ValueError, match="Pool is still running"):
        pool.join()
    result = pool.map_async(square, range(100), 1)
    threads = list(pool._pool)
    pool.close()
    assert pool._state == std_pool.CLOSE
    pool.close()
    pool.join()
    assert result.ready()
    assert result.get() == [x * x for x in range(100)]
    assert [thread.exitcode for thread in threads] == [0, 0]
    for call in (pool.apply, pool.apply_async):
        with pytest.raises(ValueError, match="Pool not running"):
            call(square, (1,))
    for call in (pool.map, pool.map_async, pool.starmap, pool.imap, pool.imap_unordered):
        with pytest.raises(ValueError, match="Pool not running"):
            call(square, [1])
    with pytest.raises(ValueError, match="Pool not running"), pool:
        pass
    pool.terminate()
    assert pool._state == std_pool.TERMINATE
    pool.close()
    assert pool._state == std_pool.TERMINATE
    pool.join()


def test_arguments_of_a_pool(make: Any) -> None:
    for number in (0, -1):
        with pytest.raises(ValueError, match="Number of processes must be at least 1"):
            make(number)
    with pytest.raises(TypeError, match="initializer must be a callable"):
        make(1, 5)
    with pytest.raises(TypeError):
        make("2")
    pool = make()
    assert pool._processes >= 1
    pool.terminate()
    pool.join()
    gc.collect()


def test_the_initializer_runs_once_in_each_worker(make: Any) -> None:
    numbers, local = count(), threading.local()
    started = []

    def initialize(*args: Any) -> None:
        started.append(args)
        local.number = next(numbers)

    with make(3, initialize, ("a", 1)) as pool:
        assert eventually(lambda: len(started) == 3)
        assert started == [("a", 1)] * 3
        assert set(pool.map(lambda x: local.number, range(100), 1)) <= {0, 1, 2}


def test_terminate_makes_no_more_calls(make: Any) -> None:
    pool = make(2)
    go, begun, called = threading.Event(), threading.Semaphore(0), []

    def call(x: int) -> None:
        called.append(x)
        begun.release()
        go.wait(LIMIT)

    results = [pool.map_async(call, range(100), 1), pool.apply_async(call, (1000,), callback=called.append)]
    for _ in range(2):
        assert begun.acquire(timeout=LIMIT)
    if (
        make is std_pool.ThreadPool
    ):  # its thread that hands calls on may still put one after the end has emptied the queue
        assert eventually(lambda: pool._inqueue.qsize() == 99)
    pool.terminate()
    go.set()
    pool.join()
    assert len(called) == 2
    assert len(results) == 2


def test_with_terminates(make: Any) -> None:
    with make(2) as pool:
        assert pool.map(square, range(3)) == [0, 1, 4]
    assert pool._state == std_pool.TERMINATE
    pool.join()


def test_a_pool_that_was_not_closed_is_warned_of(make: Any) -> None:
    pool = make(1)
    pool.apply(square, (1,))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del pool
        assert eventually(lambda: gc.collect() >= 0 and len(caught) > 0)
    (warning,) = caught
    assert warning.category is ResourceWarning
    expected = "unclosed running multiprocessing pool <multiprocessing.pool.ThreadPool state=RUN pool_size=1>"
    assert str(warning.message) == expected


def test_a_pool_lives_until_its_calls_are_made(make: Any) -> None:
    go = threading.Event()
    pool = make(1)
    blocker, results, reference = (
        pool.apply_async(go.wait, (LIMIT,)),
        pool.imap(square, range(100)),
        weakref.ref(pool),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        del pool
        gc.collect()
        go.set()
        assert blocker.get(LIMIT) is True
        assert list(results) == [x * x for x in range(100)]
        del blocker, results
        assert eventually(lambda: gc.collect() >= 0 and reference() is None)  # within this block: it may warn


def test_nothing_of_a_call_is_kept(pool: Any) -> None:
    class Item:
        pass

    gc.collect()
    for call in (
        lambda items: pool.map(lambda x: x, items),
        lambda items: pool.map(lambda x: x, iter(items), 2),
        lambda items: pool.apply(lambda *args: args, items),
        lambda items: list(pool.imap(lambda x: x, items)),
        lambda items: list(pool.imap_unordered(lambda x: x, items, 3)),
        lambda items: pool.map_async(lambda x: x, items, callback=lambda x: None).get(),
    ):
        items = [Item() for _ in range(10)]
        references = [weakref.ref(item) for item in items]
        call(items)
        del items
        assert eventually(lambda: gc.collect() >= 0 and not any(r() for r in references))  # noqa: B023


def test_a_pool_cannot_be_pickled(pool: Any) -> None:
    with pytest.raises(NotImplementedError, match="pool objects cannot be passed between processes"):
        pool.__reduce__()


def test_what_programs_ask_of_the_insides(pool: Any) -> None:
    go = threading.Event()
    results = [pool.apply_async(go.wait, (LIMIT,)) for _ in range(10)]
    assert eventually(lambda: len(pool._cache) == 10)
    go.set()
    mapped = pool.map_async(square, range(10), 5)
    mapped.wait(LIMIT)
    assert (mapped._number_left, mapped._chunksize, mapped._success) == (0, 5, True)
    assert mapped._value == [x * x for x in range(10)]
    for result in results:
        result.wait(LIMIT)
    assert eventually(lambda: not pool._cache and pool._taskqueue.empty() and pool._taskqueue.qsize() == 0)


def test_dummy_pool_and_manager() -> None:
    assert our_dummy.Manager() is our_dummy
    with our_dummy.Pool(2) as pool:
        assert type(pool) is our_pool.ThreadPool
        assert pool.map(square, [2]) == [4]
    pool.join()
