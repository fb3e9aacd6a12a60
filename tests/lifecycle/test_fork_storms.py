"""Forks at random moments while other threads start, end, wait and are woken: no child ever hangs."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

Passes = Callable[..., None]

FORKS = int(os.environ.get("INTERLOCK_FORKS", "40"))

STORM = """
FORKS = {forks}
stop = std.Event()
def until_stopped(step):
    def loop():
        while not stop.is_set():
            step()
    return loop
def storm(*steps, child):
    threads = [std.Thread(target=until_stopped(step), daemon=True) for step in steps]
    for thread in threads:
        thread.start()
    for number in range(FORKS):
        status = forked(child)
        assert status == 0, f"child {{number}} of {{FORKS}}: status {{status}}"
    stop.set()  # a thread may still wait for another; both are daemons
"""


def test_a_fork_while_threads_start_and_end(passes: Passes) -> None:
    passes(
        STORM.format(forks=FORKS)
        + """
def start_and_join():
    threads = [threading.Thread(target=int) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
storm(start_and_join, start_and_join, child=start_and_join)
"""
    )


@pytest.mark.parametrize("inner", ["Queue(2)", "LifoQueue(2)", "SimpleQueue()"])
def test_a_fork_while_items_are_handed_over(passes: Passes, inner: str) -> None:
    passes(
        STORM.format(forks=FORKS)
        + f"""
there, back = queue.{inner}, queue.{inner}
def ask():
    there.put(1)
    back.get()
def answer():
    back.put(there.get())
def child():
    fresh = queue.{inner}
    thread = threading.Thread(target=lambda: fresh.put(7))
    thread.start()
    assert fresh.get(timeout=60) == 7
    thread.join()
    try:
        while True:
            there.get_nowait()
    except queue.Empty:
        there.put(1)
storm(ask, answer, child=child)
"""
    )


def test_a_fork_while_other_threads_wait_for_the_first_time(passes: Passes) -> None:
    """The first wait finds out some facts, such as the number of processors; the child has them, too."""
    for _ in range(max(FORKS // 4, 1)):
        passes("""
            about_to_wait = []
            def wait():
                q = queue.Queue()
                about_to_wait.append(True)
                q.get()
            def child():
                fresh = queue.Queue()
                thread = threading.Thread(target=fresh.put, args=(7,))
                thread.start()
                assert fresh.get(timeout=60) == 7
                thread.join()
            std.Thread(target=wait, daemon=True).start()
            while not about_to_wait:
                pass  # this thread gets the interpreter back as soon as the other one sleeps
            assert forked(child) == 0
        """)


def test_a_fork_while_locks_and_conditions_are_contended(passes: Passes) -> None:
    passes(
        STORM.format(forks=FORKS)
        + """
lock, condition, event = threading.Lock(), threading.Condition(), threading.Event()
semaphore, barrier = threading.Semaphore(1), threading.Barrier(2)
def contend():
    with semaphore, lock:
        event.set()
        event.clear()
    with condition:
        condition.notify_all()
        condition.wait(0.001)
    try:
        barrier.wait(0.01)
    except threading.BrokenBarrierError:
        barrier.reset()
def child():
    with threading.Lock(), threading.RLock(), threading.Condition(), threading.Semaphore():
        event.set()
    for thing in (lock, condition, event):
        thing._at_fork_reinit()
    with lock, condition:
        assert event.wait(60)
    barrier.reset()
    start = [threading.Thread(target=barrier.wait, args=(5,)) for _ in range(2)]
    for thread in start:
        thread.start()
    for thread in start:
        thread.join()
    assert not barrier.broken
storm(contend, contend, contend, child=child)
"""
    )


def test_multiprocessing_forks_while_threads_wait_and_work(passes: Passes) -> None:
    passes("""
        import multiprocessing
        context = multiprocessing.get_context("fork")
        q, event = queue.Queue(), threading.Event()
        crew = Crew(threading.Thread)
        crew.start(q.get, event.wait, threading.Semaphore(0).acquire)
        crew.until_blocked()
        def child(number, results):
            own = queue.Queue()
            threads = [threading.Thread(target=own.put, args=(i,)) for i in range(4)]
            for thread in threads:
                thread.start()
            total = sum(own.get(timeout=60) for _ in threads)
            results.put((number, total, threading.current_thread() is threading.main_thread()))
        results = context.SimpleQueue()
        processes = [context.Process(target=child, args=(number, results)) for number in range(6)]
        for process in processes:
            process.start()
        got = sorted(results.get() for _ in processes)
        for process in processes:
            process.join(60)
        assert got == [(number, 6, True) for number in range(6)], got
        assert [process.exitcode for process in processes] == [0] * 6
    """)
