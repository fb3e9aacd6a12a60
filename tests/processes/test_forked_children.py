"""A child that was forked by a program with a pool of processes, which stays the parent's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[..., str]

HEAD = """
import os, pickle, signal, threading, warnings
import multiprocessing
from concurrent.futures import CancelledError, ProcessPoolExecutor, as_completed, wait

SIZE = 4 << 20
context = multiprocessing.get_context("fork")
warnings.simplefilter("ignore")

class Buffer:
    def __init__(self, data):
        self.data = data
    def __reduce_ex__(self, protocol):
        return Buffer, (pickle.PickleBuffer(self.data),)

def make(number):
    return bytes([number]) * SIZE

def make_buffer(number):
    return Buffer(bytearray(make(number)))

def is_whole(result, number):
    with memoryview(getattr(result, "data", result)) as data:
        return data == make(number)

def hold(path):
    with open(path, "rb"):  # until the parent opens it, too
        return "held"

def gate(path="gate"):
    os.mkfifo(path)
    return path

def open_gate(path):
    with open(path, "wb"):
        pass

def error_of(function, *args):
    try:
        function(*args)
    except BaseException as error:
        return type(error).__name__

def forked(child):
    pid = os.fork()
    if not pid:
        signal.alarm(60)
        status = 1
        try:
            status = child() or 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid

def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def until_there(child):
    # A child can't wait for a result that has not come; the next one may have it.
    while (status := ended(forked(child))) == 3:
        pass
    assert status == 0, status
"""


@pytest.mark.parametrize("first", ["child", "parent"])
@pytest.mark.parametrize("make", ["make", "make_buffer"])
def test_a_child_and_its_parent_have_the_results_that_had_come(run: Run, make: str, first: str) -> None:
    program = f"""
def main():
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        futures = [pool.submit({make}, i) for i in range(8)]
        assert wait(futures).done == {{*futures}}
        reader, writer = os.pipe()
        def child():
            if {first!r} == "parent":
                os.read(reader, 1)
            assert all(future.done() for future in futures)
            if {first!r} == "parent":
                assert all(is_whole(future.result(), i) for i, future in enumerate(futures))
        pid = forked(child)
        if {first!r} == "child":
            assert ended(pid) == 0
        else:
            assert all(is_whole(future.result(), i) for i, future in enumerate(futures))
        used = [*futures] if {first!r} == "child" else futures.clear()
        assert all(is_whole(result, 77) for result in pool.map({make}, [77] * 12))
        if {first!r} == "child":
            assert all(is_whole(future.result(), i) for i, future in enumerate(used))
        else:
            os.write(writer, b"x")
            assert ended(pid) == 0
"""
    run(HEAD + program)


def test_a_child_has_results_that_its_parent_has_not_looked_at(run: Run) -> None:
    program = """
def main():
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        futures = [pool.submit(make, 7), pool.submit(abs, -1), pool.submit(divmod, 1, 0)]
        def child():
            if not futures[2].done():
                return 3
            assert is_whole(futures[0].result(), 7) and futures[1].result() == 1
            assert error_of(futures[2].result) == "ZeroDivisionError"
            assert wait(futures).done == {*futures} == {*as_completed(futures)}
        until_there(child)
        assert is_whole(futures[0].result(), 7)
    with context.Pool(1) as pool:
        results = pool.map_async(make, range(3), 1), pool.apply_async(divmod, (1, 0))
        rest = pool.imap(make, range(3))
        def child():
            if not all(result.ready() for result in results) or rest._index < 3:
                return 3
            assert all(is_whole(result, i) for i, result in enumerate(results[0].get()))
            assert error_of(results[1].get) == "ZeroDivisionError"
            assert all(is_whole(next(rest), i) for i in range(3))
        until_there(child)
        assert all(is_whole(result, i) for i, result in enumerate(results[0].get()))
        assert all(is_whole(result, i) for i, result in enumerate(rest))
"""
    run(HEAD + program)


def test_a_child_does_not_wait_for_ever_for_its_parents_calls(run: Run) -> None:
    program = """
def main():
    path, other = gate(), gate("other")
    with ProcessPoolExecutor(1, mp_context=context) as executor, context.Pool(1) as pool:
        futures = [executor.submit(hold, other), executor.submit(abs, -2)]
        result, called = pool.apply_async(hold, (path,)), []
        told = pool.apply_async(abs, (-1,), callback=called.append)
        items, some = pool.imap(abs, [-1]), pool.imap_unordered(abs, [-1])
        def child():
            for endless in (futures[1].result, futures[0].exception, result.get, result.wait, told.get, told.wait):
                assert error_of(endless) == "RuntimeError", endless
            assert error_of(next, items) == error_of(next, some) == "RuntimeError"
            assert error_of(wait, futures) == error_of(list, as_completed(futures)) == "RuntimeError"
            for limited in (futures[0].result, result.get, told.get, items.next, some.next):
                assert error_of(limited, 0.01) == "TimeoutError", limited
            assert wait(futures, 0.01).not_done == {*futures}
            assert error_of(list, as_completed(futures, 0.01)) == "TimeoutError"
            assert error_of(executor.progress, print) == "RuntimeError"
            assert error_of(pool.imap, abs, [1]) == error_of(pool.map, abs, [1]) == "RuntimeError"
            assert futures[1].cancel() and wait(futures, return_when="FIRST_COMPLETED").done == {futures[1]}
            done = as_completed(futures)
            assert next(done) is futures[1] and error_of(next, done) == "RuntimeError"
        assert ended(forked(child)) == 0
        open_gate(path), open_gate(other)
        assert futures[1].result() == 2 and result.get() == "held"
        assert told.get() == next(items) == next(some) == 1 == called[0]
"""
    run(HEAD + program)


def test_the_callbacks_of_a_parent_are_called_there_alone(run: Run) -> None:
    program = """
def main():
    read, write = os.pipe()
    def called(future):
        os.write(write, b"%d " % os.getpid())
    path = gate()
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        # The manager is busy, so the parent has the answers, and has not called the callbacks.
        busy, free = threading.Event(), threading.Event()
        executor.submit(hold, path).add_done_callback(lambda _: (busy.set(), free.wait()))
        futures = [executor.submit(abs, -number) for number in range(3)]
        for future in futures:
            future.add_done_callback(called)
        open_gate(path)
        busy.wait()
        wait([executor.submit(abs, 1)])
        def child():
            results = [future.result() for future in futures]
            futures[0].add_done_callback(called)
            return results != [0, 1, 2]
        pid = forked(child)
        assert ended(pid) == 0
        assert os.read(read, 100) == b"%d " % pid
        free.set()
    assert os.read(read, 100) == b"%d " % os.getpid() * 3
"""
    run(HEAD + program)


def test_a_child_does_not_wait_for_its_parent_to_unpickle_a_result(run: Run) -> None:
    program = """
begun, go = threading.Event(), threading.Event()

def at_second_try(how):
    if threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt  # as a signal handler would
    begun.set()
    go.wait()
    return how

class Slow:
    def __init__(self, number=1):
        pass
    def __reduce__(self):
        return at_second_try, ("read",)

def main():
    with ProcessPoolExecutor(1, mp_context=context) as executor, context.Pool(1) as pool:
        for get in (executor.submit(Slow).result, pool.apply_async(Slow).get, pool.imap(Slow, [1]).next):
            begun.clear(), go.clear()
            assert error_of(get) == "KeyboardInterrupt"
            begun.wait()
            def child():
                assert error_of(get) == "RuntimeError"
            assert ended(forked(child)) == 0
            go.set()
            assert get() == "read"
"""
    run(HEAD + program)


def test_a_child_does_not_wait_for_a_thread_of_its_parent_that_unpickles(run: Run) -> None:
    program = """
begun, go = threading.Event(), threading.Event()

def at_load(parent):
    if os.getpid() == parent:
        begun.set()
        go.wait()
    return "read"

class Slow:
    def __init__(self, number=1):
        pass
    def __reduce__(self):
        return at_load, (os.getppid(),)

def main():
    with context.Pool(1) as pool:
        result, many = pool.apply_async(Slow), pool.map_async(Slow, [1])
        ordered, some = pool.imap(Slow, [1]), pool.imap_unordered(Slow, [1])
        for get in (result.get, many.get, ordered.next, some.next):
            begun.clear(), go.clear()
            got = []
            thread = threading.Thread(target=lambda: got.append(get()))
            thread.start()
            begun.wait()
            def child():
                assert error_of(get) == "RuntimeError"
                assert error_of(get, 0) == error_of(get, 0.01) == "TimeoutError"
                it = get.__self__
                if hasattr(it, "ready"):
                    assert not it.ready() and error_of(it.wait) == "RuntimeError"
                    assert error_of(it.successful) == "ValueError"
                    it.wait(0.01)
                # The same in another thread, which may get the number of the one that does not exist here.
                there = threading.Thread(target=lambda: got.append(error_of(get)))
                there.start(), there.join()
                assert got == ["RuntimeError"], got
            status = ended(forked(child))
            go.set()
            thread.join()
            assert status == 0 and got[0] in ("read", ["read"]), (status, got)
"""
    run(HEAD + program)


@pytest.mark.parametrize("way", ["cancel", "stop", "shutdown"])
def test_a_child_ends_no_call_of_its_parent(run: Run, way: str) -> None:
    program = f"""
def main():
    path = gate()
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        held = pool.submit(hold, path)
        while not held.running():
            pass
        futures = [pool.submit(abs, -i) for i in range(8)]
        def child():
            if {way!r} == "shutdown":
                pool.shutdown(wait=False, cancel_futures=True)
                return
            assert not held.cancel() and held.running()
            if {way!r} == "stop":
                assert not pool.stop(held) and all(pool.stop(future) for future in futures)
            else:
                assert all(future.cancel() for future in futures)
            assert all(future.cancelled() for future in futures)
            assert error_of(futures[0].result) == "CancelledError"
        assert ended(forked(child)) == 0
        open_gate(path)
        assert held.result() == "held"
        assert [future.result() for future in futures] == [*range(8)]
        assert pool.submit(abs, -9).result() == 9
"""
    run(HEAD + program)


@pytest.mark.parametrize("way", ["os.fork", "Process"])
def test_a_child_that_is_interrupted_leaves_the_processes_to_its_parent(run: Run, way: str) -> None:
    program = f"""
def interrupted(pool):
    try:
        with pool:
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        return 0

def end(pool):
    assert error_of(pool.kill_workers) == "AssertionError"  # as in the standard library
    assert error_of(pool.terminate_workers) is None

def main():
    path = gate()
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        held, after = pool.submit(hold, path), pool.submit(abs, -2)
        workers = [*pool._processes]
        for child in (lambda: interrupted(pool), lambda: end(pool)):
            if {way!r} == "os.fork":
                assert ended(forked(child)) == 0
            else:
                process = context.Process(target=child)
                process.start(), process.join(60)
                assert process.exitcode == 0, process
        open_gate(path)
        assert held.result() == "held" and after.result() == 2
        assert [*pool._processes] == workers
"""
    run(HEAD + program)


@pytest.mark.parametrize("way", ["os.fork", "Process"])
def test_a_child_that_ends_a_pool_leaves_the_processes_to_its_parent(run: Run, way: str) -> None:
    program = f"""
def main():
    path = gate()
    pool = context.Pool(1)
    result, after = pool.apply_async(hold, (path,)), pool.map_async(abs, [-1, -2])
    workers = [process.pid for process in pool._pool]
    def child():
        global pool
        with pool:
            pass
        pool.terminate()
        pool._terminate()
        pool._repopulate_pool()
        assert error_of(pool.join) == "AssertionError", error_of(pool.join)
    def close():
        pool.close()
        assert error_of(pool.join) == "AssertionError", error_of(pool.join)
    for ends in (child, close):
        ends.__globals__["pool"] = pool
        if {way!r} == "os.fork":
            assert ended(forked(ends)) == 0
        else:
            process = context.Process(target=ends)
            process.start(), process.join(60)
            assert process.exitcode == 0, process
    open_gate(path)
    assert result.get() == "held" and after.get() == [1, 2]
    assert [process.pid for process in pool._pool] == workers
    pool.close(), pool.join()
"""
    run(HEAD + program)


def test_a_child_may_use_an_executor_that_its_parent_has_not_used(run: Run) -> None:
    """As a server does that loads the application before it forks."""
    body = """
def main():
    executor = ProcessPoolExecutor(2, context)

    def child():
        assert executor.submit(abs, -3).result(60) == 3
        assert list(executor.map(abs, [-1, -2])) == [1, 2]
        executor.shutdown()
        assert error_of(executor.submit, abs, 1) == "RuntimeError"

    assert [ended(forked(child)) for _ in range(2)] == [0, 0]
    assert executor.submit(abs, -4).result(60) == 4
    assert ended(forked(executor.shutdown)) == 0
    executor.shutdown()
    print("used")
"""
    assert run(HEAD + body) == "used\n"
