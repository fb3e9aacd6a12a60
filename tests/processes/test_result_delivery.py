"""How results arrive: the thread that asks unpickles them, and a program sees no difference to a thread of the pool."""

from __future__ import annotations

import sys
import textwrap

import pytest

from tests.processes.conftest import Run

HEAD = """
import _thread
import importlib
import multiprocessing
import os
import signal
import sys
import threading

futures = importlib.import_module(multiprocessing.__name__.replace("multiprocessing", "concurrent.futures"))
surprises = []
go = multiprocessing.get_context("fork").Event()

def wait_for_go(number):
    go.wait()
    return number

class Timeout(Exception):
    pass

class Value:
    def __init__(self, number):
        self.number = number

    def __setstate__(self, state):
        self.__dict__.update(state)
        if surprises:
            surprises.pop()()

class Failure(Exception):
    def __setstate__(self, state):
        if surprises:
            surprises.pop()()

def fail():
    error = Failure("mine")
    error.part = 1
    raise error

def alarm():
    signal.raise_signal(signal.SIGALRM)

def ask(name, function):
    try:
        print(name, function())
    except BaseException as error:
        print(name, type(error).__name__, error)

def on_alarm(kind):
    def handler(number, frame):
        raise kind("late")
    signal.signal(signal.SIGALRM, handler)

def executor(workers=1):
    return futures.ProcessPoolExecutor(workers, multiprocessing.get_context(METHOD))

def pool(workers=1):
    return multiprocessing.get_context(METHOD).Pool(workers)
"""
RAISED = ("Timeout", "KeyboardInterrupt", "SystemExit")


def program(text: str) -> str:
    """Put a test's own part behind what all programs have."""
    return HEAD + textwrap.dedent(text)


@pytest.mark.parametrize("way", ["result()", "result(60)", "exception()"])
def test_callbacks_do_not_run_on_a_thread_that_asks(run: Run, way: str) -> None:
    # That thread may hold a lock that the callback takes.
    text = f"""
    def main():
        lock, done, threads = threading.Lock(), threading.Event(), []
        def callback(future):
            with lock:
                threads.append(threading.current_thread() is threading.main_thread())
            done.set()
        with executor() as it:
            with lock:
                future = it.submit(wait_for_go, 1)
                future.add_done_callback(callback)
                go.set()
                print(future.{way}, future.done())
            done.wait()
            print(threads)
            future.add_done_callback(lambda _: print(threading.current_thread() is threading.main_thread()))
    """
    value = None if way == "exception()" else 1
    assert run(program(text)) == f"{value} True\n[False]\nTrue\n"


def test_a_future_with_callbacks_is_done_when_wait_and_as_completed_report_it(run: Run) -> None:
    text = """
    def main():
        with executor(2) as it:
            for number in range(200):
                calls = [it.submit(abs, -number) for _ in range(3)]
                for call in calls[:2]:
                    call.add_done_callback(lambda _: None)
                if number % 2:
                    assert all(call.done() for call in futures.as_completed(calls))
                else:
                    done = futures.wait(calls, return_when=futures.FIRST_COMPLETED).done
                    assert done and all(call.done() for call in done)
                    assert not futures.wait(calls).not_done
                assert [call.result(0) for call in calls] == [number] * 3
        print("done")
    """
    assert run(program(text)) == "done\n"


def test_a_callback_that_comes_while_the_result_is_unpickled_is_called_once_elsewhere(run: Run) -> None:
    text = """
    def main():
        lock, done, calls = threading.Lock(), threading.Event(), []
        def callback(_):
            with lock:
                calls.append(threading.current_thread() is asking)
            done.set()
        def add():
            # Another thread, while this one unpickles.
            thread = threading.Thread(target=future.add_done_callback, args=(callback,))
            thread.start()
            thread.join()
        asking = threading.current_thread()
        with executor() as it:
            surprises.append(add)
            future = it.submit(Value, 1)
            with lock:
                print(future.result().number)
            done.wait()
        print(calls)
    """
    assert run(program(text)) == "1\n[False]\n"


@pytest.mark.parametrize("way", ["shutdown(wait=False, cancel_futures=True)", "kill_workers()"])
def test_callbacks_of_waiting_calls_that_an_end_cancels_run_elsewhere(run: Run, way: str) -> None:
    text = f"""
    def main():
        lock, done, threads = threading.Lock(), threading.Semaphore(0), []
        def callback(future):
            with lock:
                threads.append((threading.current_thread() is threading.main_thread(), future.cancelled()))
            done.release()
        it = executor()
        first = it.submit(wait_for_go, 1)
        while not first.running():
            os.sched_yield()
        waiting = [it.submit(abs, -number) for number in range(10)]
        for future in waiting:
            future.add_done_callback(callback)
        with lock:
            it.{way}
        go.set()
        for future in waiting[2:]:
            done.acquire()
        print(sum(future.cancelled() for future in waiting) >= 8, {{*threads}} >= {{(False, True)}})
        print(any(here for here, _ in threads))
    """
    assert run(program(text)) == "True True\nFalse\n"


def test_large_buffers_can_be_written_to_after_a_second_try(run: Run) -> None:
    text = """
    import pickle

    class Large:
        def __init__(self, data):
            self.data = data

        def __reduce_ex__(self, protocol):
            return unpickled, (pickle.PickleBuffer(self.data),)

    def unpickled(data):
        memoryview(data)
        if surprises:
            surprises.pop()()
        return Large(data)

    def make(size):
        return Large(bytearray(size))

    def main():
        on_alarm(Timeout)
        with executor() as it:
            for size in (1000, 200_000):
                surprises.append(alarm)
                future = it.submit(make, size)
                ask("first", future.result)
                print(memoryview(future.result().data).readonly)
    """
    assert run(program(text)) == "first Timeout late\nFalse\n" * 2


def test_an_exit_in_a_callback_does_not_end_the_executor(run: Run) -> None:
    text = """
    def main():
        def leave(_):
            raise SystemExit("x")
        with executor() as it:
            calls = [it.submit(wait_for_go, number) for number in range(3)]
            for call in calls:
                call.add_done_callback(leave)
            go.set()
            print([call.result() for call in calls])
            done = threading.Event()
            it.submit(abs, 0).add_done_callback(lambda _: done.set())
            done.wait()
    """
    assert run(program(text)) == "[0, 1, 2]\n"


@pytest.mark.parametrize("raised", RAISED)
def test_a_signal_handler_that_raises_does_not_cost_the_result_of_a_future(run: Run, raised: str) -> None:
    text = f"""
    def main():
        on_alarm({raised})
        with executor() as it:
            for function in (lambda: it.submit(Value, 1).result, lambda: it.submit(fail).exception):
                surprises.append(alarm)
                asked = function()
                ask("first", asked)
                ask("then", lambda: getattr(asked(), "number", None) or repr(asked()))
    """
    late = f"first {raised} late\n"
    assert run(program(text)) == f"{late}then 1\n{late}then Failure('mine')\n"


@pytest.mark.parametrize("raised", RAISED)
def test_a_signal_handler_that_raises_does_not_cost_results_of_a_pool(run: Run, raised: str) -> None:
    text = f"""
    def main():
        on_alarm({raised})
        with pool(2) as it:
            it.apply(abs, (1,))
            for size in (1, 2):
                surprises.append(alarm)
                result = it.map_async(Value, range(5), size)
                ask("first", result.get)
                ask("then", lambda: [value.number for value in result.get()])
            for ordered in (True, False):
                surprises.append(alarm)
                results = (it.imap if ordered else it.imap_unordered)(Value, range(5))
                ask("first", results.next)
                ask("then", lambda: sorted(value.number for value in results))
            surprises.append(alarm)
            result = it.apply_async(fail)
            ask("first", result.get)
            ask("then", result.get)
    """
    late = f"first {raised} late\nthen [0, 1, 2, 3, 4]\n"
    assert run(program(text)) == f"{late * 4}first {raised} late\nthen Failure mine\n"


def test_a_signal_that_comes_while_c_code_unpickles_does_not_cost_the_result(run: Run) -> None:
    # Its handler runs right behind the method that unpickles.
    text = """
    class InC:
        def __init__(self, number):
            self.number = number

        def __reduce__(self):
            return _thread.interrupt_main, (signal.SIGALRM,)

    def main():
        on_alarm(Timeout)
        with executor() as it:
            future = it.submit(InC, 1)
            ask("first", future.result)
            print(future.result())
        with pool() as it:
            it.apply(abs, (1,))
            for result in (it.apply_async(InC, (1,)).get, it.map_async(InC, [1]).get, it.imap(InC, [1]).next):
                ask("first", result)
                ask("then", result)
    """
    late = "first Timeout late\n"
    expected = f"{late}None\n{late}then None\n{late}then [None]\n{late}then None\n"
    assert run(program(text)) == expected


def test_a_signal_handler_that_asks_while_its_thread_unpickles_hears_that_there_is_no_result(
    run: Run,
) -> None:
    text = """
    def main():
        signal.signal(signal.SIGALRM, lambda *_: asks())
        with executor() as it:
            surprises.append(alarm)
            future = it.submit(Value, 1)
            def asks():
                print(future.done(), future.running(), future.cancel(), len(futures.wait([future], 0).not_done) <= 1)
                ask("result", lambda: future.result(0))
            ask("future", lambda: repr(future) and future.result().number)
            print(future.done(), future.result().number)
        with pool() as it:
            for result in (it.apply_async(Value, (1,)), it.map_async(Value, [1])):
                surprises.append(alarm)
                def asks():
                    print(result.ready())
                    ask("successful", result.successful)
                result.wait()
                value = result.get()
                print(result.ready(), result.successful(), getattr(value, "number", None) or value[0].number)
            for method in (it.imap, it.imap_unordered):
                surprises.append(alarm)
                results = method(Value, range(3))
                inner = []
                def asks():
                    inner.append(next(results).number)
                print(sorted([value.number for value in results] + inner))
    """
    lines = run(program(text)).splitlines()
    assert lines[0] == "False True False True"
    assert lines[1].startswith("result RuntimeError this thread is unpickling the result")
    assert lines[2:4] == ["future 1", "True 1"]
    for start in (4, 7):
        assert lines[start] == "False"
        assert lines[start + 1].startswith("successful ValueError")
        assert lines[start + 2] == "True True 1"
    assert lines[10:] == ["[0, 1, 2]", "[0, 1, 2]"]


BEHIND = """
def call_behind(count, surprise, function):
    # A profiler is called where a signal handler would be: right behind a call of a function in C.
    left = [count]
    def profile(frame, event, _):
        if event == "c_return" and "_multiprocessing_pool" in frame.f_code.co_filename:
            left[0] -= 1
            if not left[0]:
                surprise()
    sys.setprofile(profile)
    try:
        return function()
    finally:
        sys.setprofile(None)
        if left[0] > 0:
            over.append(count)

def late():
    raise Timeout("late")

def elsewhere(function):
    got = []
    thread = threading.Thread(target=lambda: got.append(function()))
    thread.start()
    thread.join()
    return got[0]

over = []
"""


@pytest.mark.parametrize("method", ["imap", "imap_unordered"])
def test_a_signal_handler_that_raises_behind_any_call_does_not_cost_results_of_an_iterator(
    run: Run, method: str
) -> None:
    if method == "imap" and sys.version_info >= (3, 14):
        pytest.skip("a handler may run between `__enter__` of a lock and the block of its `with` statement")
    text = f"""
    def main():
        with pool() as it:
            count = 0
            while not over:
                count += 1
                results = it.{method}(abs, range(3))
                got = []
                try:
                    got.append(call_behind(count, late, lambda: results.next(30)))
                except Timeout:
                    pass
                # Another thread gets the rest, as this one has given everything back.
                got += elsewhere(lambda: [results.next(30) for _ in range(3 - len(got))])
                assert sorted(got) == [0, 1, 2], (count, got)
                assert elsewhere(lambda: next(results, "end")) == "end"
            print(count > 3)
    """
    assert run(program(BEHIND + textwrap.dedent(text))) == "True\n"


def test_a_signal_handler_behind_any_call_may_raise_or_ask_for_the_same_result(run: Run) -> None:
    text = """
    def main():
        with pool() as it:
            for surprise in (late, lambda: ask_again()):
                over.clear()
                count = 0
                while not over:
                    count += 1
                    result = it.apply_async(abs, (-1,))
                    heard = []
                    def ask_again():
                        is_ready = result.ready()
                        try:
                            heard.append(result.get(30))
                        except RuntimeError as error:
                            heard.append(str(error).startswith("this thread is unpickling the result"))
                            assert not is_ready
                    try:
                        assert call_behind(count, surprise, result.get) == 1
                    except Timeout:
                        assert surprise is late
                    assert all(heard), heard
                    assert elsewhere(lambda: result.get(30)) == 1
                print(count > 2)
    """
    assert run(program(BEHIND + textwrap.dedent(text))) == "True\nTrue\n"


def test_a_signal_handler_that_takes_the_last_result_ends_the_wait_of_its_thread(run: Run) -> None:
    text = """
    def main():
        with pool() as it:
            results = it.imap_unordered(wait_for_go, [1])
            while results._length is None:
                os.sched_yield()
            inner = []
            def handler(number, frame):
                go.set()
                inner.append(results.next())
            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            print(next(results, "end"), inner)
    """
    assert run(program(text)) == "end [1]\n"
