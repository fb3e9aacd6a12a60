"""Processes start, or do not start, where descriptors are few."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.programs import FORMS, METHODS, run

each = pytest.mark.parametrize(("form", "method"), [(form, method) for form in FORMS for method in METHODS])

_STAY = """
        import errno, gc, resource

        def stay(path):
            os.mkdir(path)  # this needs no descriptor
            signal.pause()

        def is_killed(process, path):
            while not os.path.exists(path):
                pass
            os.rmdir(path)
            process.join(0.01)
            assert process.is_alive() and connection.wait([process.sentinel], 0) == []
            process.kill()
            assert connection.wait([process.sentinel], 60) == [process.sentinel]
            process.join()
            assert process.exitcode == -9
            process.close()
"""


@each
def test_a_start_that_fails_for_want_of_a_descriptor_has_started_nothing(
    tmp_path: Path, form: str, method: str
) -> None:
    program = f"""{_STAY}
        def in_use():
            gc.collect()
            children = open(f"/proc/self/task/{{os.getpid()}}/children").read()
            return len(os.listdir("/proc/self/fd")), children.split()

        def main():
            first = Process(target=int)
            first.start()
            first.join()
            first.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
            before = in_use()
            for number in range(20):
                daemon, free = divmod(number, 10)
                held = []
                try:
                    while True:
                        held.append(os.open(os.devnull, os.O_RDONLY))
                except OSError:
                    pass
                for _ in range(free):
                    os.close(held.pop())
                process, is_started = Process(target=stay, args=("here",), daemon=bool(daemon)), False
                try:
                    process.start()
                    is_started = True
                except OSError as error:
                    assert error.errno == errno.EMFILE and free < 7, (error, free)
                while held:
                    os.close(held.pop())
                if is_started:
                    is_killed(process, "here")
                del process
                assert in_use() == before and not os.path.exists("here"), (number, in_use(), before)
    """
    assert run(tmp_path, program, form, method) == ""


@each
def test_a_child_for_whose_pidfd_no_descriptor_is_left(tmp_path: Path, form: str, method: str) -> None:
    """Another thread of the program may take the last one, even one that the start has just given back."""
    program = f"""{_STAY}
        from interlock.multiprocessing import _fork_server, popen_fork

        def refuse(*_):
            raise OSError(errno.EMFILE, "no descriptor is left")

        class Refused:
            open = staticmethod(lambda pid: None)

        def without(received):
            message, descriptors = received
            for descriptor in descriptors:
                os.close(descriptor)
            return message, []

        def main():
            first = Process(target=int)
            first.start()
            first.join()
            receive = _fork_server.receive
            os.pidfd_open, popen_fork.ChildProcess = refuse, Refused
            _fork_server.receive = lambda *args: without(receive(*args))
            before = len(os.listdir("/proc/self/fd"))
            for daemon in (False, True):
                process = Process(target=stay, args=("here",), daemon=daemon)
                process.start()
                is_killed(process, "here")
                process = Process(target=os._exit, args=(7,), daemon=daemon)
                process.start()
                process.join()
                process.terminate()
                assert process.exitcode == 7
                process.close()
            assert len(os.listdir("/proc/self/fd")) == before
    """
    assert run(tmp_path, program, form, method) == ""


@pytest.mark.parametrize("form", FORMS)
def test_a_child_that_ended_before_its_pidfd_was_opened(tmp_path: Path, form: str) -> None:
    program = """
        from interlock.multiprocessing import _life, popen_fork

        class Late:
            @staticmethod
            def open(pid):
                try:
                    os.waitpid(pid, 0)
                except ChildProcessError:
                    return opened(pid)

        def watch_late(popen, parent):
            Late.open(popen.pid)
            watch(popen, parent)

        def main():
            global opened, watch
            first = Process(target=int)
            first.start()
            first.join()
            opened, watch = popen_fork.ChildProcess.open, _life.watch_child
            popen_fork.ChildProcess, _life.watch_child = Late, watch_late
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so the kernel reaps the child
            before = len(os.listdir("/proc/self/fd"))
            for daemon in (False, True):
                process = Process(target=int, daemon=daemon)
                process.start()
                assert connection.wait([process.sentinel], 60)
                process.terminate()
                process.join(60)
                process.join()
                assert process.exitcode is None and process._popen.is_lost
                del process
                multiprocessing.process._children.clear()
            assert len(os.listdir("/proc/self/fd")) == before
    """
    assert run(tmp_path, program, form, "fork") == ""
