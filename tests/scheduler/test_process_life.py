"""Signals, forks, the exit, and several threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from typing import Any

import pytest
from interlock.scheduler import Scheduler, call, sleep

Steps = Generator[Any, Any, Any]


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)


INTERRUPTED = """
import os, signal, socket, threading
from interlock.scheduler import *
one, other = socket.socketpair()
log = []
def waits():
    try:
        yield OPERATION
    finally:
        log.append("closed")
scheduler = Scheduler()
scheduler.spawn(waits())
def kill():
    import time
    while True:
        os.kill(os.getpid(), signal.SIGINT)
        if done.wait(0.2): break
done = threading.Event()
def starts():
    yield
    threading.Thread(target=kill, daemon=True).start()
scheduler.spawn(starts())
try:
    scheduler.run()
except KeyboardInterrupt:
    done.set()
    print("interrupted", len(scheduler.tasks()), log)
scheduler.close()
print(log)
"""


@pytest.mark.parametrize("operation", ["recv(one)", "sleep(1000)"])
def test_ctrl_c_ends_the_wait_and_leaves_the_tasks(operation: str) -> None:
    done = run(INTERRUPTED.replace("OPERATION", operation))
    assert (done.stdout, done.stderr) == ("interrupted 1 []\n['closed']\n", "")


def test_ctrl_c_interrupts_tasks_that_never_wait() -> None:
    done = run(
        "import os, signal\n"
        "from interlock.scheduler import Scheduler\n"
        "def spins():\n"
        "    while True: yield\n"
        "def kills():\n"
        "    yield\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    while True: yield\n"
        "s = Scheduler(); s.spawn(spins()); s.spawn(kills())\n"
        "try: s.run()\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


def test_a_signal_handler_runs_during_a_wait() -> None:
    scheduler, handled = Scheduler(), []

    def task() -> Steps:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        while not handled:
            yield sleep(0.05)

    former = signal.signal(signal.SIGALRM, lambda *_: handled.append(True))
    try:
        scheduler.run(scheduler.spawn(task()))
    finally:
        signal.signal(signal.SIGALRM, former)
    assert handled == [True]


WAITS = (
    "import threading\n"
    "from interlock.scheduler import *\n"
    "def waits():\n"
    "    started.set()\n"
    "    try: yield sleep(1000)\n"
    "    finally: print('closed')\n"
    "def ends(): yield\n"
    "started = threading.Event()\n"
    "s = Scheduler(); s.spawn(waits())\n"
)


def test_tasks_that_never_end_are_closed_at_the_exit() -> None:
    done = run(WAITS + "s.run(s.spawn(ends()))\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "closed\n", "")


def test_a_daemon_thread_that_runs_tasks_does_not_keep_the_interpreter() -> None:
    done = run(WAITS + "threading.Thread(target=s.run, daemon=True).start(); started.wait()\n")
    assert (done.returncode, done.stderr) == (0, "")


def test_two_threads_run_two_schedulers() -> None:
    logs: dict[str, list[int]] = {"a": [], "b": []}

    def steps(log: list[int]) -> Steps:
        for number in range(200):
            log.append(number)
            yield sleep(0) if number % 3 else None

    def work(name: str) -> None:
        scheduler = Scheduler()
        for _ in range(3):
            scheduler.spawn(steps(logs[name]))
        scheduler.run()

    threads = [threading.Thread(target=work, args=name) for name in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(log == [number for number in range(200) for _ in range(3)] for log in logs.values())


def test_another_thread_adds_and_cancels_tasks_but_can_not_run_them() -> None:
    scheduler, log = Scheduler(), []
    sleeping = threading.Event()

    def waits() -> Steps:
        sleeping.set()
        yield sleep(1000)

    def added() -> Steps:
        log.append("added")
        yield

    task = scheduler.spawn(waits())

    def work() -> None:
        sleeping.wait()
        with pytest.raises(RuntimeError, match="another thread runs"):
            scheduler.run()
        scheduler.spawn(added())
        while not log:
            pass
        task.cancel()

    thread = threading.Thread(target=work)
    thread.start()
    scheduler.run()
    thread.join()
    assert task.cancelled()


def test_a_forked_child_goes_on_with_its_own_descriptors() -> None:
    done = run(
        "import os, socket, sys\n"
        "from interlock.scheduler import *\n"
        "one, other = socket.socketpair()\n"
        "def echoes():\n"
        "    yield sleep(0.001)\n"
        "    pid = os.fork()\n"
        "    yield sleep(0.001)\n"
        "    if pid:\n"
        "        os.waitpid(pid, 0)\n"
        "        yield recv(one)\n"
        "        print('parent', one.recv(10).decode(), flush=True)\n"
        "    else:\n"
        "        yield send(other, b'bytes')\n"
        "        print('child', flush=True)\n"
        "s = Scheduler(); s.spawn(echoes()); s.run()\n"
    )
    assert done.stderr == ""
    assert done.stdout == "child\nparent bytes\n"


def test_a_forked_child_makes_a_scheduler_of_its_own() -> None:
    def child() -> Steps:
        yield sleep(0.001)
        return (yield call(abs, -7))

    def parent() -> Steps:
        yield call(abs, 0)
        pid = os.fork()
        if not pid:
            own = Scheduler()
            os._exit(own.run(own.spawn(child())))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    scheduler = Scheduler()
    assert scheduler.run(scheduler.spawn(parent())) == 7


def test_a_subinterpreter_says_that_it_has_no_engine() -> None:
    interpreters = pytest.importorskip(
        "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    )
    code = (
        "try:\n import interlock.scheduler\nexcept ImportError as error:\n assert 'subinterpreter' in str(error)\n"
        "else:\n raise AssertionError\n"
    )
    number = interpreters.create()
    try:
        failed = (
            interpreters.exec(number, code)
            if hasattr(interpreters, "exec")
            else interpreters.run_string(number, code)
        )
        assert not failed
    finally:
        interpreters.destroy(number)


def test_in_a_forked_child_a_task_can_not_run_the_scheduler_that_runs_it() -> None:
    done = run(
        "import os, threading\n"
        "from interlock.scheduler import *\n"
        "def says():\n"
        "    try: s.run()\n"
        "    except RuntimeError as error: print(error, flush=True)\n"
        "def forks():\n"
        "    yield\n"
        "    if pid := os.fork():\n"
        "        os.waitpid(pid, 0)\n"
        "        return\n"
        "    says()\n"
        "    own = Scheduler()\n"
        "    print(own.run(own.spawn(other())), flush=True)\n"
        "    says()\n"
        "    thread = threading.Thread(target=says); thread.start(); thread.join()\n"
        "    yield\n"
        "    print('goes on', flush=True)\n"
        "def other():\n"
        "    yield\n"
        "    return 7\n"
        "s = Scheduler(); s.spawn(forks()); s.spawn(other()); s.run()\n"
    )
    inside = "this thread runs a scheduler already: run() inside run()"
    other = "another thread runs this scheduler"
    assert (done.stdout.splitlines(), done.stderr) == ([inside, "7", inside, other, "goes on"], "")
