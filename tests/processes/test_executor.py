"""`ProcessPoolExecutor` at its ordinary work: calls, conditions of calls, limits, large data, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable

Run = Callable[..., str]

HEAD = """
import multiprocessing
import operator, os, signal, sys, threading, time
from concurrent.futures import CancelledError, ProcessPoolExecutor, wait
import warnings
for of_no_interest in (DeprecationWarning, ResourceWarning):  # threads at a fork; sockets that are open at the end
    warnings.simplefilter("ignore", of_no_interest)
context = multiprocessing.get_context(METHOD)

def executor(workers=1, **options):
    return ProcessPoolExecutor(workers, context, **options)

def begin(begun, end):
    global events
    events = begun, end

def held():
    # Holds the worker until the program says so.
    begun, end = events
    begun.set()
    end.wait()
    return "held"

def held_executor(**options):
    begun, end = context.Event(), context.Event()
    pool = executor(1, initializer=begin, initargs=(begun, end), **options)
    first = pool.submit(held)
    begun.wait()
    return pool, first, end
"""


def test_calls_return_and_raise(run: Run, method: str) -> None:
    program = """
def fail(word):
    raise LookupError(word)

def main():
    with executor(2) as pool:
        assert pool.submit(pow, 2, 5).result() == 32
        assert [*pool.map(pow, range(50), [2] * 50)] == [n * n for n in range(50)]
        assert [*pool.map(abs, range(-50, 0), chunksize=7)] == [*range(50, 0, -1)]
        error = pool.submit(fail, "x").exception()
        assert repr(error) == "LookupError('x')", error
        assert " in fail\\n" in str(error.__cause__), error.__cause__
        assert not (pool.submit(os.getpid).result() == os.getpid())
    try:
        pool.submit(abs, 1)
    except RuntimeError as error:
        assert str(error) == "cannot schedule new futures after shutdown", error
    else:
        raise AssertionError("it takes calls after shutdown()")
    assert not multiprocessing.active_children()
"""
    assert run(HEAD + program, method) == ""


def test_smaller_priorities_begin_first(run: Run, method: str) -> None:
    program = """
def note(word):
    os.write(1, word)

def main():
    pool, first, end = held_executor()
    futures = [pool.at(priority=-i).submit(note, b"%d " % i) for i in range(300)]
    print(pool.stats().waiting, flush=True)  # the others have been handed to the worker
    end.set()
    assert first.result() == "held"
    pool.shutdown()
    assert all(future.result() is None for future in futures)
"""
    waiting, *order = map(int, run(HEAD + program, method).split())
    assert sorted(order) == [*range(300)]
    assert waiting > 100
    assert order[-waiting:] == sorted(order[-waiting:], reverse=True)


def test_a_call_over_its_time_is_ended_and_nothing_else(run: Run, method: str) -> None:
    program = """
import interlock

def stay():
    while True:
        time.sleep(0.01)

def main():
    with executor(2) as pool:
        late = pool.at(timeout=0.2).submit(stay)
        others = [pool.submit(abs, -i) for i in range(100)]
        error = late.exception()
        assert type(error) is interlock.TaskTimeoutError, error
        assert str(error).startswith("stay() ran for longer"), error
        assert [future.result() for future in others] == [*range(100)]
        assert pool.at(timeout=60).submit(abs, -1).result() == 1
        errors = [*pool.map(time.sleep, [0, 60], task_timeout=2.0, return_exceptions=True)]
        assert errors[0] is None and type(errors[1]) is interlock.TaskTimeoutError, errors
"""
    assert run(HEAD + program, method) == ""


def test_a_running_call_can_be_stopped_alone(run: Run, method: str) -> None:
    program = """
def main():
    pool, first, end = held_executor()
    waiting = [pool.submit(abs, -i) for i in range(20)]
    assert pool.stop(first)
    try:
        first.result()
    except CancelledError as error:
        pass
    else:
        raise AssertionError("a stopped call has a result")
    assert [future.result() for future in waiting] == [*range(20)]
    assert not pool.stop(waiting[0])
    pool.shutdown()
"""
    assert run(HEAD + program, method) == ""


def test_waiting_calls_can_be_cancelled(run: Run, method: str) -> None:
    program = """
def main():
    pool, first, end = held_executor()
    futures = [pool.submit(abs, -i) for i in range(10)]
    assert first.running() and not first.cancel()
    assert [future.cancel() for future in futures[::2]] == [True] * 5
    end.set()
    assert [future.result() for future in futures[1::2]] == [1, 3, 5, 7, 9]
    assert all(future.cancelled() for future in futures[::2])
    pool.shutdown()

    pool, first, end = held_executor()
    futures = [pool.submit(abs, -i) for i in range(10)]
    pool.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in futures)
    end.set()
    assert first.result() == "held"
"""
    assert run(HEAD + program, method) == ""


def test_submit_blocks_while_too_many_calls_wait(run: Run, method: str) -> None:
    program = """
def main():
    pool, first, end = held_executor(max_pending=2)
    futures = []
    def submit():
        for i in range(300):
            futures.append(pool.submit(abs, -i))
    thread = threading.Thread(target=submit)
    thread.start()
    while pool.stats().waiting < 2:
        time.sleep(0.001)
    full = pool.stats().submitted - 1
    while len(futures) < full:
        time.sleep(0.001)
    assert futures[full - 1].cancel()
    while len(futures) == full:  # there is room for one more, and for no other one
        time.sleep(0.001)
    assert thread.is_alive() and len(futures) == full + 1 < 200, full
    end.set()
    thread.join()
    assert [i for i, future in enumerate(futures) if future.cancelled()] == [full - 1]
    assert [future.result() for future in futures if not future.cancelled()] == [
        i for i in range(300) if i != full - 1]
    pool.shutdown()
"""
    assert run(HEAD + program, method) == ""


def test_calls_can_depend_on_calls(run: Run, method: str) -> None:
    program = """
def fail():
    raise LookupError("first")

def main():
    with executor(2) as pool:
        a, b = pool.submit(abs, -2), pool.submit(abs, -3)
        assert pool.call(pow, a, b).result() == 8
        assert pool.after(a, b).submit(abs, -4).result() == 4
        broken = pool.call(pow, pool.submit(fail), 2).exception()
        assert repr(broken) == "LookupError('first')", broken
        last = pool.call(operator.add, pool.call(pow, a, 3), b)
    assert last.result() == 11  # shutdown() has waited for what was held
"""
    assert run(HEAD + program, method) == ""


def test_what_was_done_is_counted_and_shown(run: Run, method: str) -> None:
    program = """
def half(n):
    if n % 2:
        raise ValueError(n)
    return n

def main():
    shown = []
    with executor(2) as pool:
        results = [*pool.map(half, range(10), return_exceptions=True, progress=lambda *n: shown.append(n))]
        assert [repr(one) for one in results] == [f"ValueError({n})" if n % 2 else str(n) for n in range(10)]
        assert shown[-1] == (10, 10), shown
        while pool.stats().running:  # a call is counted just after its result is there
            pass
        stats = pool.stats()
        assert (stats.submitted, stats.running, stats.waiting, stats.done, stats.failed) == (10, 0, 0, 10, 5), stats
        assert 1 <= len(stats.busy) <= 2, stats
        futures = [pool.submit(abs, n) for n in range(50)]
        del shown[:]
        pool.progress(lambda *n: shown.append(n))
        assert shown[-1] == (60, 60), shown
"""
    assert run(HEAD + program, method) == ""


def test_large_buffers_arrive_whole_both_ways(run: Run, method: str) -> None:
    program = """
try:
    import numpy
except ImportError:
    numpy = None
from pickle import PickleBuffer

class Array:
    # Sends its bytes as a buffer of its own, as arrays do.
    def __init__(self, data):
        self.data = data
    def __reduce_ex__(self, protocol):
        return Array, (PickleBuffer(self.data),)

def turned(array):
    return Array(bytes(memoryview(array.data))[::-1])

def doubled(array):
    array *= 2  # the worker may write to it
    return array

def main():
    size = 1 << 20
    data = os.urandom(size)
    with executor(2) as pool:
        for result in pool.map(turned, [Array(data)] * 20):
            assert bytes(memoryview(result.data)) == data[::-1]
        assert pool.submit(bytes, data).result() == data
        if numpy is not None:
            array = numpy.arange(size // 8)
            for result in pool.map(doubled, [array] * 20):
                assert (result == array * 2).all()
                result[0] = 5  # and so may the caller
            assert array[1] == 1
"""
    assert run(HEAD + program, method) == ""


def test_executors_can_be_nested(run: Run, method: str) -> None:
    program = """
def total(n):
    with ProcessPoolExecutor(2, context) as pool:
        return sum(pool.map(abs, range(-n, 0)))

def main():
    with executor(2) as pool:
        assert [*pool.map(total, range(1, 5))] == [1, 3, 6, 10]
"""
    assert run(HEAD + program, method) == ""


def test_what_cannot_be_sent_is_refused_with_the_path_to_it(run: Run, method: str) -> None:
    program = """
import sys
sys.modules["cloudpickle"] = None

def main():
    with executor() as pool:
        try:
            error = pool.submit(print, [{"key": threading.Lock()}]).exception()
        except Exception as raised:
            error = raised
        assert any("args[0][0]['key']" in note for note in error.__notes__), error.__notes__
        result = pool.submit(threading.Lock).exception()
        assert "What can't be pickled is result, of type " in "".join(result.__notes__), result.__notes__
        assert pool.submit(abs, -1).result() == 1
"""
    assert run(HEAD + program, method) == ""


def test_a_process_with_too_much_memory_is_replaced(run: Run, method: str) -> None:
    program = """
kept = []

def keep(size):
    kept.append(b"x" * size)
    return os.getpid()

def main():
    with executor(1, memory_limit=256 << 20, on_worker_death="fail-task") as pool:
        pids = [pool.submit(keep, 100 << 20).result() for _ in range(6)]
    assert 2 <= len(set(pids)) <= 4, pids
"""
    assert run(HEAD + program, method) == ""


def test_a_callback_that_raises_is_logged(run: Run, method: str) -> None:
    program = """
def fail(future):
    raise LookupError("callback")

def main():
    seen = []
    with executor() as pool:
        future = pool.submit(abs, -1)
        future.add_done_callback(fail)
        future.add_done_callback(lambda future: seen.append(future.result()))
        called = threading.Event()
        second = pool.submit(abs, -2)
        second.add_done_callback(lambda future: (seen.append(pool.submit(abs, -3)), called.set()))
        called.wait()
    assert seen[0] == 1 and seen[1].result() == 3, seen
"""
    shown = run(HEAD + program, method)
    assert shown.count("LookupError: callback") == 1
    assert shown.startswith("exception calling callback for <")


def test_a_forked_child_cannot_use_its_parents_executor(run: Run) -> None:
    program = """
import warnings

def main():
    warnings.simplefilter("ignore")
    with executor(2) as pool:
        assert pool.submit(abs, -1).result() == 1
        child = os.fork()
        if not child:
            try:
                pool.submit(abs, -1).result()
            except RuntimeError as error:
                os.write(1, f"{error}\\n".encode())
            with executor(2) as own:
                os.write(1, b"%d\\n" % own.submit(abs, -2).result())
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert pool.submit(abs, -3).result() == 3
"""
    assert run(HEAD + program, "fork") == "the executor belongs to the process that forked this one\n2\n"
