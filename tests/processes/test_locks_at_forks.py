"""A warning when a process forks while another thread holds a lock."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent, indent

import pytest

from tests.processes.programs import FORMS

PROGRAM = """
import os, queue, sys, warnings
if {form!r} == "install":
    import interlock
    interlock.install()
    import threading, multiprocessing
else:
    from interlock import multiprocessing, threading

holds, goes = threading.Event(), threading.Event()

def fork():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
    return [one for one in caught if one.category.__name__ == "LockHeldAtForkWarning"]

def while_another_thread(function, *args, name="holder"):
    holds.clear()
    goes.clear()
    thread = threading.Thread(target=function, args=args, name=name)
    thread.start()
    holds.wait()
    found = fork()
    goes.set()
    thread.join()
    return [str(one.message) for one in found]

{body}
"""


def passes(form: str, body: str, *options: str) -> str:
    program = PROGRAM.format(form=form, body=dedent(body))
    done = subprocess.run(
        [sys.executable, *options, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, indent(done.stdout + done.stderr, "  ")
    return done.stderr


HOLD = """
        def wait():
            holds.set()
            goes.wait()

        def check(function, args, expected):
            [message] = while_another_thread(function, *args)
            assert message.startswith(f"thread 'holder' holds the lock {expected} ({function.__name__}(), "), message
            assert message.endswith("it stays locked in the forked child")
"""


@pytest.mark.parametrize("form", FORMS)
def test_the_warning_names_thread_and_variable(form: str) -> None:
    passes(
        form,
        HOLD
        + """
        lock = threading.Lock()

        def hold(lock):
            with lock:
                wait()

        def hold_global():
            lock.acquire()
            try:
                wait()
            finally:
                lock.release()

        def closure():
            mine = threading.Lock()
            def use():
                with mine:
                    wait()
            return use

        for one in (threading.Lock(), threading.RLock(), threading.Condition()):
            check(hold, (one,), "lock")
        check(hold_global, (), "lock")
        check(closure(), (), "mine")
        """,
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_warning_names_thread_and_attribute(form: str) -> None:
    passes(
        form,
        HOLD
        + """
        class Store:
            shared = threading.Lock()

            def __init__(self):
                self._lock = threading.Lock()
                self.inner = self

            def update(self):
                with self._lock:
                    wait()

            def update_inner(self):
                with self.inner._lock:
                    wait()

            def update_shared(self):
                with self.shared:
                    wait()

        class Slotted(Store):
            __slots__ = ("_lock", "inner")

        class Late(Store):
            _lock = inner = None

        for store in (Store(), Slotted(), Late()):
            check(store.update, (), "self._lock")
            check(store.update_inner, (), "self._lock")
        check(store.update_shared, (), "self.shared")
        """,
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_function_that_names_much_leaves_time_for_others(form: str) -> None:
    passes(
        form,
        HOLD
        + """
        class Thing:
            pass

        names = [f"name_{number}" for number in range(60)]
        things = [Thing() for _ in names]
        for thing in things:
            vars(thing).update(zip(names, things))
        code = ["def use(" + ", ".join(names) + "):", "    wait()"]
        code += [f"    {name}.{name}" for name in names]
        exec("\\n".join(code))

        def hold(lock):
            with lock:
                use(*things)

        check(hold, (threading.Lock(),), "lock")
        """,
    )


@pytest.mark.parametrize("form", FORMS)
def test_there_is_none_for_what_is_in_order(form: str) -> None:
    passes(
        form,
        """
        from concurrent.futures import ThreadPoolExecutor
        lock, condition, jobs = threading.Lock(), threading.Condition(), queue.Queue()

        def try_lock():
            holds.set()
            lock.acquire()
            lock.release()

        def wait_for_condition():
            with condition:
                holds.set()
                condition.wait()

        def get():
            holds.set()
            jobs.get()

        def not_anymore():
            with lock:
                pass
            holds.set()
            goes.wait()

        assert while_another_thread(not_anymore) == []
        assert fork() == []
        with lock:  # the thread that forks has it, and another one waits
            thread = threading.Thread(target=try_lock)
            thread.start()
            holds.wait()
            assert fork() == []
        thread.join()
        holds.clear()
        threads = [threading.Thread(target=one) for one in (wait_for_condition, get)]
        for thread in threads:
            thread.start()
        holds.wait()
        with condition:  # so the other one waits, if it has begun
            assert fork() == []
        with ThreadPoolExecutor(2) as pool:
            pool.submit(int).result()
            with condition:
                assert fork() == []
        jobs.put(1)
        while threads[0].is_alive():
            with condition:
                condition.notify_all()
        for thread in threads:
            thread.join()
        """,
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_thread_that_waits_for_its_own_lock_holds_nothing(form: str) -> None:
    # Another thread releases the lock to wake it.
    passes(
        form,
        """
        lock = threading.Lock()

        def park():
            lock.acquire()
            holds.set()
            lock.acquire()

        thread = threading.Thread(target=park)
        thread.start()
        holds.wait()
        while fork():  # it does not wait yet
            pass
        lock.release()
        thread.join()
        assert lock.locked()
        """,
    )


@pytest.mark.parametrize("form", FORMS)
def test_objects_stay_as_they_are(form: str) -> None:
    passes(
        form,
        """
        import weakref
        from interlock.queue import Queue

        class Thing:
            asked = []

            def __getattr__(self, name):
                self.asked.append(name)
                raise AttributeError(name)

            @property
            def mutex(self):
                self.asked.append("mutex")

        def hold(thing, native, event):
            left = Thing()
            weak = weakref.ref(left)
            if left is thing:
                thing.mutex, thing.lock, native.mutex, event._flag
            holds.set()
            goes.wait()
            del left
            assert weak() is None  # no copy of the variables is left

        native, event = Queue(), threading.Event()
        assert while_another_thread(hold, Thing(), native, event) == []
        assert Thing.asked == []
        assert not native._interlock_is_materialized and not event._interlock_is_materialized
        """,
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_started_process_warns_its_program(form: str) -> None:
    passes(
        form,
        """
        lock = threading.Lock()

        def hold():
            with lock:
                holds.set()
                goes.wait()

        thread = threading.Thread(target=hold, name="holder")
        thread.start()
        holds.wait()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            process = multiprocessing.get_context("fork").Process(target=int)
            process.start()
        process.join()
        goes.set()
        thread.join()
        [warning] = [one for one in caught if one.category.__name__ == "LockHeldAtForkWarning"]
        assert warning.filename == "<string>", warning.filename
        assert issubclass(warning.category, RuntimeWarning) and warning.category.__module__ == "interlock"
        """,
    )


@pytest.mark.parametrize("form", FORMS)
def test_filters_turn_it_off_and_an_error_stops_no_fork(form: str) -> None:
    body = """
        lock = threading.Lock()

        def hold():
            with lock:
                holds.set()
                goes.wait()

        thread = threading.Thread(target=hold, name="holder")
        thread.start()
        holds.wait()
        child = os.fork()
        if not child:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        goes.set()
        thread.join()
        """
    assert "thread 'holder' holds the lock lock" in passes(form, body)
    assert "holds the lock" not in passes(form, body, "-W", "ignore::RuntimeWarning")
    assert "holds the lock" in passes(form, body, "-W", "error::RuntimeWarning")
