"""Ctrl-C ends every blocking call in the main thread, and leaves the object as if there had been no call.

The signal comes twice: as soon as the thread blocks, and after it has slept for a long time.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.lifecycle.ctrl_c import ATTEMPTS, ctrl_c_ends_its_waits, line
from tests.lifecycle.inside import eventually, until_blocked

Start = Callable[..., "subprocess.Popen[str]"]

OTHER = "def elsewhere(f):\n    t = std.Thread(target=f); t.start(); t.join()\n"

# The object, the call that blocks, and what must hold afterwards.
CALLS: dict[str, tuple[str, str, str]] = {
    "Lock.acquire": ("x = threading.Lock(); x.acquire()", "x.acquire()", "x.release(); free(x)"),
    "Lock.acquire with a timeout": (
        "x = threading.Lock(); x.acquire()",
        "x.acquire(timeout=60)",
        "x.release(); free(x)",
    ),
    "with Lock": ("x = threading.Lock(); x.acquire()", "x.__enter__()", "x.release(); free(x)"),
    "RLock.acquire": (
        "x = threading.RLock(); elsewhere(x.acquire)",
        "x.acquire()",
        "assert not x._is_owned(); assert not x.acquire(False)",
    ),
    "Condition.wait": (
        "x = threading.Condition(); x.acquire(); x.acquire()",
        "x.wait()",
        "assert x._is_owned() and not x._waiters; x.notify(); x.release(); x.release(); free(x)",
    ),
    "Condition.wait_for": (
        "x = threading.Condition(); x.acquire()",
        "x.wait_for(lambda: False, 60)",
        "assert not x._waiters; x.release(); free(x)",
    ),
    "Condition(Lock).wait": (
        "x = threading.Condition(threading.Lock()); x.acquire()",
        "x.wait(60)",
        "assert not x._waiters; x.release(); free(x)",
    ),
    "Condition.wait with a lock of the standard library": (
        "x = threading.Condition(std.Lock()); x.acquire()",
        "x.wait()",
        "assert not x._waiters; x.release(); free(x)",
    ),
    "Semaphore.acquire": (
        "x = threading.Semaphore(0)",
        "x.acquire()",
        "assert x._value == 0; x.release(); assert x._value == 1; assert x.acquire(False)",
    ),
    "BoundedSemaphore.acquire": (
        "x = threading.BoundedSemaphore(1); x.acquire()",
        "x.acquire(timeout=60)",
        "x.release(); free(x)",
    ),
    "Event.wait": (
        "x = threading.Event()",
        "x.wait()",
        "assert not x.wait(0.001); x.set(); assert x.wait(0)",
    ),
    "Barrier.wait": (
        "x = threading.Barrier(2)",
        "x.wait()",
        "assert not x.broken and x.n_waiting == 0",
    ),
    "Queue.get": (
        "x = queue.Queue()",
        "x.get()",
        "x.put(1); assert x.qsize() == 1 and x.get(timeout=60) == 1",
    ),
    "Queue.get with a timeout": (
        "x = queue.Queue()",
        "x.get(True, 60)",
        "x.put(1); assert x.qsize() == 1 and x.get(timeout=60) == 1",
    ),
    "Queue.get_many": ("x = queue.Queue()", "x.get_many(5)", "x.put(1); assert x.get_many(2) == [1]"),
    "Queue.put": (
        "x = queue.Queue(1); x.put(0)",
        "x.put(1)",
        "assert x.qsize() == x.unfinished_tasks == 1 and x.get() == 0; x.put(2, timeout=60); x.get()",
    ),
    "Queue.put_many": (
        "x = queue.Queue(2)",
        "x.put_many([0, 1, 2, 3])",
        "assert x.qsize() == x.unfinished_tasks == 2; assert x.get_many(5) == [0, 1]",
    ),
    "Queue.join": ("x = queue.Queue(); x.put(0)", "x.join()", "x.get(); x.task_done(); x.join()"),
    "LifoQueue.get": ("x = queue.LifoQueue()", "x.get()", "x.put(1); assert x.get(timeout=60) == 1"),
    "PriorityQueue.get": (
        "x = queue.PriorityQueue()",
        "x.get()",
        "free(x.mutex); x.put(1); assert x.get(timeout=60) == 1",
    ),
    "PriorityQueue.put": (
        "x = queue.PriorityQueue(1); x.put(0)",
        "x.put(1)",
        "free(x.mutex); assert x.qsize() == x.unfinished_tasks == 1",
    ),
    "PriorityQueue.join": ("x = queue.PriorityQueue(); x.put(0)", "x.join()", "free(x.mutex)"),
    "Queue.get for its mutex": (
        "x = queue.Queue(); x.mutex.acquire()",
        "x.get()",
        "x.mutex.release(); free(x.mutex); x.put(1); assert x.get(timeout=60) == 1",
    ),
    "Queue.put for its mutex": (
        "x = queue.Queue(); x.mutex.acquire()",
        "x.put(1)",
        "x.mutex.release(); free(x.mutex); assert x.qsize() == x.unfinished_tasks == 0",
    ),
    "Queue.qsize for its mutex": (
        "x = queue.Queue(); x.mutex.acquire()",
        "x.qsize()",
        "x.mutex.release(); free(x.mutex)",
    ),
    "SimpleQueue.get": ("x = queue.SimpleQueue()", "x.get()", "x.put(1); assert x.get(timeout=60) == 1"),
}

FREE = """
def free(lock):
    assert lock.acquire(timeout=60)
    lock.release()
"""


@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_ends_a_wait_and_changes_nothing(start: Start, name: str) -> None:
    setup, call, check = CALLS[name]
    ctrl_c_ends_its_waits(start, OTHER + FREE, setup, call, check)


REMAINING: dict[str, tuple[str, str]] = {
    "Lock": ("x = threading.Lock(); x.acquire()", "not x.acquire(timeout=T)"),
    "RLock": ("x = threading.RLock(); elsewhere(x.acquire)", "not x.acquire(timeout=T)"),
    "Condition": ("x = threading.Condition(); x.acquire()", "not x.wait(T)"),
    "Condition.wait_for": ("x = threading.Condition(); x.acquire()", "not x.wait_for(bool, T)"),
    "Semaphore": ("x = threading.Semaphore(0)", "not x.acquire(timeout=T)"),
    "Event": ("x = threading.Event()", "not x.wait(T)"),
    "Barrier": ("x = threading.Barrier(2)", "raises(threading.BrokenBarrierError, x.wait, T)"),
    "Queue.get": ("x = queue.Queue()", "raises(queue.Empty, x.get, True, T)"),
    "Queue.put": ("x = queue.Queue(1); x.put(0)", "raises(queue.Full, x.put, 1, True, T)"),
    "PriorityQueue.get": ("x = queue.PriorityQueue()", "raises(queue.Empty, x.get, True, T)"),
    "SimpleQueue.get": ("x = queue.SimpleQueue()", "raises(queue.Empty, x.get, True, T)"),
}


@pytest.mark.parametrize("name", REMAINING)
def test_a_handler_that_returns_leaves_the_wait_its_remaining_time(
    passes: Callable[..., None], name: str
) -> None:
    """Many signals, each with a call of its handler, neither shorten nor lengthen the wait."""
    setup, call = REMAINING[name]
    passes(f"""{OTHER}
T = 0.05
heard, over = [0], [False]
def raises(kind, call, *args):
    try:
        call(*args)
    except kind:
        return True
def hear(*_):
    heard[0] += 1
signal.signal(signal.SIGUSR1, hear)
main = std.main_thread()
def storm():
    while not over[0]:
        before = heard[0]
        signal.pthread_kill(main.ident, signal.SIGUSR1)
        eventually(lambda: heard[0] > before or over[0], "the handler")
said = []
while not said or len(said) < {ATTEMPTS} and not (said[-1][0] > 1 and said[-1][1] < T + 0.4):
    {setup}
    heard[0], over[0] = 0, False
    sender = std.Thread(target=storm)
    begin = time.monotonic()
    sender.start()
    assert {call}
    took = time.monotonic() - begin
    over[0] = True
    sender.join()
    assert took >= T, took
    said.append((heard[0], took))
assert len(said) < {ATTEMPTS}, said
""")


def test_a_handler_may_use_the_object_that_the_thread_waits_for(passes: Callable[..., None]) -> None:
    passes("""
        x, y, lock = queue.Queue(), queue.PriorityQueue(), threading.Lock()
        event, semaphore = threading.Event(), threading.Semaphore(0)
        def hear(*_):
            x.put("x"), y.put("y"), event.set(), semaphore.release(), lock.release()
        signal.signal(signal.SIGUSR1, hear)
        main = std.main_thread()
        for wait in (x.get, y.get, event.wait, semaphore.acquire, lock.acquire):
            event.clear()
            lock.acquire(False)
            while semaphore.acquire(False):
                pass
            for q in (x, y):
                while not q.empty():
                    q.get()
            def send():
                until_blocked([main.native_id])
                signal.pthread_kill(main.ident, signal.SIGUSR1)
            sender = std.Thread(target=send)
            sender.start()
            assert wait() in ("x", "y", True)
            sender.join()
    """)


def test_a_signal_for_another_thread_is_handled_by_a_main_thread_that_waits(
    passes: Callable[..., None],
) -> None:
    """The kernel may deliver a process's signal to any thread; if the main thread sleeps, it chooses that."""
    passes("""
        heard = threading.Event()
        signal.signal(signal.SIGUSR1, lambda *_: heard.set())
        crew = Crew(threading.Thread)
        crew.start(*[threading.Event().wait] * 4)
        crew.until_blocked()
        os.kill(os.getpid(), signal.SIGUSR1)
        assert heard.wait(60)
    """)


def test_ctrl_c_at_a_prompt_leaves_no_child(start: Start) -> None:
    """An uncaught KeyboardInterrupt ends the program and its daemon threads, with SIGINT."""
    process = start("""
        crew = Crew(threading.Thread)
        crew.start(queue.Queue().get, threading.Event().wait)
        crew.until_blocked()
        print("waiting", flush=True)
        queue.Queue().get()
    """)
    line(process, "waiting")
    until_blocked([process.pid], process.pid)
    process.send_signal(signal.SIGINT)
    eventually(lambda: process.poll() is not None, "the end")
    assert process.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in process.communicate()[1]
    assert not os.path.exists(f"/proc/{process.pid}/task")
