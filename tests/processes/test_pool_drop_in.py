"""`ProcessPoolExecutor` where a program relies on what the standard library's does beside its documentation."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from tests.processes.conftest import Run

HEAD = """
import importlib
import multiprocessing
import os
import sys
import time

futures = importlib.import_module(multiprocessing.__name__.replace("multiprocessing", "concurrent.futures"))

def pool(workers=2, **settings):
    return futures.ProcessPoolExecutor(workers, multiprocessing.get_context(METHOD), **settings)

def product(x, y):
    return x * y

def fail():
    return 1 / 0

def crash(data=None):
    os._exit(3)
"""


def program(text: str) -> str:
    """Put a test's own part behind what all programs have."""
    return HEAD + textwrap.dedent(text)


def test_futures_that_a_program_looks_into_while_their_calls_end(run: Run) -> None:
    # Both of: the answer is there already, and it comes meanwhile.
    text = """
    def main():
        old = futures.Future()
        old._state = "FINISHED"
        old._result = 42
        with pool() as executor:
            for _ in range(300):
                new = {executor.submit(product, 2, 3) for _ in range(2)}
                assert set(futures.as_completed({old, *new}, timeout=60)) == {old, *new}
                assert [future._result for future in new] == [6, 6]
        print("done")
    """
    assert run(program(text)) == "done\n"


def test_large_calls_that_lay_before_a_worker_when_it_died(run: Run, method: str) -> None:
    text = """
    def main():
        with pool(on_worker_death="fail-task") as executor:
            calls = [executor.submit(crash, bytes(1 << 20)) for _ in range(8)]
            deaths = [type(call.exception(60)).__mro__ for call in calls]
        assert all(any(kind.__name__ == "BrokenProcessPool" for kind in death) for death in deaths)
        print("done")
    """
    assert "done\n" in run(program(text), method)


def test_calls_of_workers_that_are_starting_are_not_cancelled_at_shutdown(run: Run, method: str) -> None:
    text = """
    def main():
        executor = pool()
        calls = [executor.submit(product, 2, 3) for _ in range(200)]
        executor.shutdown(cancel_futures=True)
        assert all(call.done() for call in calls)
        results = [call.result() for call in calls if not call.cancelled()]
        assert results and set(results) == {6}
        print("done")
    """
    assert "done\n" in run(program(text), method)


@pytest.mark.parametrize("how", ["kill_workers", "terminate_workers"])
def test_no_call_begins_after_the_workers_were_ended(run: Run, method: str, how: str) -> None:
    text = f"""
    def main():
        executor = pool()
        calls = [executor.submit(time.sleep, 1000) for _ in range(6)]
        manager = executor._executor_manager_thread
        executor.{how}()
        manager.join()
        assert all(call.cancelled() or isinstance(call.exception(), RuntimeError) for call in calls)
        assert not multiprocessing.active_children()
        print("done")
    """
    assert "done\n" in run(program(text), method)


def test_a_program_may_have_a_force_shutdown_of_its_own(run: Run) -> None:
    """The standard library's executors call it from 3.14 on."""
    text = """
    class Loud(futures.ProcessPoolExecutor):
        def _force_shutdown(self, operation):
            print("forced", operation)
            super()._force_shutdown(operation)

    def main():
        executor = Loud(1)
        executor.submit(abs, 1).result()
        print(type(executor._executor_manager_thread).__name__)
        executor.terminate_workers()
        executor.kill_workers()
        try:
            executor._force_shutdown("persuade")
        except ValueError as error:
            print(error)
    """
    expected = [
        "Manager",
        "forced terminate",
        "forced kill",
        "forced persuade",
        "Unsupported operation: 'persuade'",
    ]
    assert run(program(text)).splitlines() == expected


def test_exceptions_arrive_without_a_traceback_of_this_process(run: Run) -> None:
    text = """
    def main():
        with pool(1) as executor:
            try:
                raise LookupError("another one")
            except LookupError:
                error = executor.submit(fail).exception()
        assert error.__traceback__ is None and error.__context__ is None
        assert "return 1 / 0" in str(error.__cause__)
        print("done")
    """
    assert run(program(text)) == "done\n"


def test_threads_that_wait_for_the_same_dead_worker(run: Run, method: str) -> None:
    text = """
    import threading

    def main():
        process = multiprocessing.get_context(METHOD).Process(target=crash)
        process.start()
        codes = []
        def wait():
            process._popen.wait()
            codes.append(process._popen.returncode)
        threads = [threading.Thread(target=wait) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert process.exitcode == 3
        assert len(codes) == 8
        print("done")
    """
    assert "done\n" in run(program(text), method)


@pytest.mark.parametrize(
    "module",
    [
        "interlock._task_error_classes",
        "interlock._worker_process.transport",
        "interlock._worker_process.worker",
        "interlock.concurrent.futures._process_errors",
        "interlock.concurrent.futures._process_crew",
        "interlock.concurrent.futures._process_pool",
    ],
)
def test_any_part_may_be_the_first_to_import_the_standard_module(module: str) -> None:
    text = f"""
    import interlock
    interlock.install()
    import {module}
    import concurrent.futures.process as standard
    assert "_interlock_pool" in vars(standard.ProcessPoolExecutor)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(text)], check=True, timeout=60)


def test_ctrl_c_in_a_with_statement_ends_the_workers(run: Run, method: str) -> None:
    # The parent alone gets the signal, and the workers are in a function written in C.
    text = """
    import signal

    def main():
        try:
            with pool() as executor:
                calls = [executor.submit(time.sleep, 1000) for _ in range(5)]
                while not any(call.running() for call in calls):
                    time.sleep(0.01)
                signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            assert all(call.done() for call in calls)
            assert not multiprocessing.active_children()
            print("done")
    """
    assert "done\n" in run(program(text), method)
