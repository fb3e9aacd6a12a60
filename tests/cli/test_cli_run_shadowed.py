"""Under `interlock run`, a program's own module named like a standard one stays as it is."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Launcher

NAMESAKE = """
import collections
class Empty(Exception): pass
class Full(Exception): pass
class Queue:
    def __init__(self, maxsize=0): self.queue = collections.deque()
    def put(self, item, block=True, timeout=None): print("put"), self.queue.append(item)
    def get(self, block=True, timeout=None): return self.queue.popleft()
class LifoQueue(Queue): pass
class PriorityQueue(Queue): pass
class SimpleQueue(Queue): pass
"""
"""A module with the names of the standard `queue`, which can't be told from it by its classes."""

PROGRAMS = {
    "a queue": (
        {"queue": "X = 1\nclass Queue(list): pass"},
        "import queue; print(queue.X, queue.Queue.__mro__, sorted(vars(queue)))",
    ),
    "a queue with the same names": (
        {"queue": NAMESAKE},
        "import queue; q = queue.Queue(); q.put(1); print(q.get(), vars(queue.Queue).keys())",
    ),
    "a queue, after threading": (
        {"queue": "X = 1"},
        """
        import threading
        thread = threading.Thread(target=print, args=(1,)); thread.start(); thread.join()
        import queue; print(queue.X, threading.Event().wait(0.01))
        """,
    ),
    "a queue and executors": (
        {"queue": NAMESAKE},
        """
        import concurrent.futures as futures, sys
        print("queue" in sys.modules, "concurrent.futures.thread" in sys.modules)
        try:
            with futures.ThreadPoolExecutor(1) as pool:
                print(pool._work_queue.__class__.__module__, isinstance(pool._work_queue, sys.modules["queue"].Queue))
        except Exception as error:
            print(type(error))
        """,
    ),
    "a queue without the names that executors need": (
        {"queue": "print('runs')"},
        """
        import concurrent.futures as futures
        print("imported")
        for home, name in ("concurrent.futures", "ThreadPoolExecutor"), ("multiprocessing.pool", "ThreadPool"):
            try:
                getattr(__import__(home, fromlist=[name]), name)(1)
            except Exception as error:
                print(type(error))
        """,
    ),
    "a threading": (
        {"threading": "X = 2\nclass Lock: mine = 1\ndef _shutdown(): pass"},
        "import threading; print(threading.Lock.mine, threading.X)",
    ),
    "a subprocess": (
        {"subprocess": "def run(*args): return 'mine'\nclass Popen: pass"},
        "import subprocess; print(subprocess.run(1), subprocess.Popen.__mro__)",
    ),
    "a concurrent.futures": (
        {"concurrent/__init__": "", "concurrent/futures": "y = 2\nThreadPoolExecutor = 5"},
        "import concurrent.futures as f; print(f.y, f.ThreadPoolExecutor, [k for k in vars(f) if k[0] != '_'])",
    ),
    "a multiprocessing.pool": (
        {"multiprocessing/__init__": "", "multiprocessing/pool": "ThreadPool = 5"},
        "import multiprocessing.pool as p; print(p.ThreadPool, [k for k in vars(p) if k[0] != '_'])",
    ),
    "a package named queue": (
        {"queue/__init__": "X = 3", "queue/queue": "Y = 4"},
        "import queue.queue; print(queue.X, queue.queue.Y, hasattr(queue, 'Queue'))",
    ),
    "a queue in a package": (
        {"pkg/__init__": "", "pkg/queue": "from queue import Queue as Q\nclass Queue(Q): pass"},
        "from pkg.queue import Queue; q = Queue(); q.put(1); print(q.get(), Queue.__module__)",
    ),
}


@pytest.mark.parametrize("which", PROGRAMS)
def test_a_program_runs_its_own_module(launcher: Launcher, which: str) -> None:
    modules, program = PROGRAMS[which]
    for name, text in modules.items():
        launcher.write(f"{name}.py", text)
    launcher.write("program.py", program)
    done = launcher.same("program.py")
    assert (done.status, done.err) == (0, "")
    assert done.out


def test_our_own_module_that_fails_to_load_does_not_fail_the_import(launcher: Launcher) -> None:
    launcher.write("_queue.py", "raise RuntimeError('mine')")
    launcher.write("program.py", "import threading; print(threading.Event().wait(0.01))")
    plain, ours = launcher.run("program.py"), launcher.interlock("run", "program.py")
    assert (ours.status, ours.out) == (plain.status, plain.out) == (0, "False\n")
    assert ours.err in ("", "interlock: the standard threading stays in use: RuntimeError: mine\n")
