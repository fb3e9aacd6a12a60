"""Commands that cannot be started, and many of them: one clear error, no zombie, no descriptor left.

The short form is in `make test`; `INTERLOCK_LIMITS=1` makes it 10,000 commands.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import IS_LONG, counts

MANY = 10_000 if IS_LONG else 200


@pytest.mark.timeout(1800 if IS_LONG else 120)
def test_many_commands_leave_nothing(ours: Any) -> None:
    ours.run(["true"])
    before = counts()
    for number in range(MANY):
        way = number % 5
        if way == 0:
            assert ours.run(["true"]).returncode == 0
        elif way == 1:
            assert ours.run(["cat"], input=b"in", capture_output=True).stdout == b"in"
        elif way == 2:
            with pytest.raises(FileNotFoundError):
                ours.run(["/no such command"], capture_output=True)
        elif way == 3:
            with pytest.raises(FileNotFoundError):
                ours.run(["true"], cwd="/no such folder", stdin=ours.PIPE)
        else:
            process = ours.Popen(["cat"], stdin=ours.PIPE)
            process.kill()
            assert process.wait(timeout=100) == -9
            process.stdin.close()
    assert counts() == before


def test_errors_at_the_start_are_the_standard_ones(commands: Any, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("no program")
    wrong: list[tuple[type[Exception], int, str, dict[str, Any]]] = [
        (FileNotFoundError, errno.ENOENT, "/no such command", {"args": ["/no such command"]}),
        (FileNotFoundError, errno.ENOENT, "no-such-command", {"args": ["no-such-command"]}),
        (FileNotFoundError, errno.ENOENT, "/no/folder", {"args": ["true"], "cwd": "/no/folder"}),
        (PermissionError, errno.EACCES, str(tmp_path / "plain"), {"args": [str(tmp_path / "plain")]}),
    ]
    for kind, number, name, how in wrong:
        with pytest.raises(kind) as caught:
            commands.Popen(**how)
        assert isinstance(caught.value, OSError)
        assert (caught.value.errno, caught.value.filename) == (number, name)

    def fails() -> None:
        raise RuntimeError("not seen")

    with pytest.raises(commands.SubprocessError, match="preexec_fn"):
        commands.Popen(["true"], preexec_fn=fails)


def with_free_descriptors(free: int, action: Callable[[], None]) -> None:
    """Run an action in a process of its own that can open so many files and no more."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            soft = max(map(int, os.listdir("/proc/self/fd"))) + 50
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
            taken = []
            try:
                while True:
                    taken.append(os.dup(0))
            except OSError:
                pass
            for number in taken[len(taken) - free :]:
                os.close(number)
            action()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0


def opened() -> int:
    """How many files this process has open, found out without opening one."""
    return sum(1 for number in range(4096) if _is_open(number))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("free", range(9))
def test_a_full_table_of_descriptors_is_one_error_or_none(commands: Any, free: int) -> None:
    def action() -> None:
        before = opened()
        try:
            done = commands.run(["/bin/echo", "x"], capture_output=True, timeout=100)
        except OSError as error:
            number = error.errno
            assert number == errno.EMFILE
            assert free < 6, free  # two pipes, and one of its own in some versions
        else:
            assert (done.returncode, done.stdout) == (0, b"x\n")
            assert free >= 4, free
        assert opened() == before
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
        raise AssertionError("a zombie")

    with_free_descriptors(free, action)
