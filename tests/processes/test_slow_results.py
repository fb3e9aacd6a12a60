"""Threads that ask for a result while another thread unpickles it."""

from __future__ import annotations

import textwrap

import pytest

from tests.processes.conftest import Run
from tests.processes.test_result_delivery import program

SLOW = """
    begun, finish = threading.Event(), threading.Event()

    def unpickled_slowly(how):
        begun.set()
        finish.wait()
        return how

    class Slow:
        def __reduce__(self):
            return unpickled_slowly, ("slow",)

    def of_thread(function):
        thread = threading.Thread(target=ask, args=("thread", function))
        thread.start()
        return thread
"""


def test_a_future_whose_result_another_thread_unpickles_is_not_done_yet(run: Run) -> None:
    text = """
    def main():
        with executor() as it:
            future = it.submit(Slow)
            thread = of_thread(future.result)
            begun.wait()
            print(future.done(), future.running(), future.cancel())
            for timeout in (0, 0.05):
                ask("result", lambda: future.result(timeout))
                ask("exception", lambda: future.exception(timeout))
                ask("as_completed", lambda: list(futures.as_completed([future], timeout)))
                print(len(futures.wait([future], timeout).done))
            finish.set()
            ended = len(futures.wait([future]).done), future.done(), future.result(0)
            thread.join()
            print(*ended)
    """
    timed_out = "result TimeoutError \nexception TimeoutError \n"
    unfinished = "as_completed TimeoutError 1 (of 1) futures unfinished\n0\n"
    expected = "False True False\n" + 2 * (timed_out + unfinished)
    assert sorted(run(program(SLOW + text)).splitlines()) == sorted(
        (expected + "1 True slow\nthread slow\n").splitlines()
    )


@pytest.mark.parametrize("way", ["wait([future])", "as_completed([future])"])
def test_a_future_that_was_reported_as_done_stays_done(run: Run, way: str) -> None:
    text = f"""
    def unpickled_slowly_elsewhere(how):
        begun.set()
        if threading.current_thread() is not threading.main_thread():  # which waits, perhaps after the call's end
            finish.wait()
        return how

    class SlowElsewhere:
        def __reduce__(self):
            return unpickled_slowly_elsewhere, ("slow",)

    def main():
        with executor() as it:
            future = it.submit(SlowElsewhere)
            list(futures.{way})
            thread = of_thread(future.result)
            begun.wait()
            ended = future.done(), future.running(), len(futures.wait([future], 0).done)
            threading.Timer(0.05, finish.set).start()
            result = future.result(0)
            thread.join()
            print(*ended)
            print(result)
    """
    assert sorted(run(program(SLOW + text)).splitlines()) == ["True False 1", "slow", "thread slow"]


def test_the_end_waits_for_a_callback_that_came_while_the_result_was_unpickled(run: Run) -> None:
    text = """
    def main():
        waits = threading.Event()
        def callback(future):
            waits.wait()
            print("called", threading.current_thread() is threading.main_thread(), flush=True)
        def add():
            begun.wait()
            future.add_done_callback(callback)
            finish.set()
        it = executor()
        future = it.submit(Slow)
        thread = threading.Thread(target=add)
        thread.start()
        print(future.result())
        thread.join()
        threading.Timer(0.05, waits.set).start()
        it.shutdown()
        print("ended")
    """
    assert run(program(SLOW + text)) == "slow\ncalled False\nended\n"


def test_a_future_that_is_materialized_meanwhile_is_yielded_when_it_is_done(run: Run) -> None:
    text = """
    def main():
        with executor() as it:
            held, future = it.submit(wait_for_go, 0), it.submit(Slow)
            def look():
                future._condition
                go.set()
                begun.wait()
                print(future.done())
                finish.set()
            thread = threading.Thread(target=look)
            waits = futures.as_completed([future])
            thread.start()
            for each in waits:
                print(each.done(), each.result(0))
            thread.join()
    """
    assert run(program(SLOW + text)) == "False\nTrue slow\n"


def test_a_future_that_is_materialized_after_its_cancellation_says_so(run: Run) -> None:
    text = """
    def main():
        with executor() as it:
            held, ahead = it.submit(wait_for_go, 0), it.submit(abs, 1)
            for number in range(20):
                future = it.submit(abs, -1)
                thread = of_thread(future.result)
                os.sched_yield()
                future.cancel()
                future._condition
                thread.join()
            go.set()
    """
    assert run(program(SLOW + text)) == "thread CancelledError \n" * 20


def test_a_future_that_an_end_has_cancelled_is_cancelled_for_its_thread(run: Run) -> None:
    # The pool's thread is busy with a callback meanwhile.
    text = """
    def main():
        busy, free = threading.Event(), threading.Event()
        def callback(future):
            busy.set()
            free.wait()
        it = executor()
        it.submit(wait_for_go, 0).add_done_callback(callback)
        go.set()
        busy.wait()
        go.clear()
        running = it.submit(wait_for_go, 0)
        while not running.running():
            os.sched_yield()
        calls = [it.submit(abs, 1) for _ in range(5)]
        calls[-1].add_done_callback(lambda future: print("called", future.cancelled()))
        it.shutdown(wait=False, cancel_futures=True)
        print(calls[-1].cancel(), calls[-1].cancelled(), calls[-1].done())
        ask("result", calls[-1].result)
        go.set()
        free.set()
    """
    assert run(program(text)) == "called True\nTrue True True\nresult CancelledError \n"


HELD = """
begun, proceed = threading.Event(), threading.Event()

def hold():
    begun.set()
    proceed.wait()

def hold_in(function):
    begun.clear(), proceed.clear()
    surprises.append(hold)
    thread = threading.Thread(target=function)
    thread.start()
    begun.wait()
    return thread
"""


@pytest.mark.parametrize("call", ["apply_async(Value, (1,))", "map_async(Value, [1])"])
def test_a_thread_does_not_wait_longer_than_it_wants_for_another_that_unpickles(run: Run, call: str) -> None:
    text = f"""
    def main():
        with pool() as it:
            result = it.{call}
            thread = hold_in(result.get)
            for timeout in (0, 0.01, -1):
                ask("get", lambda: result.get(timeout))
                result.wait(timeout)
                print(result.ready())
            ask("successful", lambda: result.successful() or 1)
            waiting = threading.Thread(target=result.wait)
            waiting.start()
            proceed.set()
            thread.join()
            waiting.join()
            print(result.ready(), result.successful(), result.get(0) is result.get(0))
    """
    lines = run(program(HELD + textwrap.dedent(text))).splitlines()
    assert lines[:6] == ["get TimeoutError ", "False"] * 3
    assert lines[6].startswith("successful ValueError")
    assert lines[7:] == ["True True True"]


@pytest.mark.parametrize("way", ["wait()", "ready()"])
def test_a_result_that_is_there_stays_there_while_another_thread_unpickles_it(run: Run, way: str) -> None:
    text = f"""
    def main():
        with pool() as it:
            result = it.apply_async(Value, (1,))
            while not result.ready():
                result.{way}
            thread = hold_in(result.get)
            print(result.ready())
            proceed.set()
            print(result.get(0).number, result.successful())
            thread.join()
    """
    assert run(program(HELD + textwrap.dedent(text))) == "True\n1 True\n"
