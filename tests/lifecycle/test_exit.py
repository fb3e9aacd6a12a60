"""The interpreter exits promptly, with status 0 and no output, whatever daemon threads wait for."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

Passes = Callable[..., None]

RUNS = int(os.environ.get("INTERLOCK_EXIT_RUNS", "2"))

HELD = """
def held(lock):
    lock.acquire()
    return lock
def full(q):
    q.put(0)
    return q
def materialized(q):
    q.mutex
    return q
def wait_in(condition):
    with condition:
        condition.wait()
def spin():
    while True:
        sum(range(100))
def spin_on_queue():
    q = queue.Queue()
    while True:
        q.put(1), q.get()
def spin_on_threads():
    while True:
        threading.Thread(target=int, daemon=True).start()
def ping(there, back):
    while True:
        there.put(back.get())
def ping_pong(q, p):
    p.put(0)
    return [lambda: ping(q, p), lambda: ping(p, q)]
"""

WAITS: dict[str, str] = {
    "Lock": "held(threading.Lock()).acquire",
    "Lock with a timeout": "lambda: held(threading.Lock()).acquire(timeout=60)",
    "RLock": "[lock := threading.RLock(), lock.acquire()][0].acquire",
    "Condition": "lambda: wait_in(threading.Condition())",
    "Condition of a standard lock": "lambda: wait_in(threading.Condition(std.RLock()))",
    "Semaphore": "threading.Semaphore(0).acquire",
    "Event": "threading.Event().wait",
    "Event with a timeout": "lambda: threading.Event().wait(60)",
    "Barrier": "threading.Barrier(2).wait",
    "Queue.get": "queue.Queue().get",
    "Queue.get_many": "lambda: queue.Queue().get_many(3)",
    "Queue.put": "lambda: full(queue.Queue(1)).put(1)",
    "Queue.join": "full(queue.Queue()).join",
    "materialized Queue.get": "materialized(queue.Queue()).get",
    "materialized Queue.put": "lambda: materialized(full(queue.Queue(1))).put(1)",
    "PriorityQueue.get": "queue.PriorityQueue().get",
    "SimpleQueue.get": "queue.SimpleQueue().get",
    "Thread.join": "crew.threads[0].join",
    "time.sleep": "lambda: time.sleep(60)",
    "a lock of the standard library": "held(std.Lock()).acquire",
}

BUSY: dict[str, str] = {
    "Python code": "spin",
    "a queue": "spin_on_queue",
    "starting threads": "spin_on_threads",
    "a hand-over": "*ping_pong(queue.Queue(), queue.Queue())",
    "a hand-over through simple queues": "*ping_pong(queue.SimpleQueue(), queue.SimpleQueue())",
    "a hand-over through materialized queues": "*ping_pong(materialized(queue.Queue()), materialized(queue.Queue()))",
}


@pytest.mark.parametrize("name", WAITS)
def test_a_daemon_thread_that_waits_does_not_hold_up_the_exit(passes: Passes, name: str) -> None:
    passes(f"""{HELD}
crew = Crew(threading.Thread)
crew.start(threading.Event().wait)
crew.start({WAITS[name]}, {WAITS[name]})
crew.until_blocked()
""")


@pytest.mark.parametrize("name", BUSY)
@pytest.mark.parametrize("moment", ["as soon as it runs", "while it waits for an instant"])
def test_a_daemon_thread_that_is_busy_does_not_hold_up_the_exit(
    passes: Passes, name: str, moment: str
) -> None:
    # A timeout that passes while the interpreter finalizes wakes the thread up at the worst moment.
    worst = "lambda: [threading.Event().wait(n / 1000) for n in range(60)]"
    more = f", *[{worst}] * 4" if "instant" in moment else ""
    script = f"""{HELD}
crew = Crew(threading.Thread)
crew.start({BUSY[name]}{more})
eventually(lambda: len(crew._native) == len(crew.threads))
"""
    for _ in range(RUNS):
        passes(script)


def test_all_kinds_of_daemon_threads_at_once(passes: Passes) -> None:
    script = f"""{HELD}
crew = Crew(threading.Thread)
crew.start(threading.Event().wait)
crew.start({", ".join(WAITS.values())})
crew.until_blocked()
crew.start({", ".join(BUSY.values())}, spin)
eventually(lambda: len(crew._native) == len(crew.threads))
"""
    for _ in range(RUNS):
        passes(script)


def test_a_daemon_thread_whose_wait_ends_during_the_exit_stays_silent(passes: Passes) -> None:
    """Threads that the last handlers, finalizers and module teardown wake go to sleep again."""
    script = """
        class Waker:
            def __del__(self, wake=None):
                for wake in self.wakes:
                    wake()
        q, event, semaphore = queue.Queue(), threading.Event(), threading.Semaphore(0)
        simple, condition = queue.SimpleQueue(), threading.Condition()
        unfinished = queue.Queue()
        unfinished.put(0)
        def in_condition():
            with condition:
                condition.wait()
        crew = Crew(threading.Thread)
        crew.start(q.get, event.wait, semaphore.acquire, simple.get, in_condition, unfinished.join)
        crew.until_blocked()
        late = Waker()
        late.wakes = [event.set, semaphore.release, lambda q=q: q.put(1), lambda s=simple: s.put(1)]
        late.wakes += [unfinished.task_done]
        sys.modules["a module that dies late"] = late
        atexit.register(q.put, 1)
    """
    for _ in range(RUNS):
        passes(script)


def test_threads_that_are_no_daemons_are_waited_for(passes: Passes) -> None:
    passes(
        """
        go = threading.Event()
        def work(number):
            go.wait()
            os.write(1, b"done %d\\n" % number)
        threads = [threading.Thread(target=work, args=(0,)), std.Thread(target=work, args=(0,))]
        threads += [threading.Timer(0, work, args=(0,))]
        for thread in threads:
            thread.start()
        def main_has_ended():
            threading.main_thread().join()
            go.set()
        threading.Thread(target=main_has_ended).start()
        """,
        says="done 0\ndone 0\ndone 0",
    )


def test_main_thread_can_be_joined_while_the_interpreter_exits(passes: Passes) -> None:
    passes(
        """
        def after_main():
            threading.main_thread().join()
            print(threading.main_thread().is_alive(), flush=True)
        threading.Thread(target=after_main).start()
        """,
        says="False",
    )


def test_exit_handlers_run_after_the_threads_and_can_use_everything(passes: Passes) -> None:
    passes(
        """
        q, order, done = queue.Queue(), [], threading.Event()
        def work():
            threading.main_thread().join()
            order.append("thread")
        def at_exit():
            order.append("handler")
            q.put(1)
            assert q.get(timeout=60) == 1
            try:
                q.get(timeout=0.01)
            except queue.Empty:
                order.append("empty")
            with threading.Condition() as owned, threading.Lock(), threading.Semaphore():
                assert owned
            assert not done.wait(0.01)
            print(*order, flush=True)
        atexit.register(at_exit)
        threading.Thread(target=work).start()
        """,
        says="thread handler empty",
    )


def test_exit_handlers_of_threading_run_before_the_threads_are_joined(passes: Passes) -> None:
    passes(
        """
        q = queue.Queue()
        threading._register_atexit(q.put, None)
        threading.Thread(target=q.get).start()
        atexit.register(lambda: print("end", flush=True))
        """,
        says="end",
    )


def test_an_exit_handler_may_start_a_thread_or_is_told_that_it_cannot(passes: Passes) -> None:
    """Up to 3.11 it runs; from 3.12 on the standard library refuses. Neither hangs or crashes."""
    passes(
        """
        def at_exit():
            try:
                thread = threading.Thread(target=int)
                thread.start()
                thread.join(60)
                print(thread.is_alive())
            except RuntimeError:
                print(False)
        atexit.register(at_exit)
        """,
        says="False",
    )


@pytest.mark.parametrize("kind", ["std", "threading"])
def test_ctrl_c_while_the_exit_waits_for_a_thread_ends_the_process(
    start: Callable[..., object], kind: str
) -> None:
    import signal
    import subprocess

    from tests.lifecycle.inside import eventually, until_blocked

    process = start(f"""
        def hold(q=queue.Queue()):
            print("runs", flush=True)
            q.get()
        {kind}.Thread(target=hold).start()
    """)
    assert isinstance(process, subprocess.Popen)
    assert process.stdout is not None
    assert process.stdout.readline() == "runs\n"
    until_blocked([process.pid], process.pid)
    process.send_signal(signal.SIGINT)
    eventually(lambda: process.poll() is not None, "the end")
    assert "KeyboardInterrupt" in process.communicate()[1]
