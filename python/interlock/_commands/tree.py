"""Trees of processes, and their guard: the protocol is in PROTOCOL.md.

This file is also the program of the guard. So it imports nothing of this package.
"""

import contextlib
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["Tree", "start_time"]

_PREFIX = "INTERLOCK_TREE_"
_LONGEST = 10.0
"""Seconds after which the end of a tree is given up."""

_PATIENCE_MS = 1000
"""How long killed processes have to end before the next look."""

_BETWEEN_FORK_AND_EXEC = 0.2
"""Seconds that a child has to come to its exec when the program has died."""


class _Process:
    """What the kernel says of a process."""

    def __init__(self, pid: int) -> None:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        self.pid = pid
        self.state = fields[0]
        self.parent, self.group, self.session = map(int, fields[1:4])
        self.start = int(fields[19])


def start_time(pid: int) -> int:
    """Return when a process started, in the kernel's ticks, or 0 if there is none."""
    try:
        return _Process(pid).start
    except (OSError, IndexError, ValueError):
        return 0


def _processes() -> "Iterator[_Process]":
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError, IndexError, ValueError):
                process = _Process(int(name))
                if process.state not in (b"Z", b"X"):
                    yield process


def _has_mark(pid: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read()
    except OSError:
        return False


def _members(mark: bytes, pid: int, start: int) -> "list[_Process]":
    """Return the processes of a tree that have not ended."""
    others = []
    found: dict[int, _Process] = {}
    for process in _processes():
        is_root = pid > 0 and process.pid == pid and process.start == start
        is_led = pid > 0 and pid in (process.group, process.session) and process.start >= start > 0
        if is_root or is_led or _has_mark(process.pid, mark):
            found[process.pid] = process
        else:
            others.append(process)
    is_more = True
    while is_more:
        children = [process for process in others if process.parent in found]
        is_more = bool(children)
        found |= {process.pid: process for process in children}
        others = [process for process in others if process.pid not in found]
    found.pop(os.getpid(), None)
    return list(found.values())


def _kill(process: _Process) -> int:
    """Kill a process, if it is that one still. Return its descriptor, or -1."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return -1
    try:
        if start_time(process.pid) == process.start:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            return descriptor
    except OSError:  # it has ended, or is another user's
        pass
    os.close(descriptor)
    return -1


def _end(mark: str, pid: int, start: int) -> None:
    """End a tree."""
    give_up = time.monotonic() + _LONGEST
    name = f"{mark}=".encode()
    while time.monotonic() < give_up:
        killed = [one for one in map(_kill, _members(name, pid, start)) if one >= 0]
        if not killed:
            return
        try:
            for descriptor in killed:
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                poll.poll(_PATIENCE_MS)
        finally:
            for descriptor in killed:
                os.close(descriptor)


class Tree:
    """The tree of a command, which has not been started yet."""

    def __init__(self) -> None:
        self._mark = f"{_PREFIX}{os.getpid()}_{time.monotonic_ns()}_{os.urandom(4).hex()}"
        self._pid = self._start = 0
        self._write: Any = os.write  # also for an end of the interpreter, when there are no globals any more
        self._guard = _tell_guard(f"+ {self._mark} 0 0\n")

    def environment(self, env: "Any") -> "dict[Any, Any]":
        """Return the environment of the command."""
        return {**(os.environ if env is None else env), self._mark: "1"}

    def begin(self, pid: int) -> None:
        """Say which process the command is."""
        self._pid, self._start = pid, start_time(pid)
        self._tell(f"+ {self._mark} {self._pid} {self._start}\n")

    def end(self) -> None:
        """Kill all processes of the tree, and wait until they have ended. Blocks for ten seconds at most."""
        _end(self._mark, self._pid, self._start)

    def forget(self) -> None:
        """Let the tree live on when this program ends."""
        self._tell(f"- {self._mark}\n")

    def _tell(self, line: str) -> None:
        # The guard may be dead; or a forked child has closed what was its parent's.
        with contextlib.suppress(OSError):
            self._write(self._guard, line.encode())


_guards: "dict[int, int]" = {}
"""The pipe to the guard of this process, and of those of which it is a fork."""


def _tell_guard(line: str) -> int:
    """Write a line to the guard of this process, which is started if there is none. Return the pipe."""
    me = os.getpid()
    if me in _guards:
        with contextlib.suppress(OSError):
            os.write(_guards[me], line.encode())
            return _guards[me]
    pipe = _guards[me] = _start_guard(me)
    os.write(pipe, line.encode())
    return pipe


def _start_guard(me: int) -> int:
    if not sys.executable:
        raise RuntimeError("kill_tree starts a guard by sys.executable, which is empty")
    from subprocess import DEVNULL, Popen

    program = os.pidfd_open(me)
    read, write = os.pipe()
    try:
        command = [sys.executable, "-I", "-S", os.path.abspath(__file__), str(program), str(read)]
        starter = Popen(
            command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, cwd="/", pass_fds=(program, read)
        )
        if starter.wait() != 0:
            raise RuntimeError(
                f"the guard of kill_tree could not be started: {command[0]} ended with an error"
            )
    except BaseException:
        os.close(write)
        raise
    finally:
        os.close(program)
        os.close(read)
    return write


def _watch(program: int, pipe: int) -> None:
    """Be the guard, until the program has ended."""
    trees: dict[str, tuple[int, int]] = {}
    poll = select.poll()
    poll.register(program, select.POLLIN)
    poll.register(pipe, select.POLLIN)
    rest = b""
    has_ended, is_open = False, True
    while not has_ended or is_open:
        ready = dict(poll.poll(0 if has_ended else None))
        has_ended = has_ended or program in ready
        if pipe in ready:
            data = os.read(pipe, 65536)
            is_open = bool(data)
            if not data:
                poll.unregister(pipe)
            rest = _note(trees, rest + data)
        elif has_ended:
            break
    for pause in (_BETWEEN_FORK_AND_EXEC, 0.0):
        for mark, (pid, start) in trees.items():
            _end(mark, pid, start)
        time.sleep(pause if trees else 0)


def _note(trees: "dict[str, tuple[int, int]]", data: bytes) -> bytes:
    """Take note of the lines of the program. Return what is left: the beginning of a line."""
    *lines, rest = data.split(b"\n")
    for line in lines:
        sign, mark, *numbers = line.decode().split()
        if sign == "+":
            trees[mark] = int(numbers[0]), int(numbers[1])
        else:
            trees.pop(mark, None)
    return rest


def _be_guard() -> None:
    program, pipe = map(int, sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if os.fork():
        os._exit(0)  # the program waits for this one, so that it is not the guard's parent
    os.setsid()
    _watch(program, pipe)


if __name__ == "__main__":
    _be_guard()
