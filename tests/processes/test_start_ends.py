"""What the end of a parent, of the fork server or of its spare means for processes."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from pathlib import Path

import pytest

from tests.processes.programs import FORMS, LIMIT, METHODS, run, write

each = pytest.mark.parametrize(("form", "method"), [(form, method) for form in FORMS for method in METHODS])
each_form = pytest.mark.parametrize("form", FORMS)

CHILDREN = """
    def wait(daemon):
        os.write(1, f"{os.getpid()} {daemon}\\n".encode())
        signal.pause()

    def main():
        # The child that stays starts last: by fork it has the descriptors of the others' parent, too.
        for daemon in (True, True, False):
            Process(target=wait, args=(daemon,), daemon=daemon).start()
        signal.pause()
"""


@each
def test_daemonic_children_end_with_a_killed_parent(tmp_path: Path, form: str, method: str) -> None:
    with subprocess.Popen(
        write(tmp_path, CHILDREN, form, method), stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        children = {}
        for _ in range(3):
            pid, daemon = parent.stdout.readline().split()
            children[os.pidfd_open(int(pid))] = daemon == "True"
        parent.kill()
    (stays,) = [child for child, daemon in children.items() if not daemon]
    for child, daemon in children.items():
        if daemon:
            assert select.select([child], [], [], LIMIT)[0], "a daemonic child has outlived its parent"
    assert not select.select([stays], [], [], 0)[0]
    signal.pidfd_send_signal(stays, signal.SIGKILL)
    assert select.select([stays], [], [], LIMIT)[0]
    for child in children:
        os.close(child)


@each
def test_a_thread_that_ends_takes_no_child_with_it(tmp_path: Path, form: str, method: str) -> None:
    program = """
        def wait(connection):
            connection.recv()

        def main():
            import threading
            ours, theirs = context.Pipe()
            process = Process(target=wait, args=(theirs,), daemon=True)
            thread = threading.Thread(target=process.start)
            thread.start()
            thread.join()
            ours.send("end")
            process.join()
            assert process.exitcode == 0
    """
    assert run(tmp_path, program, form, method) == ""


@each
def test_a_child_sees_the_end_of_its_parent(tmp_path: Path, form: str, method: str) -> None:
    program = """
        def inner(to, ready):
            parent = parent_process()
            lives = parent.is_alive()
            ready.send(None)
            parent.join(60)
            to.send((lives, parent.is_alive()))

        def outer(to):
            receiver, sender = context.Pipe(duplex=False)
            Process(target=inner, args=(to, sender)).start()
            receiver.recv()
            os._exit(0)

        def main():
            receiver, sender = context.Pipe(duplex=False)
            process = Process(target=outer, args=(sender,))
            process.start()
            sender.close()
            assert receiver.recv() == (True, False)
            process.join()
    """
    assert run(tmp_path, program, form, method) == ""


@each_form
@pytest.mark.parametrize("victim", ["server", "spare"])
def test_the_fork_server_is_killed(tmp_path: Path, form: str, victim: str) -> None:
    program = f"""
        from interlock.multiprocessing import forkserver

        def leave(code):
            os._exit(code)

        def start():
            process = Process(target=leave, args=(5,))
            process.start()
            process.join()
            return process.exitcode

        def spare():
            server = forkserver._forkserver._forkserver_pid
            while True:
                with open(f"/proc/{{server}}/task/{{server}}/children") as file:
                    pids = file.read().split()
                if pids:
                    return int(pids[0])

        def main():
            for _ in range(3):
                assert start() == 5
                pid = forkserver._forkserver._forkserver_pid if {victim!r} == "server" else spare()
                try:
                    watch = os.pidfd_open(pid)
                    signal.pidfd_send_signal(watch, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                assert ended(watch)
                os.close(watch)
            assert start() == 5
    """
    assert run(tmp_path, program, form, "forkserver") == ""


@each_form
def test_a_child_outlives_the_fork_server(tmp_path: Path, form: str) -> None:
    program = """
        from interlock.multiprocessing import forkserver

        def leave(connection):
            connection.recv()
            os._exit(5)

        def main():
            ours, theirs = context.Pipe()
            process = Process(target=leave, args=(theirs,))
            process.start()
            os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
            ours.send("end")
            process.join()
            print(process.exitcode)  # nobody could tell
    """
    assert run(tmp_path, program, form, "forkserver") == "255\n"


@each_form
def test_the_fork_server_and_its_spare_end_with_the_program(tmp_path: Path, form: str) -> None:
    program = """
        from interlock.multiprocessing import forkserver

        def nothing():
            pass

        def main():
            process = Process(target=nothing)
            process.start()
            process.join()
            print(forkserver._forkserver._forkserver_pid, flush=True)
            sys.stdin.read()
    """
    line = write(tmp_path, program, form, "forkserver")
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        family = [os.pidfd_open(pid)]
        children = Path(f"/proc/{pid}/task/{pid}/children")
        while not (spare := children.read_text().split()):
            pass
        family.append(os.pidfd_open(int(spare[0])))
        parent.kill()
    for process in family:
        assert select.select([process], [], [], LIMIT)[0]
        os.close(process)


@each_form
def test_the_fork_server_imports_the_main_module_once(tmp_path: Path, form: str) -> None:
    (tmp_path / "preloaded.py").write_text("import os; print('preloaded', flush=True)\n")
    program = """
        print(__name__, flush=True)

        def nothing():
            assert "preloaded" in sys.modules

        def main():
            context.set_forkserver_preload(["__main__", "preloaded", "missing"])
            for _ in range(4):
                process = Process(target=nothing)
                process.start()
                process.join()
                assert process.exitcode == 0
    """
    assert run(tmp_path, program, form, "forkserver") == "__main__\n__mp_main__\npreloaded\n"


@each_form
def test_a_main_module_that_cannot_be_imported(tmp_path: Path, form: str) -> None:
    program = """
        if __name__ != "__main__":
            raise OSError("not to be imported")

        def main():
            sys.stderr.flush()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            process = Process(target=print)
            process.start()
            process.join()
            print(process.exitcode)
    """
    assert run(tmp_path, program, form, "forkserver") == "1\n"
