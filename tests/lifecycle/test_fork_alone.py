"""A program that has joined its threads forks with one: `os.fork()` does not warn, and both sides can start threads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.lifecycle.conftest import ROOT, finish_child

pytestmark = pytest.mark.timeout(120)

FORKS = 50

SCRIPT = f"""
import os, sys
from pathlib import Path
{{begin}}
from interlock._interlock import idle_threads
from tests.lifecycle.inside import eventually, reap

def work(count=4):
    said = queue.SimpleQueue()
    threads = [threading.Thread(target=said.put, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said.get(timeout=5) for _ in threads) == [*range(count)]

def kernel_threads():
    return len(os.listdir("/proc/self/task"))

for round in range({FORKS}):
    work()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            assert kernel_threads() == 1, kernel_threads()
            work(2)
            grandchild = os.fork()
            if grandchild == 0:
                work(1)
                os._exit(0)
            assert reap(grandchild) == 0
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    assert reap(pid) == 0
work()
"""
BEGINS = {
    "imported": "from interlock import queue, threading",
    "installed": "import interlock; interlock.install(); import queue, threading",
}


def run(script: str) -> None:
    """Run a script that takes every warning for an error."""
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-W", "error", "-c", script],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    done = finish_child(process, 100)
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize("begin", BEGINS)
def test_forks_after_joins_do_not_warn(begin: str) -> None:
    """From 3.12 on the interpreter counts the threads of the process; idle ones end before a fork."""
    run(SCRIPT.format(begin=BEGINS[begin]))


def test_idle_threads_are_gone_when_the_fork_happens() -> None:
    run("""
import os
from interlock import threading
from interlock._interlock import idle_threads
from tests.lifecycle.inside import eventually, reap

threads = [threading.Thread(target=int) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
eventually(lambda: idle_threads() > 0, "an idle thread")
seen = []
os.register_at_fork(after_in_parent=lambda: seen.append(len(os.listdir("/proc/self/task"))))
pid = os.fork()
if pid == 0:
    os._exit(0 if idle_threads() == 0 else 1)
assert reap(pid) == 0
assert seen == [1] and idle_threads() == 0, (seen, idle_threads())
""")


def test_a_thread_that_runs_is_told_of() -> None:
    """The warning is right then, as it is with the standard library's threads."""
    run("""
import os, sys, warnings
from interlock import threading
from tests.lifecycle.inside import reap

go = threading.Event()
thread = threading.Thread(target=go.wait)
thread.start()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    pid = os.fork()
    if pid == 0:
        os._exit(0)
assert reap(pid) == 0
assert len(caught) == (sys.version_info >= (3, 12)), caught
go.set()
thread.join()
""")
