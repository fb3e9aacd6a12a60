"""What a worker process of a pool runs, with a server that stands for the engine's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

METHODS = ("fork", "forkserver", "spawn")
LIMIT = 100.0

_HEAD = """\
import faulthandler, multiprocessing, os, signal, sys, time
import interlock
if __name__ == "__main__":
    interlock.install()
from multiprocessing import connection
from interlock.concurrent.futures._evidence import LastWords, bury, watch
from interlock.concurrent.futures._process_worker import Options, main as work
from interlock.concurrent.futures._transport import dump_call, load_exception
from interlock.multiprocessing._pickling import loads
context = multiprocessing.get_context(METHOD)

class Seat:
    \"\"\"A seat whose server gets calls through a connection, and tells through it what the engine's tells.\"\"\"
    number = 3

    def __init__(self):
        self.parent, self.child = context.Pipe()

    def serve(self):
        return Server(self.child)

class Server:
    def __init__(self, connection):
        self.connection = connection

    def ready(self):
        self.connection.send(("ready",))

    def refuse(self, why):
        self.connection.send(("refuse", why))

    def run(self, dump, fail, after):
        serve(self.connection, loads, dump, fail, after)
        return "shutdown"

# The engine's server has no frames. Those of this one must not be taken for the program's.
exec(compile('''
def serve(connection, load, dump, fail, after):
    while (payload := connection.recv_bytes()):
        try:
            fn, args, kwargs = load(payload)
            message = "returned", dump(fn(*args, **kwargs))
        except BaseException as error:
            message = "failed", fail(error)
        connection.send(message)
        if after is not None and not after():
            break
''', work.__code__.co_filename, "exec"))
for method in (Server.ready, Server.refuse, Server.run):
    method.__code__ = method.__code__.replace(co_filename=work.__code__.co_filename)

def start(initializer=None, initargs=(), **options):
    seat = Seat()
    options = Options(**options)
    process = context.Process(target=work, args=(seat, initializer, initargs, options))
    process.start()
    watch(process, options.last_words)
    seat.child.close()
    return process, seat.parent

def ask(connection, fn, *args, **kwargs):
    connection.send_bytes(dump_call(fn, args, kwargs))

def outcome(connection):
    kind, data = connection.recv()
    return loads(data) if kind == "returned" else load_exception(data)
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


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_worker_serves_and_ends_as_children_do(tmp_path: Path, method: str) -> None:
    program = """
        def say(text):
            os.write(1, text.encode())

        def begin(text):
            from multiprocessing import util
            util.Finalize(None, say, (text,), exitpriority=1)

        def main():
            process, connection = start(begin, ("finalized\\n",))
            assert connection.recv() == ("ready",)
            ask(connection, pow, 2, 3, mod=5)
            assert outcome(connection) == 3
            ask(connection, int, "x")
            error = outcome(connection)
            assert type(error) is ValueError, error
            assert "Traceback" in str(error.__cause__), error.__cause__
            connection.send_bytes(b"")
            process.join()
            assert process.exitcode == 0, process.exitcode
    """
    assert run(tmp_path, method, program) == ("finalized\n", "")


def test_an_initializer_that_fails_is_logged_and_told(tmp_path: Path, method: str) -> None:
    program = """
        def begin(word):
            raise LookupError(word)

        def main():
            process, connection = start(begin, ("no table",))
            kind, why = connection.recv()
            assert kind == "refuse"
            error = load_exception(why)
            assert repr(error) == "LookupError('no table')"
            process.join()
            assert process.exitcode == 0, process.exitcode
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

        def resident():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        def main():
            process, connection = start(memory_limit=resident() + (128 << 20))
            assert connection.recv() == ("ready",)
            for size in (1, 1, 256 << 20):
                ask(connection, keep, size)
                assert outcome(connection) is None
            process.join()  # nobody has told it to end
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
            workers = [start(last_words=LastWords()) for _ in range(3)]
            for process, connection in workers:
                assert connection.recv() == ("ready",)
                ask(connection, files)
                assert len(outcome(connection)) == 1, "a worker has the files of others"
            for process, connection in workers[1:]:
                ask(connection, crash)
            for process, connection in workers[1:]:
                connection.poll(None)
                facts = bury(process.pid)
                assert "Segmentation fault" in facts.last_words, facts
                assert " in crash\\n" in facts.last_words, facts
                assert facts.out_of_memory is False, facts
                process.join()
                assert process.exitcode == -signal.SIGSEGV
            process, connection = workers[0]
            connection.send_bytes(b"")
            process.join()
            assert bury(process.pid).last_words is None
            del workers, process
            import gc
            gc.collect()
            assert files() == []
    """
    assert run(tmp_path, method, program) == ("", "")


def test_a_programs_own_faulthandler_stays(tmp_path: Path, method: str) -> None:
    program = """
        def crash():
            faulthandler._sigsegv()

        def main():
            words = LastWords()
            process, connection = start(faulthandler.enable, last_words=words)
            assert connection.recv() == ("ready",)
            ask(connection, crash)
            process.join()
            assert bury(process.pid).last_words is None

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
        def wait():
            os.write(1, b"waits ")
            while True:
                time.sleep(0.01)

        def main():
            process, connection = start()
            assert connection.recv() == ("ready",)
            ask(connection, wait)
            while True:
                os.kill(process.pid, signal.SIGINT)
                if connection.poll(0.05):
                    break
            error = outcome(connection)
            assert type(error) is KeyboardInterrupt, error
            assert " in wait\\n" in str(error.__cause__), error.__cause__
            os.kill(process.pid, signal.SIGINT)  # it runs no task now
            ask(connection, abs, -1)
            assert outcome(connection) == 1
            os.kill(process.pid, signal.SIGINT)
            connection.send_bytes(b"")
            process.join()
            assert process.exitcode == 0, process.exitcode
    """
    out, err = run(tmp_path, method, program)
    assert (out.strip(), err) == ("waits", "")


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
            process, connection = start(begin)
            assert connection.recv() == ("ready",)
            ask(connection, handled)
            assert outcome(connection) is True
            connection.send_bytes(b"")
            process.join()
    """
    assert run(tmp_path, method, program) == ("handled\n", "")


def test_output_and_records_of_a_worker_are_relayed(tmp_path: Path, method: str) -> None:
    program = """
        import logging
        from interlock.concurrent.futures._relay import Inlet

        def begin():
            print("begins")

        def main():
            logging.basicConfig(format="%(processName)s %(message)s")
            inlet = Inlet(context)
            process, connection = start(begin, relay=inlet.outlet)
            assert connection.recv() == ("ready",)
            ask(connection, logging.warning, "%s tasks", 2)
            assert outcome(connection) is None
            ask(connection, print, "half a line", end="")
            assert outcome(connection) is None
            connection.send_bytes(b"")
            process.join()
            inlet.close()
    """
    out, err = run(tmp_path, method, program)
    assert out == "[worker-3] begins\n[worker-3] half a line\n"
    assert err.endswith("Process-1 2 tasks\n")


def test_an_ignored_interrupt_stays_ignored(tmp_path: Path) -> None:
    program = """
        def main():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            process, connection = start()
            assert connection.recv() == ("ready",)
            ask(connection, signal.getsignal, signal.SIGINT)
            assert outcome(connection) == signal.SIG_IGN
            connection.send_bytes(b"")
            process.join()
    """
    assert run(tmp_path, "fork", program) == ("", "")
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
