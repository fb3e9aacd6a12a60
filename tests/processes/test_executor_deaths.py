"""What the death of a worker of `ProcessPoolExecutor` costs, and what its future tells about it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tests.processes.programs import METHODS

Run = Callable[..., str]

LIMIT = 90.0

HEAD = """
import multiprocessing
import os, random, signal, sys, threading, time
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
import interlock
import warnings
for of_no_interest in (DeprecationWarning, ResourceWarning):  # threads at a fork; sockets that are open at the end
    warnings.simplefilter("ignore", of_no_interest)
context = multiprocessing.get_context(METHOD)

def executor(workers=2, on_worker_death="fail-task", **options):
    return ProcessPoolExecutor(workers, context, on_worker_death=on_worker_death, **options)

def work(n):
    if n == 100:
        os.kill(os.getpid(), signal.SIGKILL)
    return n

def end_all(pool, number=signal.SIGKILL):
    for pid in [*pool._processes]:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
"""


def test_only_the_call_that_ran_is_lost_and_its_error_tells_of_the_death(run: Run, method: str) -> None:
    program = """
def main():
    with executor() as pool:
        futures = [pool.submit(work, n) for n in range(300)]
        lost = [n for n, future in enumerate(futures) if future.exception()]
        assert lost == [100], lost
        assert [f.result() for n, f in enumerate(futures) if n != 100] == [n for n in range(300) if n != 100]
        error = futures[100].exception()
        assert type(error) is interlock.WorkerDiedError and isinstance(error, BrokenProcessPool)
        assert (error.task, error.signal, error.exitcode) == ("work(100)", "SIGKILL", -9), vars(error)
        assert f"worker process {error.pid} (" in str(error) and "died while it ran work(100)" in str(error)
        assert pool.submit(work, 1).result() == 1
"""
    assert run(HEAD + program, method) == ""


@pytest.mark.parametrize("end", ["os._exit(3)", "os.abort()", "ctypes.string_at(0)"])
def test_other_ends_are_told_apart(run: Run, end: str) -> None:
    program = """
import ctypes

def end():
    END

def main():
    with executor(1) as pool:
        error = pool.submit(end).exception()
        print(error.exitcode, error.signal, error.task, bool(error.last_words))
"""
    expected = {
        "os._exit(3)": "3 None end() False\n",
        "os.abort()": "-6 SIGABRT end() True\n",
        "ctypes.string_at(0)": "-11 SIGSEGV end() True\n",
    }
    assert run(HEAD + program.replace("END", end)) == expected[end]


def test_a_lost_call_runs_again_as_often_as_it_may(run: Run, method: str) -> None:
    program = """
def die(path, times):
    with open(path, "ab", 0) as file:
        file.write(b"x")
    if os.path.getsize(path) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.path.getsize(path)

def main():
    with executor(on_worker_death="retry", retries=2) as pool:
        others = [pool.submit(abs, -n) for n in range(100)]
        assert pool.submit(die, "once", 1).result() == 2
        assert pool.submit(die, "twice", 2).result() == 3
        error = pool.submit(die, "always", 100).exception()
        assert error.task == "die('always', 100)", error
        assert os.path.getsize("always") == 3
        error = pool.at(retries=0).submit(die, "never", 1).exception()
        assert type(error) is interlock.WorkerDiedError and os.path.getsize("never") == 1
        assert pool.at(retries=5).submit(die, "often", 5).result() == 6
        assert [future.result() for future in others] == [*range(100)]
"""
    assert run(HEAD + program, method) == ""


def test_an_executor_that_breaks_fails_all_calls(run: Run, method: str) -> None:
    program = """
def keep(event):
    global all_submitted
    all_submitted = event

def work(n):
    all_submitted.wait()
    if n == 100:
        os.kill(os.getpid(), signal.SIGKILL)
    return n

def main():
    all_submitted = context.Event()
    with executor(on_worker_death="break", initializer=keep, initargs=(all_submitted,)) as pool:
        futures = [pool.submit(work, n) for n in range(95, 120)]
        all_submitted.set()
        errors = [future.exception() for future in futures]
        error = errors[5]
        assert isinstance(error, BrokenProcessPool), error
        first, second = str(error).split("\\n")[:2]
        assert first.startswith("A process in the process pool was terminated abruptly"), first
        assert "died while it ran work(100)" in second or "died while it ran" in second, second
        assert all(isinstance(error, BrokenProcessPool) for error in errors if error)
        wait(futures)
        try:
            while True:
                pool.submit(work, 1)
        except BrokenProcessPool as broken:
            assert "not usable anymore" in str(broken) and "SIGKILL" in str(broken), broken
"""
    assert run(HEAD + program, method) == ""


def test_the_death_of_an_idle_worker_costs_nothing(run: Run, method: str) -> None:
    program = """
def main():
    with executor() as pool:
        for _ in range(10):
            assert [*pool.map(abs, range(4))] == [0, 1, 2, 3]
            before = {*pool._processes}
            end_all(pool)
        assert pool.submit(os.getpid).result() not in before
    with executor(on_worker_death="break") as pool:
        assert [*pool.map(abs, range(4))] == [0, 1, 2, 3]
        end_all(pool)
        try:
            while True:
                pool.submit(abs, 1).result()
        except BrokenProcessPool as error:
            assert "SIGKILL" in str(error), error
"""
    assert run(HEAD + program, method) == ""


def test_workers_that_die_in_their_initializer_end_the_executor(run: Run, method: str) -> None:
    program = """
def begin():
    os._exit(3)

def main():
    with executor(initializer=begin) as pool:
        futures = [pool.submit(abs, 0)]
        try:
            futures += [pool.submit(abs, n) for n in range(5)]
        except BrokenProcessPool:  # it has broken already
            pass
        for future in futures:
            error = future.exception()
            assert isinstance(error, BrokenProcessPool), error
            assert "died before it was ready for tasks" in str(error), error
            assert "exit code 3" in str(error), error
"""
    assert run(HEAD + program, method) == ""


def test_workers_killed_while_they_start_are_replaced(run: Run, method: str) -> None:
    program = """
def main():
    for _ in range(3):
        with executor() as pool:
            futures = [pool.submit(abs, -n) for n in range(20)]
            end_all(pool)  # hardly any of them is ready
            done = [future.exception() for future in futures]
            assert all(e is None or type(e) is interlock.WorkerDiedError for e in done), done
            assert sum(e is not None for e in done) <= 2, done
            assert pool.submit(abs, -1).result() == 1
"""
    assert run(HEAD + program, method) == ""


def test_threads_that_wait_get_their_results_while_workers_are_killed(run: Run, method: str) -> None:
    program = """
def main():
    random.seed(13)
    wrong = []
    results = threading.Semaphore(0)
    def ask(first):
        for n in range(first, first + 60):
            if pool.submit(int, n).result(60) != n:
                wrong.append(n)
            results.release()
    with executor(3, on_worker_death="retry", retries=1000) as pool:
        threads = [threading.Thread(target=ask, args=(n * 1000,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for n in range(6 * 60):
            results.acquire()
            known = [*pool._processes]
            if n % 6 == 0 and known:
                try:
                    os.kill(random.choice(known), signal.SIGKILL)
                except ProcessLookupError:
                    pass
        for thread in threads:
            thread.join()
        assert not wrong, wrong
    assert pool.stats().failed == 0
"""
    assert run(HEAD + program, method) == ""


def test_results_that_are_on_their_way_arrive_or_are_lost_whole(run: Run) -> None:
    program = """
def large(n):
    return bytes([n]) * (16 << 20)

def main():
    with executor() as pool:
        outcomes = []
        for n in range(30):
            future = pool.submit(large, n)
            wait([future], n / 1000)
            end_all(pool)
            error = future.exception()
            assert error is None or type(error) is interlock.WorkerDiedError, error
            assert error is not None or future.result() == bytes([n]) * (16 << 20)
        assert pool.submit(abs, -1).result() == 1
"""
    assert run(HEAD + program) == ""


def test_a_stopped_worker_is_not_dead(run: Run, method: str) -> None:
    program = """
def main():
    with executor(1) as pool:
        pid = pool.submit(os.getpid).result()
        os.kill(pid, signal.SIGSTOP)
        future = pool.submit(os.getpid)
        assert not wait([future], 0.1).done
        os.kill(pid, signal.SIGCONT)
        assert future.result() == pid
"""
    assert run(HEAD + program, method) == ""


def test_a_worker_that_the_kernel_would_end_for_its_memory(run: Run, method: str) -> None:
    program = """
def fill(size):
    data = bytearray(size)
    data[::4096] = bytes(len(data[::4096]))
    os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does it

def main():
    with executor() as pool:
        futures = [pool.submit(abs, -n) for n in range(20)]
        error = pool.submit(fill, 300 << 20).exception()
        assert error.signal == "SIGKILL" and error.task == f"fill({300 << 20})", error
        if METHOD == "fork":
            assert error.peak_memory > 300 << 20 and "MiB of memory" in str(error), error
        assert [future.result() for future in futures] == [*range(20)]
"""
    assert run(HEAD + program, method) == ""


def test_an_exception_that_cannot_be_unpickled_costs_nothing_else(run: Run, method: str) -> None:
    program = """
class Picky(ValueError):
    def __init__(self, what, why):
        super().__init__(f"{what}: {why}")

def fail(n):
    raise Picky(n, "no")

def main():
    with executor(on_worker_death="break") as pool:
        futures = [pool.submit(fail, 1), pool.submit(abs, -2)]
        error = futures[0].exception()
        assert isinstance(error, ValueError) and str(error) == "1: no", error
        assert type(error).__name__ == "Picky" and "Picky: 1: no" in str(error.__cause__)
        assert futures[1].result() == 2
"""
    assert run(HEAD + program, method) == ""


def test_callbacks_are_called_when_workers_die(run: Run, method: str) -> None:
    program = """
def main():
    seen = []
    with executor() as pool:
        for n in (99, 100, 101):
            pool.submit(work, n).add_done_callback(lambda f: seen.append(type(f.exception())))
    assert sorted(seen, key=str) == sorted([type(None), interlock.WorkerDiedError, type(None)], key=str), seen
"""
    assert run(HEAD + program, method) == ""


def test_an_executor_in_a_worker_ends_with_that_worker(run: Run) -> None:
    program = """
def nest(path):
    pool = ProcessPoolExecutor(2, context)
    pids = [*{*pool.map(getpid, range(20))}]
    with open(path, "w") as file:
        file.write(" ".join(map(str, pids)))
    os.kill(os.getpid(), signal.SIGKILL)

def getpid(_):
    time.sleep(0.001)
    return os.getpid()

def main():
    with executor(1) as pool:
        error = pool.submit(nest, "pids").exception()
        assert error.signal == "SIGKILL", error
        for pid in open("pids").read().split():
            while alive(pid):
                time.sleep(0.001)
        assert pool.submit(abs, -1).result() == 1

def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
"""
    assert run(HEAD + program) == ""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_workers_end_with_their_parent(tmp_path: Path, method: str, number: str) -> None:
    program = f"""
        import os, signal, time
        from interlock import multiprocessing
        from interlock.concurrent.futures import ProcessPoolExecutor

        def tell():
            os.write(1, b"%d\\n" % os.getpid())
            time.sleep(100)

        if __name__ == "__main__":
            with ProcessPoolExecutor(2, multiprocessing.get_context({method!r})) as pool:
                futures = [pool.submit(tell) for _ in range(2)]
                for future in futures:
                    future.result()
    """
    path = tmp_path / "program.py"
    path.write_text(dedent(program), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        workers = [os.pidfd_open(int(parent.stdout.readline())) for _ in range(2)]
        if number == "SIGINT":
            os.killpg(parent.pid, signal.SIGINT)  # a terminal sends it to all
        else:
            parent.send_signal(getattr(signal, number))
        for worker in workers:
            ended = select.select([worker], [], [], LIMIT)[0]
            os.close(worker)
            assert ended, "a worker lives on"
        assert parent.wait(LIMIT) == -getattr(signal, number)
        if number == "SIGINT":
            shown = parent.stderr.read()
            assert shown.splitlines()[-1] == "KeyboardInterrupt", shown
            assert "Exception in thread" not in shown, shown
            assert "Process " not in shown, shown
