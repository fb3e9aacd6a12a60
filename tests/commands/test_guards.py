"""The link to the guard of trees: what a program may do to its descriptors, threads and processes meanwhile."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.conftest import guards_of, is_alive, until

BEGIN = f"""
import os, resource, signal, sys, threading, time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from interlock import subprocess

LIMIT = 60

{inspect.getsource(is_alive)}
{inspect.getsource(until)}
{inspect.getsource(guards_of)}

def tree(*command, **how):
    return subprocess.run(command or ["true"], kill_tree=True, **how)

def files():
    return len(os.listdir("/proc/self/fd"))
"""


def lines_of(code: str, *args: str) -> list[str]:
    """Run a program to its end. Return what it has written."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BEGIN + code, *args], capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_threads_have_one_guard() -> None:
    """C410"""
    code = """
before = files()
barrier = threading.Barrier(16)
threads = [threading.Thread(target=lambda: (barrier.wait(), tree())) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(guards_of(os.getpid())), files() - before)
"""
    assert lines_of(code) == ["1 3"]


def test_a_dead_guard_is_replaced() -> None:
    """C411. Its descriptors are closed, and no SIGPIPE ends the program."""
    code = """
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
tree()
before = files()
for _ in range(3):
    (guard,) = guards_of(os.getpid())
    os.kill(guard, signal.SIGKILL)
    until(lambda: not is_alive(guard))
    process = subprocess.Popen(["sleep", "1000"], kill_tree=True)
    print(len(guards_of(os.getpid())))
    process.kill()
    process.wait()
    print(files() - before)
"""
    assert lines_of(code) == ["1", "0"] * 3


@pytest.mark.parametrize("closed", ["0", "1", "012"])
def test_a_program_without_standard_streams(closed: str, tmp_path: Path) -> None:
    """C412"""
    code = """
for number in sys.argv[1]:
    os.close(int(number))
process = subprocess.Popen(["sleep", "1000"], kill_tree=True)
taken = [number for number in map(int, sys.argv[1]) if os.path.exists(f"/proc/self/fd/{number}")]
assert not taken or os.readlink(f"/proc/self/fd/{taken[0]}").endswith(":[pidfd]"), taken
assert process.poll() is None
process.kill()
codes = [process.wait(), tree("sh", "-c", "exit 3").returncode, tree("cat", input=b"x", stdout=subprocess.PIPE).stdout]
from interlock._commands.starters import Starters
starters = Starters({})
Path(sys.argv[2]).write_text(f"{codes} {starters.doorbell > 2}")
"""
    assert lines_of(code, closed, str(tmp_path / "seen")) == []
    assert (tmp_path / "seen").read_text() == "[-9, 3, b'x'] True"


def test_what_a_program_opens_instead_is_not_written_to(tmp_path: Path) -> None:
    """C413. And the tree ends with the program all the same."""
    code = """
tree()
old = subprocess.Popen(["true"], kill_tree=True)
os.closerange(3, 256)
opened = [open(Path(sys.argv[1]) / str(number), "w+") for number in range(16)]
old.wait()
tree()
process = subprocess.Popen(["sleep", "1000"], kill_tree=True)
for file in opened:
    os.fstat(file.fileno())
    assert file.read() == ""
print(process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    (pid,) = map(int, lines_of(code, str(tmp_path)))
    until(lambda: not is_alive(pid))


@pytest.mark.parametrize(
    "then",
    [
        "del process",
        "process.poll()",
        "process.kill()",
        "process.__exit__(SystemExit, SystemExit(), None)",
        "tree()",
    ],
)
def test_a_forked_child_leaves_the_tree_as_it_is(then: str) -> None:
    """C414. The tree lives, and ends with the program that has started it."""
    code = f"""
process = subprocess.Popen(["sleep", "1000"], kill_tree=True)
child = os.fork()
if child == 0:
    with suppress(ValueError):
        {then}
    os._exit(0)
os.waitpid(child, 0)
print(process.pid, process.poll(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    pid, code_of_command = lines_of(code)[0].split()
    assert code_of_command == "None"
    until(lambda: not is_alive(int(pid)))


def test_a_forked_child_has_a_guard_of_its_own() -> None:
    """C414. It inherits no descriptor, even if another thread of its parent was starting a guard."""
    code = """
before = files()
tree()
child = os.fork()
if child == 0:
    print(files() - before, len(guards_of(os.getpid())), flush=True)
    tree()
    print(files() - before, len(guards_of(os.getpid())), flush=True)
    os._exit(0)
os.waitpid(child, 0)

from interlock._commands import tree as trees
trees._Guard.starting.acquire()
def fork():
    child = os.fork()
    if child == 0:
        tree()
        os._exit(0)
    os.waitpid(child, 0)
thread = threading.Thread(target=fork)
thread.start()
thread.join()
"""
    assert lines_of(code) == ["0 0", "3 1"]


FULL = """
process = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE, kill_tree=True)
pids = process.pid, int(process.stdout.readline())
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
opened = []
with suppress(OSError):
    while True:
        opened.append(os.open("/dev/null", 0))
"""


def test_a_tree_ends_although_the_descriptor_table_is_full() -> None:
    """C415"""
    code = f"""{FULL}
try:
    with process:
        1 / 0
except ZeroDivisionError:
    for number in opened:
        os.close(number)
    print(process.returncode, any(map(is_alive, pids)))
"""
    assert lines_of(code) == ["-9 False"]


def test_a_command_is_killed_although_its_tree_can_not_be_looked_at() -> None:
    """C415. Another thread has taken the spare descriptors."""
    code = f"""{FULL}
from interlock._commands import tree as trees
for spare in trees._Guard.current._spares:
    os.close(spare)
trees._Guard.current._spares.clear()
with suppress(OSError):
    while True:
        opened.append(os.open("/dev/null", 0))
try:
    process.kill()
except OSError as error:
    print(error.errno == 24, process.wait())
try:
    with process:
        1 / 0
except ZeroDivisionError:
    print("the block's own")
for number in opened:
    os.close(number)
process.kill()
print(any(map(is_alive, pids)))
"""
    assert lines_of(code) == ["True -9", "the block's own", "False"]
