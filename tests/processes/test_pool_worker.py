"""What a worker process of a pool runs, seen through an executor that has one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

LIMIT = 100.0

_HEAD = """\
import faulthandler, os, signal, sys, time
from concurrent.futures import wait
from interlock import WorkerDiedError, multiprocessing
from interlock.concurrent.futures import ProcessPoolExecutor
context = multiprocessing.get_context(METHOD)

def start(initializer=None, initargs=(), **options):
    return ProcessPoolExecutor(1, context, initializer, initargs, **options)

def worker(executor):
    executor.submit(abs, 1).result()
    (process,) = executor._processes.values()
    return process

def died(future):
    error = future.exception()
    assert type(error) is WorkerDiedError, error
    return error
"""


def run(folder: Path, method: str, program: str) -> tuple[str, str]:
    path = folder / "program.py"
    text = _HEAD.replace("METHOD", repr(method)) + dedent(program)
    path.write_text(f'{text}\nif __name__ == "__main__":\n    main()\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, path],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTHONFAULT")},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def test_a_worker_serves_and_ends_as_children_do(tmp_path: Path, method: str) -> None:
    program = """
        def say(text):
            os.write(1, text.encode())

        def begin(text):
            from multiprocessing import util
            util.Finalize(None, say, (text,), exitpriority=1)

        def number(text):
            return int(text)

        def main():
            executor = start(begin, ("finalized\\n",))
            process = worker(executor)
            assert executor.submit(pow, 2, 3, mod=5).result() == 3
            error = executor.submit(number, "x").exception()
            assert type(error) is ValueError, error
            assert " in number\\n" in str(error.__cause__), error.__cause__
            executor.shutdown()
            assert process.exitcode == 0, process.exitcode
    """
    assert run(tmp_path, method, program) == ("finalized\n", "")


def test_an_initializer_that_fails_is_logged_and_told(tmp_path: Path, method: str) -> None:
    program = """
        def begin(word):
            raise LookupError(word)

        def main():
            executor = start(begin, ("no table",))
            error = executor.submit(abs, -1).exception()
            assert "could not be initialized" in str(error), error
            assert repr(error.__cause__) == "LookupError('no table')", error.__cause__
            assert error.exitcode in (None, 0), error.exitcode
            executor.shutdown()
    """
    out, err = run(tmp_path, method, program)
    assert out == ""
    assert err.startswith("Exception in initializer:\nTraceback (most recent call last):\n")
    assert err.endswith("LookupError: no table\n")


def test_a_worker_above_its_memory_limit_ends_after_the_call(tmp_path: Path, method: str) -> None:
    program = """
        kept = []

        def keep(size):
            memory = bytearray(size)
            memory[::4096] = bytes(len(memory[::4096]))
            kept.append(memory)
            return os.getpid()

        def resident():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        def main():
            executor = start(memory_limit=resident() + (128 << 20))
            process = worker(executor)
            for size in (1, 1, 256 << 20):
                assert executor.submit(keep, size).result() == process.pid
            assert executor.submit(os.getpid).result() != process.pid
            executor.shutdown()
            assert process.exitcode == 0, process.exitcode
    """
    assert run(tmp_path, method, program) == ("", "")


def test_the_last_words_of_a_crashed_worker_are_known(tmp_path: Path, method: str) -> None:
    program = """
        def crash():
            faulthandler._sigsegv()

        def files():
            return [link for number in os.listdir("/proc/self/fd")
                    if (link := read(number)).startswith("/memfd:last words")]

        def read(number):
            try:
                return os.readlink(f"/proc/self/fd/{number}")
            except OSError:
                return ""

        def main():
            executors = [start() for _ in range(3)]
            for executor in executors:
                assert len(executor.submit(files).result()) == 1, "a worker has the files of others"
            for executor in executors[1:]:
                error = died(executor.submit(crash))
                assert "Segmentation fault" in error.last_words, error
                assert " in crash\\n" in error.last_words, error
                assert error.out_of_memory is False, error
                assert error.exitcode == -signal.SIGSEGV, error
                assert executor.submit(abs, -1).result() == 1
            for executor in executors:
                executor.shutdown()
            assert files() == []
    """
    assert run(tmp_path, method, program) == ("", "")


def test_a_programs_own_faulthandler_stays(tmp_path: Path, method: str) -> None:
    program = """
        def crash():
            faulthandler._sigsegv()

        def main():
            with start(faulthandler.enable) as executor:
                assert died(executor.submit(crash)).last_words is None

        if METHOD == "fork":
            faulthandler.enable()
    """.replace("METHOD", repr(method))
    if method != "fork":
        # The initializer enables it later than the worker does: what was enabled last counts.
        program = program.replace("        if ", "        if False and ")
    out, err = run(tmp_path, method, program)
    assert out == ""
    assert "Segmentation fault" in err


def test_an_interrupt_fails_the_task_and_says_nothing(tmp_path: Path, method: str) -> None:
    program = """
        def idle():
            os.write(1, b"waits ")
            while True:
                time.sleep(0.01)

        def main():
            executor = start()
            process = worker(executor)
            future = executor.submit(idle)
            while not wait([future], 0.05).done:
                os.kill(process.pid, signal.SIGINT)
            error = future.exception()
            assert type(error) is KeyboardInterrupt, error
            assert " in idle\\n" in str(error.__cause__), error.__cause__
            os.kill(process.pid, signal.SIGINT)  # it runs no task now
            assert executor.submit(abs, -1).result() == 1
            os.kill(process.pid, signal.SIGINT)
            executor.shutdown()
            assert process.exitcode == 0, process.exitcode
    """
    out, err = run(tmp_path, method, program)
    assert (out.strip(), err) == ("waits", "")


def test_an_event_loop_in_a_task_has_its_own_handler(tmp_path: Path, method: str) -> None:
    """As in the standard library: Ctrl-C cancels the main task of `asyncio.run()`, if the program has no handler."""
    program = """
        import asyncio

        async def interrupted():
            os.kill(os.getpid(), signal.SIGINT)
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                os.write(1, b"cancelled ")
                raise

        def call():
            before = signal.getsignal(signal.SIGINT)
            try:
                asyncio.run(interrupted())
            except KeyboardInterrupt:
                return before is signal.getsignal(signal.SIGINT) is signal.default_int_handler

        def main():
            with start() as executor:
                for _ in range(2):
                    assert executor.submit(call).result() is True
    """
    out, err = run(tmp_path, method, program)
    assert (out.strip(), err) == ("cancelled cancelled", "")


def test_a_programs_own_handler_stays(tmp_path: Path, method: str) -> None:
    program = """
        def handle(*_):
            os.write(1, b"handled\\n")

        def begin():
            signal.signal(signal.SIGINT, handle)

        def handled():
            os.kill(os.getpid(), signal.SIGINT)
            return signal.getsignal(signal.SIGINT) is handle

        def main():
            with start(begin) as executor:
                assert executor.submit(handled).result() is True
    """
    assert run(tmp_path, method, program) == ("handled\n", "")


def test_output_and_records_of_a_worker_are_relayed(tmp_path: Path, method: str) -> None:
    program = """
        import logging

        def begin():
            print("begins")

        def main():
            logging.basicConfig(format="%(processName)s %(message)s")
            with start(begin, relay=True) as executor:
                assert executor.submit(logging.warning, "%s tasks", 2).result() is None
                assert executor.submit(print, "half a line", end="").result() is None
    """
    out, err = run(tmp_path, method, program)
    assert out == "[worker-0] begins\n[worker-0] half a line\n"
    assert err.endswith("Process-1 2 tasks\n")


def test_an_ignored_interrupt_stays_ignored(tmp_path: Path) -> None:
    program = """
        def main():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            with start() as executor:
                assert executor.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
    """
    assert run(tmp_path, "fork", program) == ("", "")
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
