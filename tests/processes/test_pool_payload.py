"""What pools may want of the pickles of their calls: the place where they were submitted, and read-only buffers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[..., str]

HEAD = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.pool import Pool
import array, inspect, os, pickle, signal, sys

context = multiprocessing.get_context(METHOD)

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def line():
    return f"{__file__}:{inspect.currentframe().f_back.f_lineno}"

class Data:
    # Its bytes travel as a buffer, as those of a NumPy array.
    def __init__(self, buffer):
        self.view = memoryview(buffer)

    def __reduce_ex__(self, protocol):
        return Data, (pickle.PickleBuffer(self.view),)

def is_read_only(data):
    if not data.view.readonly:
        data.view[0] = 7
    return data.view.readonly, Data(bytearray(len(data.view)))
"""

EXECUTOR = """
def main():
    with ProcessPoolExecutor(1, context, on_worker_death="fail-task", remember_submit=True) as pool:
        def place(future):
            return future.exception(60).submitted_at

        future, at = pool.submit(die, 1), line()
        assert place(future) == at and f"died while it ran die(1), submitted at {at}" in str(future.exception())
        future, at = pool.submit(die, x=1), line()
        assert place(future) == at
        future, at = pool.at(priority=1).submit(die), line()
        assert place(future) == at
        first = pool.submit(abs, -1)
        future, at = pool.after(first).submit(die), line()
        assert place(future) == at, (place(future), at)
        future, at = pool.call(die, first), line()
        assert place(future) == at
        results, at = pool.map(die, [1]), line()
        try:
            next(results)
        except Exception as error:
            assert error.submitted_at == at
        assert pool.submit(abs, -1).result() == 1 and [*pool.map(abs, [-1, -2], chunksize=2)] == [1, 2]
    with ProcessPoolExecutor(1, context, on_worker_death="fail-task") as pool:
        error = pool.submit(die).exception(60)
        assert (error.submitted_at is None) == (os.environ.get("INTERLOCK_SUBMIT_PLACE") != "1")
    print("done")
"""


def test_the_death_of_a_worker_names_the_place_of_the_call(run: Run, method: str) -> None:
    assert run(HEAD + EXECUTOR, method) == "done\n"


def test_the_environment_may_want_that_of_all_pools(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERLOCK_SUBMIT_PLACE", "1")
    assert run(HEAD + EXECUTOR) == "done\n"


def test_the_death_of_a_pools_worker_names_the_place_of_the_task(run: Run, method: str) -> None:
    program = """
def main():
    with Pool(1, context=context, remember_submit=True) as pool:
        for ask in (
            lambda: (pool.apply(die, (1,)), line()),
            lambda: pool.apply_async(die, (), {"x": 1}).get(),
            lambda: pool.map(die, [1]),
            lambda: pool.starmap(die, [(1,)]),
            lambda: pool.map_async(die, [1, 2], 2).get(),
            lambda: next(pool.imap(die, [1])),
            lambda: next(pool.imap_unordered(die, [1])),
            lambda: pool.map(die, [1], task_timeout=1000),
        ):
            try:
                ask()
            except Exception as error:
                where, _, number = error.submitted_at.rpartition(":")
                assert where == __file__ and int(number) == ask.__code__.co_firstlineno, error
            else:
                raise AssertionError("it has a result")
        print(pool.apply(abs, (-1,)), pool.map(abs, [-1, -2], 2), list(pool.imap(abs, [-3])))
    with Pool(1, context=context) as pool:
        error = pool.map(die, [1], return_exceptions=True)[0]
        print(error.submitted_at)
"""
    assert run(HEAD + program, method) == "1 [1, 2] [3]\nNone\n"


def test_large_buffers_may_be_read_only(run: Run, method: str) -> None:
    program = """
def main():
    large, small = Data(bytearray(1 << 20)), Data(bytearray(100))
    for wanted in (False, True):
        executor = ProcessPoolExecutor(1, context, read_only_buffers=wanted)
        pool = Pool(1, context=context, read_only_buffers=wanted)
        for ask in (
            lambda data: executor.submit(is_read_only, data).result(),
            lambda data: [*executor.map(is_read_only, [data])][0],
            lambda data: executor.after(executor.submit(abs, 1)).submit(is_read_only, data).result(),
            lambda data: pool.apply(is_read_only, (data,)),
            lambda data: pool.apply(is_read_only, (), {"data": data}),
            lambda data: pool.map(is_read_only, [data])[0],
            lambda data: next(pool.imap(is_read_only, [data])),
        ):
            was_read_only, result = ask(large)
            assert was_read_only == result.view.readonly == wanted, (wanted, was_read_only)
            assert len(result.view) == 1 << 20 and not large.view.readonly and large.view[0] == 0
            assert len(ask(small)[1].view) == 100
        executor.shutdown()
        pool.terminate()
    print("done")
"""
    assert run(HEAD + program, method) == "done\n"
