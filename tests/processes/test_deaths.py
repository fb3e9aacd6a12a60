"""A process that is killed makes no other one wait for ever, and the others are told."""

from __future__ import annotations

import pytest

from tests.processes.conftest import Run

HOLDER = """
import multiprocessing
import os, signal, time

def hold(lock, told):
    lock.acquire()
    told.put(os.getpid())
    time.sleep(600)

def kill_a_holder(ctx, lock):
    told = ctx.Queue()
    process = ctx.Process(target=hold, args=(lock, told), name="holder")
    process.start()
    pid = told.get(timeout=60)
    process.kill()
    return process, pid
"""


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
@pytest.mark.parametrize("order", ["joined", "at once"])
def test_the_next_one_has_the_lock_of_a_dead_process(run: Run, method: str, kind: str, order: str) -> None:
    printed = run(
        f"""{HOLDER}
import warnings

def main():
    ctx = multiprocessing.get_context(METHOD)
    lock = ctx.{kind}()
    process, pid = kill_a_holder(ctx, lock)
    if {order!r} == "joined":
        process.join()
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        assert lock.acquire(timeout=60)
    process.join()
    import interlock
    (warning,) = [one.message for one in given if one.category is interlock.OwnerDiedWarning]
    assert warning.pid == pid and warning.process_name == "holder", warning
    if {order!r} == "joined":
        assert warning.exitcode == -9 and str(warning) == (
            f"process {{pid}} ('holder', killed by SIGKILL) died while it held this lock"
        ), warning
    assert given[0].filename == __file__
    lock.release()
    lock.acquire()  # without a warning: it is given once
    lock.release()
    print("done")
""",
        method,
    )
    assert "done" in printed
    assert "OwnerDiedWarning" not in printed


def test_a_warning_that_is_an_error_leaves_the_lock_free(run: Run) -> None:
    run(
        f"""{HOLDER}
import interlock, warnings

def main():
    ctx = multiprocessing.get_context("fork")
    lock = ctx.Lock()
    process, pid = kill_a_holder(ctx, lock)
    process.join()
    warnings.simplefilter("error", interlock.OwnerDiedWarning)
    try:
        lock.acquire()
    except interlock.OwnerDiedWarning:
        pass
    else:
        raise AssertionError("no warning")
    assert lock.acquire(timeout=60)
"""
    )


def test_a_lock_that_raises_is_refused_until_it_is_recovered(run: Run, method: str) -> None:
    run(
        f"""{HOLDER}
import interlock.multiprocessing, pickle

def main():
    ctx = interlock.multiprocessing.get_context(METHOD)
    for lock in (ctx.Lock(on_owner_death="raise"), ctx.RLock(on_owner_death="raise")):
        process, pid = kill_a_holder(ctx, lock)
        process.join()
        for _ in range(2):
            try:
                lock.acquire()
            except interlock.OwnerDiedError as error:
                assert (error.pid, error.process_name, error.exitcode) == (pid, "holder", -9)
                assert "recover()" in str(error) and pickle.loads(pickle.dumps(error)).pid == pid
            else:
                raise AssertionError("it was acquired")
        assert lock.recover() and not lock.recover()
        with lock:
            pass
    try:
        ctx.Lock(on_owner_death="other")
    except ValueError:
        pass
    else:
        raise AssertionError("it was made")
""",
        method,
    )


def test_a_lock_that_ignores_deaths_warns_nobody(run: Run, method: str) -> None:
    printed = run(
        f"""{HOLDER}
import interlock.multiprocessing

def main():
    ctx = interlock.multiprocessing.get_context(METHOD)
    lock = ctx.Lock(on_owner_death="ignore")
    process, pid = kill_a_holder(ctx, lock)
    assert lock.acquire(timeout=60)
    process.join()
""",
        method,
    )
    assert "OwnerDiedWarning" not in printed


def test_a_permit_taken_by_with_comes_back_and_another_is_counted(run: Run, method: str) -> None:
    run(
        f"""{HOLDER}
def hold_by_with(semaphore, told):
    with semaphore:
        told.put(os.getpid())
        time.sleep(600)

def main():
    ctx = multiprocessing.get_context(METHOD)
    semaphore, told = ctx.Semaphore(2), ctx.Queue()
    process = ctx.Process(target=hold_by_with, args=(semaphore, told))
    process.start()
    told.get(timeout=60)
    process.kill()
    process.join()
    assert semaphore.lost_permits == 0 and semaphore.get_value() == 2
    process, pid = kill_a_holder(ctx, semaphore)
    process.join()
    assert semaphore.lost_permits == 1 and semaphore.get_value() == 1
""",
        method,
    )


def test_a_barrier_breaks_and_names_the_dead(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        import os, threading

        def come(barrier, told):
            told.put(os.getpid())
            barrier.wait()

        def main():
            ctx = multiprocessing.get_context(METHOD)
            barrier, told = ctx.Barrier(3), ctx.Queue()
            process = ctx.Process(target=come, args=(barrier, told))
            process.start()
            pid = told.get(timeout=60)
            while not barrier.n_waiting:
                pass
            process.kill()
            try:
                barrier.wait(60)
            except threading.BrokenBarrierError as error:
                assert f"process {pid}" in str(error), error
            else:
                raise AssertionError("it held")
            process.join()
        """,
        method,
    )


def test_a_notification_is_not_spent_on_the_dead(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        import os

        def wait(condition, told):
            with condition:
                told.put(os.getpid())
                told.put(condition.wait(60))

        def main():
            ctx = multiprocessing.get_context(METHOD)
            condition, dead, told = ctx.Condition(), ctx.Queue(), ctx.Queue()
            first = ctx.Process(target=wait, args=(condition, dead))
            first.start()
            dead.get(timeout=60)
            with condition:  # it waits
                pass
            second = ctx.Process(target=wait, args=(condition, told))
            second.start()
            told.get(timeout=60)
            with condition:
                first.kill()
                first.join()
                condition.notify()
            assert told.get(timeout=60) is True
            second.join()
        """,
        method,
    )


def test_messages_of_a_dead_process_are_there(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        import time

        def put(queue):
            for number in range(100):
                queue.put(number)
                queue.put(bytes(50_000))
            queue.put("all")
            time.sleep(600)

        def main():
            ctx = multiprocessing.get_context(METHOD)
            queue = ctx.Queue()
            process = ctx.Process(target=put, args=(queue,))
            process.start()
            while queue.qsize() < 201:
                pass
            process.kill()
            process.join()
            for number in range(100):
                assert queue.get(timeout=60) == number and queue.get(timeout=60) == bytes(50_000)
            assert queue.get(timeout=60) == "all" and queue.empty()
        """,
        method,
    )


def test_a_child_that_is_not_started_leaves_nothing(run: Run) -> None:
    run(
        """
        import multiprocessing

        class Refuses:
            def __reduce__(self):
                raise ValueError("not me")

        def main():
            ctx = multiprocessing.get_context("spawn")
            lock = ctx.Lock()
            for _ in range(5000):  # more than a family has places
                try:
                    ctx.Process(target=print, args=(lock, Refuses())).start()
                except ValueError:
                    pass
            process = ctx.Process(target=lock.acquire)
            process.start()
            process.join()
            assert process.exitcode == 0
        """
    )


def test_ctrl_c_ends_every_wait(run: Run) -> None:
    run(
        """
        import multiprocessing
        import os, signal, threading

        def main():
            ctx = multiprocessing.get_context("fork")
            lock, empty, event, condition = ctx.Lock(), ctx.Queue(), ctx.Event(), ctx.Condition()
            full, none, barrier = ctx.Queue(1), ctx.Semaphore(0), ctx.Barrier(2)
            joinable = ctx.JoinableQueue()
            joinable.put(1)
            full.put(1)
            lock.acquire()
            condition.acquire()
            waits = (lock.acquire, empty.get, event.wait, condition.wait, lambda: full.put(2), none.acquire,
                     barrier.wait, joinable.join)
            for wait in waits:
                timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
                try:
                    timer.start()
                    wait()
                except KeyboardInterrupt:
                    pass
                else:
                    raise AssertionError(f"{wait} ended")
                timer.join()
            assert condition._lock._semlock._is_mine() and full.qsize() == 1 and lock._semlock._is_mine()
        """
    )
