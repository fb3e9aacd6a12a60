"""Trees of processes end as a whole: the claims of `_commands/PROTOCOL.md`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interlock import subprocess as named
from interlock._commands import _guard

from tests.commands.conftest import LIMIT, counts, guards_of, is_alive, until

PYTHON = [sys.executable, "-S", "-c"]

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {clear}
        print(os.getpid(), flush=True)
        time.sleep(1000)
    os._exit(0)
os.wait()
{then}
"""


@pytest.fixture
def started() -> Iterator[list[int]]:
    """Processes that do not outlive the test."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def daemon(ours: Any, then: str = "time.sleep(1000)", **how: Any) -> tuple[Any, int]:
    """Start a command with a tree, and a daemon of it."""
    code = DAEMON.format(then=then, clear="pass")
    process = ours.Popen([*PYTHON, code], stdout=ours.PIPE, text=True, kill_tree=True, **how)
    return process, int(process.stdout.readline())


def test_a_daemon_ends_with_the_tree(ours: Any, started: list[int]) -> None:
    process, pid = daemon(ours)
    started.append(pid)
    with process:
        assert is_alive(pid)
        process.kill()
        assert not is_alive(pid)
        assert process.wait() == -signal.SIGKILL


def test_an_ordinary_command_leaves_its_daemon(ours: Any, started: list[int]) -> None:
    code = DAEMON.format(then="time.sleep(1000)", clear="pass")
    with ours.Popen([*PYTHON, code], stdout=ours.PIPE, text=True) as process:
        started.append(int(process.stdout.readline()))
        process.kill()
    assert is_alive(started[0])


def test_what_an_ended_command_leaves_stays(ours: Any, started: list[int]) -> None:
    process, pid = daemon(ours, then="pass")
    started.append(pid)
    with process:
        assert process.wait(timeout=LIMIT) == 0
    assert is_alive(pid)
    process.kill()
    assert not is_alive(pid)
    assert process.returncode == 0


def test_the_time_of_run_ends_the_tree(ours: Any, tmp_path: Path, started: list[int]) -> None:
    """Also what a command that has ended itself has left, which keeps the pipe open."""
    code = DAEMON.format(then="pass", clear=f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))")
    with pytest.raises(subprocess.TimeoutExpired):
        ours.run([*PYTHON, code], capture_output=True, timeout=2, kill_tree=True)
    started.append(int((tmp_path / "pid").read_text()))
    assert not is_alive(started[0])


def test_an_exception_in_a_with_block_ends_the_tree(ours: Any, started: list[int]) -> None:
    for error in (ValueError, KeyboardInterrupt):
        process, pid = daemon(ours)
        started.append(pid)
        with pytest.raises(error), process:
            raise error
        assert not is_alive(pid)
        assert process.returncode == -signal.SIGKILL


def test_processes_that_are_started_meanwhile_end(ours: Any, tmp_path: Path) -> None:
    """On a machine so busy that a look takes longer than a process lives, ten seconds may not be enough."""
    assert any(all_end(ours, tmp_path / str(attempt)) for attempt in range(5))


def all_end(ours: Any, ready: Path) -> bool:
    code = f"""
import os, time
for _ in range(8):  # each starts another one again and again, but not for ever if the test fails
    if os.fork() == 0:
        for _ in range(500):
            if os.fork():
                os._exit(0)
            os.setsid()
            time.sleep(0.02)
        os._exit(0)
open({str(ready)!r}, "w").close()
time.sleep(1000)
"""
    process = ours.Popen([*PYTHON, code], kill_tree=True)
    with process:
        until(ready.exists)
        mark = process.__dict__["_interlock_tree"]._mark.encode()
        assert _guard.look(mark, process.pid, _guard.start_time(process.pid), set())[0]
        process.kill()
        assert process.wait(timeout=LIMIT) == -signal.SIGKILL
        return all(_guard.look(mark, 0, 0, set())[0] == [] for _ in range(20))


def test_no_parent_sees_its_child_end(ours: Any, tmp_path: Path) -> None:
    """It would exit with the status 0, or start a child again, which a second look would have to find."""
    code = """
import os, subprocess, sys
for _ in range(4):
    if os.fork():
        os.wait()
        open(sys.argv[1], "w").close()
        os._exit(0)
print(flush=True)
sys.stdin.read()
"""
    for _ in range(5):
        command = [*PYTHON, code, str(tmp_path / "seen")]
        process = ours.Popen(command, stdin=ours.PIPE, stdout=ours.PIPE, kill_tree=True)
        process.stdout.readline()
        process.kill()
        assert process.wait(LIMIT) == -signal.SIGKILL
        process.stdin.close()
        process.stdout.close()
    assert not (tmp_path / "seen").exists()


def test_another_process_with_the_same_pid_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "1000"]) as process:
        found = _guard.Process(process.pid)
        found.start -= 1
        assert _guard.kill(found) == -1
        assert _guard.look(b"no such mark", process.pid, found.start, set())[0] == []
        assert process.poll() is None
        process.kill()


def test_another_leader_with_the_same_pid_is_left_alone() -> None:
    """A group has its leader's pid. If another process has that pid now, no process is left of the old group."""
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as process:
        start = _guard.start_time(process.pid)
        assert len(_guard.look(b"no such mark", process.pid, start, set())[0]) == 1
        assert _guard.look(b"no such mark", process.pid, start - 1, set())[0] == []
        process.kill()


PROGRAM = """
import os, sys, time
from interlock import subprocess
code = sys.argv[1]
process = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, text=True, kill_tree=True)
print(process.pid, process.stdout.readline(), flush=True)
{end}
"""


@pytest.mark.parametrize("end", ["time.sleep(1000)", "sys.exit()", "os.kill(os.getpid(), 11)"])
def test_the_tree_ends_when_the_program_is_killed(end: str, started: list[int]) -> None:
    code = DAEMON.format(then="time.sleep(1000)", clear="pass")
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM.format(end=end), code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        assert program.stdout
        started += map(int, program.stdout.readline().split())
        assert len(started) == 2
        if "sleep" in end:
            program.kill()
    until(lambda: not any(map(is_alive, started)))


def test_the_guard_is_no_child_and_ends_with_the_program() -> None:
    code = """if True:
        import os
        from interlock import subprocess
        assert subprocess.run(["true"], kill_tree=True).returncode == 0
        try:
            os.wait()
        except ChildProcessError:
            print(flush=True)
        input()
    """
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout
        assert program.stdout.readline() == "\n"
        (guard,) = guards_of(program.pid)
        program.communicate("\n")
    until(lambda: not is_alive(guard))


def test_a_command_that_cannot_be_started_is_the_usual_error(ours: Any) -> None:
    ours.run(["true"], kill_tree=True)
    before = counts()
    with pytest.raises(FileNotFoundError):
        ours.run(["/no such command"], kill_tree=True)
    assert ours.run(["cat"], input=b"x", capture_output=True, kill_tree=True).stdout == b"x"
    assert counts() == before


def test_the_environment_is_the_given_one_and_the_mark(ours: Any) -> None:
    seen = ours.run(["/usr/bin/env"], env={"A": "1"}, capture_output=True, text=True, kill_tree=True).stdout
    assert [line.partition("=")[0][:14] for line in sorted(seen.splitlines())] == ["A", "INTERLOCK_TREE"]
    assert "HOME=" in ours.run(["env"], capture_output=True, text=True, kill_tree=True).stdout


def test_many_commands_have_their_trees(ours: Any, tmp_path: Path) -> None:
    code = (
        "import os, sys, time\nos.fork()\nopen(f'{sys.argv[1]}/{os.getpid()}', 'w').close()\ntime.sleep(1000)"
    )
    assert issubclass(named.Popen, ours.Popen)
    results = named.run_many([[*PYTHON, code, str(tmp_path)]] * 3, max_workers=3, timeout=2, kill_tree=True)
    assert [type(one.error) for one in results] == [subprocess.TimeoutExpired] * 3
    assert not any(is_alive(int(path.name)) for path in tmp_path.iterdir())
