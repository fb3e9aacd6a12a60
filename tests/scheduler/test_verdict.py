"""Every task waits for ever: an error that names each.

Queues are another thread's, too, and a test runner has threads of its own. So queues are tested in a process apart.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Generator
from typing import Any

import pytest
from interlock import DeadlockError, queue
from interlock.scheduler import Scheduler, get, join, put, sleep

Steps = Generator[Any, Any, Any]


def waits_for(operation: Any) -> Steps:
    return (yield operation)


def run(body: str) -> str:
    """Run a program with a scheduler and two queues, and return what it prints."""
    code = (
        "import threading\n"
        "from interlock import DeadlockError, queue\n"
        "from interlock.scheduler import Scheduler, call, get, put\n"
        "scheduler, empty, full = Scheduler(), queue.Queue(), queue.Queue(1)\n"
        "full.put(0)\n"
        "def waits_for(operation): return (yield operation)\n"
        "def verdict():\n"
        "    try: scheduler.run()\n"
        "    except DeadlockError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code + body], capture_output=True, text=True, timeout=100)
    assert done.stderr == ""
    return done.stdout


def test_tasks_that_join_each_other() -> None:
    scheduler = Scheduler()
    tasks: list[Any] = []

    def joins(number: int) -> Steps:
        yield join(tasks[number])

    tasks += [scheduler.spawn(joins(1), name="one"), scheduler.spawn(joins(0), name="other")]
    with pytest.raises(DeadlockError) as caught:
        scheduler.run()
    message = str(caught.value)
    assert "task 'one' waits for join('other')" in message
    assert "task 'other' waits for join('one')" in message
    scheduler.close()


def test_queues_that_nobody_else_uses() -> None:
    said = run(
        "scheduler.spawn(waits_for(get(empty)), name='getter')\n"
        "scheduler.spawn(waits_for(put(full, 1)), name='putter')\n"
        "verdict()\n"
        "empty.put(1); full.get()\n"  # the scheduler is as it was: somebody may do something about it
        "scheduler.run(); print(full.get())\n"
    )
    first, second = said.splitlines()
    assert "task 'getter' waits for get(<queue.Queue object" in first
    assert "task 'putter' waits for put(<queue.Queue object" in first
    assert second == "1"


def test_the_threads_of_calls_do_not_count() -> None:
    said = run(
        "scheduler.run(scheduler.spawn(waits_for(call(abs, 1))))\n"
        "scheduler.run(scheduler.spawn(waits_for(call(abs, 1).in_process())))\n"
        "scheduler.spawn(waits_for(get(empty)))\n"
        "verdict()\n"
    )
    assert "nobody can wake one" in said


@pytest.mark.parametrize(
    "begin",
    [
        "scheduler.spawn(abandons())\n",
        "_thread.start_new_thread(puts, ())\n",
        "signal.signal(signal.SIGALRM, lambda *_: empty.put(5)); signal.setitimer(signal.ITIMER_REAL, 0.1)\n",
    ],
    ids=["abandoned call", "thread that has not begun", "signal handler"],
)
def test_no_verdict_while_something_else_may_put(begin: str) -> None:
    said = run(
        "import _thread, signal, time\n"
        "def puts():\n"
        "    time.sleep(0.1)\n"  # sleep: the scheduler asks meanwhile whether anything can wake its task
        "    empty.put(5)\n"
        "def abandons():\n"
        "    try: yield call(puts).within(0.01)\n"
        "    except TimeoutError: print('not done in time')\n"
        "task = scheduler.spawn(waits_for(get(empty)))\n" + begin + "print(scheduler.run(task))\n"
    )
    assert said.splitlines()[-1] == "5"


def test_the_verdict_comes_when_the_call_that_was_left_is_over() -> None:
    said = run(
        "end = threading.Event()\n"
        "def abandons():\n"
        "    try: yield call(end.wait).within(0.01)\n"
        "    except TimeoutError: end.set()\n"
        "scheduler.spawn(waits_for(get(empty)))\n"
        "scheduler.spawn(abandons())\n"
        "verdict()\n"
    )
    assert "nobody can wake one" in said


def test_the_verdict_comes_when_the_last_other_thread_has_ended() -> None:
    said = run(
        "end = threading.Event()\n"
        "threading.Thread(target=end.wait).start()\n"
        "def ends():\n"
        "    yield\n"
        "    end.set()\n"
        "scheduler.spawn(waits_for(get(empty)))\n"
        "scheduler.spawn(ends())\n"
        "verdict()\n"
    )
    assert "nobody can wake one" in said


def test_no_verdict_if_the_last_other_thread_puts_and_ends_while_the_scheduler_asks_c418() -> None:
    said = run(
        "from interlock import _scheduler_calls\n"
        "asks = _scheduler_calls.has_other_threads\n"
        "def after_a_put(states):\n"
        "    if not puts: return asks(states)\n"
        "    thread = threading.Thread(target=empty.put, args=(puts.pop(),))\n"
        "    thread.start(); thread.join()\n"
        "    return False\n"
        "_scheduler_calls.has_other_threads, puts = after_a_put, [5, 6]\n"
        "def gets():\n"
        "    for _ in range(3): print((yield get(empty)))\n"
        "scheduler.spawn(gets())\n"
        "verdict()\n"
    )
    assert said.splitlines()[:2] == ["6", "5"]
    assert "nobody can wake one" in said.splitlines()[2]


def test_another_thread_may_still_put() -> None:
    scheduler, empty = Scheduler(), queue.Queue[int]()
    task = scheduler.spawn(waits_for(get(empty)))
    waiting = threading.Event()

    def puts() -> None:
        waiting.wait()
        empty.put(7)

    thread = threading.Thread(target=puts)
    thread.start()

    def starts() -> Steps:
        yield
        waiting.set()

    scheduler.spawn(starts())
    assert scheduler.run(task) == 7
    thread.join()


def test_time_is_a_hope() -> None:
    scheduler, empty = Scheduler(), queue.Queue[int]()

    def waker() -> Steps:
        yield sleep(0.01)
        yield put(empty, 1)

    task = scheduler.spawn(waits_for(get(empty)))
    scheduler.spawn(waker())
    assert scheduler.run(task) == 1


def test_a_verdict_names_some_of_many_tasks() -> None:
    scheduler = Scheduler()
    tasks: list[Any] = []

    def joins() -> Steps:
        yield join(tasks[0])

    tasks.append(scheduler.spawn(waits_for_the_last(tasks)))
    tasks += [scheduler.spawn(joins()) for _ in range(999)]
    with pytest.raises(DeadlockError, match=r"waits for join.*; and 980 more$") as caught:
        scheduler.run()
    assert str(caught.value).count("waits for") == 20
    scheduler.close()


def waits_for_the_last(tasks: list[Any]) -> Steps:
    yield
    yield join(tasks[-1])
