"""Log records and output of worker processes, brought to the parent."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

LIMIT = 100.0

_HEAD = """\
import logging, multiprocessing, os, signal, sys, threading
import interlock
if __name__ == "__main__":
    interlock.install()
from interlock.concurrent.futures import _relay
from interlock.concurrent.futures._relay import Inlet, Outlet
context = multiprocessing.get_context(METHOD)

def work(outlet, function, args):
    outlet.open("worker-3")
    function(*args)
    outlet.close()

def start(outlet, function, *args):
    process = context.Process(target=work, args=(outlet, function, args))
    process.start()
    return process
"""


def command(folder: Path, method: str, program: str) -> list[str]:
    path = folder / "program.py"
    text = _HEAD.replace("METHOD", repr(method)) + dedent(program)
    path.write_text(f'{text}\nif __name__ == "__main__":\n    main()\n', encoding="utf-8")
    return [sys.executable, str(path)]


def run(folder: Path, method: str, program: str) -> tuple[str, str]:
    done = subprocess.run(
        command(folder, method, program),
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def test_lines_arrive_with_the_workers_name(tmp_path: Path, method: str) -> None:
    program = """
        def talk():
            print("one", "two\\nthree")
            print("é\\udc80", file=sys.stderr)
            sys.stdout.buffer.write(b"bytes\\n")
            print("part", end=" ", flush=True)
            print("of a line", end="")

        def main():
            inlet = Inlet(context)
            inlet.open()
            start(inlet.outlet, talk).join()
            inlet.close()
    """
    out, err = run(tmp_path, method, program)
    assert out.splitlines() == [
        "[worker-3] one two",
        "[worker-3] three",
        "[worker-3] bytes",
        "[worker-3] part of a line",
    ]
    assert err == "[worker-3] é\\udc80\n"


def test_nothing_is_lost_at_a_normal_end(tmp_path: Path, method: str) -> None:
    program = """
        def talk(number):
            for index in range(2000):
                print(number, index)
            sys.stdout.write("last")

        def main():
            _relay._MOST = 100
            inlet = Inlet(context)
            inlet.open()
            workers = [start(inlet.outlet, talk, number) for number in range(2)]
            for worker in workers:
                worker.join()
            inlet.close()
    """
    out, err = run(tmp_path, method, program)
    lines = out.splitlines()
    for number in "01":
        ours = [line for line in lines if line.startswith(f"[worker-3] {number} ")]
        assert ours == [f"[worker-3] {number} {index}" for index in range(2000)]
    assert lines.count("[worker-3] last") == 2
    assert (len(lines), err) == (4002, "")


def test_what_is_printed_at_the_end_of_a_process_arrives(tmp_path: Path, method: str) -> None:
    program = """
        def fail():
            from multiprocessing import util
            util.Finalize(None, print, ("finalized",), exitpriority=1)
            raise LookupError("at the end")

        def main():
            inlet = Inlet(context)
            inlet.open()
            process = start(inlet.outlet, fail)
            process.join()
            assert process.exitcode == 1
            inlet.close()
    """
    out, err = run(tmp_path, method, program)
    assert out == "[worker-3] finalized\n"
    assert err.splitlines()[-1] == "[worker-3] LookupError: at the end"


def test_threads_have_lines_of_their_own(tmp_path: Path) -> None:
    program = """
        def talk():
            begun, ended = threading.Event(), threading.Event()
            def other():
                begun.wait()
                print("whole")
                ended.set()
            thread = threading.Thread(target=other)
            thread.start()
            print("be", end="")
            begun.set()
            ended.wait()
            print("gun")
            thread.join()

        def main():
            inlet = Inlet(context)
            inlet.open()
            start(inlet.outlet, talk).join()
            inlet.close()
    """
    assert run(tmp_path, "fork", program) == ("[worker-3] whole\n[worker-3] begun\n", "")


def test_a_line_without_an_end_arrives_in_pieces(tmp_path: Path) -> None:
    program = """
        def talk():
            for _ in range(5000):
                sys.stdout.write("\\rbar")
            os._exit(0)

        def main():
            inlet = Inlet(context)
            inlet.open()
            start(inlet.outlet, talk).join()
            inlet.close()
    """
    out, _ = run(tmp_path, "fork", program)
    assert out.startswith(("[worker-3] \nbar", "[worker-3] \rbar"))
    assert out.count("bar") >= 4000


def test_records_go_to_the_parents_loggers(tmp_path: Path, method: str) -> None:
    program = """
        class Odd:
            def __reduce__(self):
                raise RuntimeError
            def __repr__(self):
                return "Odd()"

        def log():
            logger = logging.getLogger("app.part")
            logger.debug("%s and %s", "one", 2, extra={"user": "ann", "odd": Odd()})
            logging.getLogger("quiet").info("not this")
            logging.info("nor this")
            logging.warning("but this")
            try:
                1 / 0
            except ZeroDivisionError:
                logging.getLogger("app").exception("failed", stack_info=True)

        class Collect(logging.Handler):
            def emit(self, record):
                records.append(record)

        records = []

        def main():
            handler = Collect()
            logging.getLogger("app").addHandler(handler)
            logging.getLogger("app").setLevel(logging.DEBUG)
            logging.getLogger("app").propagate = False
            logging.root.addHandler(handler)
            inlet = Inlet(context)
            inlet.open()
            process = start(inlet.outlet, log)
            process.join()
            inlet.close()
            first, second, third = records
            assert (first.name, first.getMessage(), first.user, first.odd) == (
                "app.part", "one and 2", "ann", "Odd()")
            assert first.process == process.pid and first.processName == process.name
            assert (second.name, second.getMessage()) == ("root", "but this")
            text = logging.Formatter("%(message)s").format(third)
            assert text.startswith("failed\\nTraceback") and "ZeroDivisionError" in text, text
            assert "Stack (most recent call last)" in text, text
    """
    assert run(tmp_path, method, program) == ("", "")


def test_a_workers_own_handlers_do_not_show_a_record_twice(tmp_path: Path) -> None:
    program = """
        def log():
            logging.basicConfig()  # does nothing, as there is a handler
            logging.getLogger("app").warning("once")

        def main():
            logging.basicConfig(format="%(name)s: %(message)s")
            logging.getLogger("app").addHandler(logging.StreamHandler(sys.stdout))
            inlet = Inlet(context)
            inlet.open()
            start(inlet.outlet, log).join()
            inlet.close()
    """
    assert run(tmp_path, "fork", program) == ("once\n", "app: once\n")


def test_a_handler_that_fails_stops_nothing(tmp_path: Path) -> None:
    program = """
        def log():
            logging.warning("one")
            print("two")

        class Failing(logging.Filter):
            def filter(self, record):
                raise RuntimeError("filter")

        def main():
            logging.root.addFilter(Failing())
            inlet = Inlet(context)
            inlet.open()
            start(inlet.outlet, log).join()
            inlet.close()
    """
    out, err = run(tmp_path, "fork", program)
    assert out == "[worker-3] two\n"
    assert err.endswith("RuntimeError: filter\n")


def test_the_last_lines_of_a_killed_worker_arrive(tmp_path: Path, method: str) -> None:
    program = """
        def die():
            logging.warning("farewell")
            print("last words")
            print("half a", end="")
            os.kill(os.getpid(), signal.SIGKILL)

        def main():
            logging.basicConfig(format="%(message)s")
            inlet = Inlet(context)
            inlet.open()
            process = start(inlet.outlet, die)
            process.join()
            assert process.exitcode == -9
            inlet.close()
    """
    assert run(tmp_path, method, program) == ("[worker-3] last words\n", "farewell\n")


def test_a_worker_does_not_wait_for_a_parent_that_is_gone(tmp_path: Path, method: str) -> None:
    program = """
        def talk():
            os.write(1, f"{os.getpid()}\\n".encode())
            for index in range(100):
                print(index)

        def main():
            from interlock.multiprocessing._queues import Queue
            queue = Queue(10, ctx=context)  # nobody gets anything
            process = start(Outlet(queue), talk)
            while not queue.full():
                queue._reader.poll(0.01)
            os.write(1, b"full\\n")
            signal.pause()
    """
    with subprocess.Popen(command(tmp_path, method, program), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = os.pidfd_open(int(parent.stdout.readline()))
        assert parent.stdout.readline() == "full\n"
        assert not select.select([worker], [], [], 0)[0]
        parent.send_signal(signal.SIGKILL)
        assert select.select([worker], [], [], LIMIT)[0], "the worker waits for ever"
        os.close(worker)
