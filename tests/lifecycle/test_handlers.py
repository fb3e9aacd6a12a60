"""Which handlers for forks and for the exit are registered, when, and in which order they run (docs/lifecycle.md)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

Passes = Callable[..., None]

RECORD = """
import os, sys
assert "threading" not in sys.modules
real, forks = os.register_at_fork, []

def register_at_fork(**handlers):
    forks.extend((event, f"{function.__module__}.{function.__qualname__}") for event, function in handlers.items())
    real(**handlers)

os.register_at_fork = register_at_fork
import threading, atexit
exits, real_exits = [], threading._register_atexit
threading._register_atexit = lambda function: (exits.append(function.__module__), real_exits(function))
"""


def record(body: str) -> str:
    """What the handlers are after these statements, in a process of its own."""
    script = f"{RECORD}\n{body}\nprint(*(name for event, name in forks if event == 'after_in_child'))\nprint(*exits)"
    command = [sys.executable, "-S", "-c", script]
    path = ":".join(sys.path)  # without the modules that site imports
    return subprocess.run(
        command, env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=True
    ).stdout


@pytest.mark.parametrize(
    "importing", ["", "import interlock; interlock.install()", "from interlock import threading"]
)
def test_locks_and_queues_bring_none_that_runs_in_a_child(importing: str) -> None:
    assert record(f"{importing}\nimport queue") == record("import queue")


def test_executors_bring_theirs_after_the_standard_ones() -> None:
    forks, exits = record("from interlock.concurrent import futures").splitlines()
    assert forks.split()[-1] == "interlock.concurrent.futures._held._after_fork"
    assert exits.split() == ["concurrent.futures.thread", "interlock.concurrent.futures._held"]


def test_the_first_time_limit_brings_that_of_the_clock() -> None:
    limit = "futures.ThreadPoolExecutor(1).at(timeout=60).submit(int).result()"
    forks, _ = record(f"from interlock.concurrent import futures; {limit}").splitlines()
    assert forks.split()[-2:] == ["interlock.concurrent.futures._held._after_fork", "None.Alarms.reset"]


def test_pools_bring_one_after_the_standard_ones() -> None:
    forks, exits = record("from interlock.multiprocessing import pool").splitlines()
    assert forks.split()[-1] == "interlock.multiprocessing._thread_pool._after_fork"
    assert not exits


def test_in_the_child_the_standard_locks_are_free_when_our_handlers_run(passes: Passes) -> None:
    # The handler of the pools drops what waits for the parent's workers, and a destructor may do anything.
    passes(
        """
import concurrent.futures.thread as standard
from interlock.multiprocessing.pool import ThreadPool

class Item:
    def __call__(self):
        pass
    def __del__(self):
        if os.getpid() != parent:
            with standard._global_shutdown_lock:
                print("freed in the child", flush=True)

parent, stop, begun = os.getpid(), std.Event(), std.Event()
pool = ThreadPool(1)
pool.apply_async(lambda: begun.set() or stop.wait())
begun.wait()
pool.apply_async(Item())
pid = os.fork()
if pid == 0:
    os._exit(0)
assert reap(pid) == 0
stop.set()
pool.close()
pool.join()
""",
        says="freed in the child",
    )
