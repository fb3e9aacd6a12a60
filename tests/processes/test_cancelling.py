"""Calls in processes that are cancelled while they run: `Future.cancel(running=True)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
from interlock.concurrent.futures import Future, ThreadPoolExecutor
from interlock.threading import Event

from tests.processes.test_executor import HEAD

Run = Callable[..., str]

HEAD += """
import select

def pid():
    return os.getpid()

def watched(number):
    # Returns a function that tells whether the process that has this id now has ended. (Another one may get the id.)
    descriptor = os.pidfd_open(number)
    return lambda: bool(select.select([descriptor], [], [], 0)[0])

def until(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)  # sleep: until it holds
"""


@pytest.mark.parametrize("policy", ["fail-task", "retry", "break"])
def test_a_running_call_is_cancelled_and_nothing_else_notices(run: Run, method: str, policy: str) -> None:
    program = f"""
def main():
    told = []
    pool, first, end = held_executor(on_worker_death={policy!r}, retries={5 * (policy == "retry")})
    (worker,) = pool._processes
    is_gone = watched(worker)
    first.add_done_callback(lambda future: told.append(future.cancelled()))
    waiting = [pool.submit(abs, -i) for i in range(20)]
    assert first.running() and not first.cancel() and not first.cancelled()
    assert first.cancel(running=True)
    assert first.cancelled() and first.done() and not first.running()
    assert told == [True], told
    for ask in (first.result, first.exception):
        try:
            ask(0)
        except CancelledError:
            pass
        else:
            raise AssertionError("a cancelled call has a result")
    assert wait([first], 60).done == {{first}}
    assert first.cancel() and first.cancel(running=True)  # as often as one likes
    assert [future.result() for future in waiting] == [*range(20)]
    assert not waiting[0].cancel(running=True)
    assert pool.submit(pid).result() != worker
    until(is_gone)
    pool.shutdown()
    assert told == [True], told
"""
    assert run(HEAD + program, method) == ""


def test_a_waiting_call_is_cancelled_without_a_death(run: Run, method: str) -> None:
    program = """
def main():
    pool, first, end = held_executor()
    (worker,) = pool._processes
    waiting = [pool.submit(abs, -i) for i in range(5)]
    assert all(future.cancel(running=True) for future in waiting)
    end.set()
    assert first.result() == "held"
    assert pool.submit(pid).result() == worker
    pool.shutdown()
"""
    assert run(HEAD + program, method) == ""


def test_a_thread_that_waits_for_a_call_hears_of_its_end(run: Run) -> None:
    program = """
def main():
    for runs in (True, False):
        pool, first, end = held_executor()
        future = first if runs else pool.submit(abs, -1)
        raised = []

        def wait_for_it():
            try:
                future.result()
            except CancelledError as error:
                raised.append(error)

        thread = threading.Thread(target=wait_for_it)
        thread.start()
        time.sleep(0.1)  # sleep: until the thread waits, as a rule
        assert future.cancel(running=True)
        thread.join(60)
        assert len(raised) == 1, raised
        end.set()
        pool.shutdown()
"""
    assert run(HEAD + program) == ""


def test_a_future_that_a_program_looks_into_is_ended_too(run: Run) -> None:
    program = """
def main():
    pool, first, end = held_executor()
    assert first._state in ("PENDING", "RUNNING")  # its state lies in its attributes from now on
    assert first.cancel(running=True)
    try:
        first.result(60)
    except CancelledError:
        pass
    assert pool.submit(abs, -1).result() == 1
    pool.shutdown()
"""
    assert run(HEAD + program) == ""


def test_many_calls_are_cancelled_as_they_come(run: Run, method: str) -> None:
    program = """
def main():
    with executor(2) as pool:
        cancelled = 0
        for round in range(30):
            futures = [pool.submit(abs, -i) for i in range(4)]
            if futures[round % 4].cancel(running=True):
                cancelled += 1
                assert futures[round % 4].cancelled()
                futures[round % 4] = None
            assert [f.result(60) for f in futures if f] == [i for i in range(4) if futures[i]]
    assert pool._processes is None
"""
    assert run(HEAD + program, method) == ""


def test_a_call_in_a_thread_goes_on() -> None:
    begun, end = Event(), Event()

    def held() -> str:
        begun.set()
        end.wait()
        return "held"

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(held)
        waiting = pool.submit(abs, -1)
        begun.wait()
        assert not running.cancel(running=True)
        assert waiting.cancel(running=True)
        end.set()
        assert running.result() == "held"


def test_the_keyword_is_one_only() -> None:
    (_, running) = inspect.signature(Future.cancel).parameters.values()
    assert (running.kind, running.default) == (inspect.Parameter.KEYWORD_ONLY, False)
    with pytest.raises(TypeError):
        Future().cancel(True)  # type: ignore[call-arg]
