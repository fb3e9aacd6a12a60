"""Trees of processes: the protocol is in PROTOCOL.md."""

from __future__ import annotations

import contextlib
import os
import sys
import time

from interlock._commands import _guard
from interlock._commands._guard import end, start_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Tree"]

_PREFIX = "INTERLOCK_TREE_"


class Tree:
    """The tree of a command, which has not been started yet."""

    def __init__(self) -> None:
        self._mark = f"{_PREFIX}{os.getpid()}_{time.monotonic_ns()}_{os.urandom(4).hex()}"
        self._pid = self._start = 0
        self._write: Any = os.write  # kept for the end of the interpreter, when there are no globals any more
        self._guard = _tell_guard(f"+ {self._mark} 0 0\n")

    def environment(self, env: Any) -> dict[Any, Any]:
        """Return the environment of the command."""
        return {**(os.environ if env is None else env), self._mark: "1"}

    def begin(self, pid: int) -> None:
        """Note that the process `pid` runs the command."""
        self._pid, self._start = pid, start_time(pid)
        self._tell(f"+ {self._mark} {self._pid} {self._start}\n")

    def end(self) -> None:
        """Kill all processes of the tree, and wait until they have ended. Blocks for ten seconds at most."""
        end(self._mark, self._pid, self._start)

    def forget(self) -> None:
        """Let the tree live on when this program ends."""
        self._tell(f"- {self._mark}\n")

    def _tell(self, line: str) -> None:
        # The guard may be dead, or this is a forked child that has closed its parent's pipe.
        with contextlib.suppress(OSError):
            self._write(self._guard, line.encode())


_guards: dict[int, int] = {}
"""The pipes to the guards of this process and of the processes from which it was forked, by their pids."""


def _tell_guard(line: str) -> int:
    """Write a line to the guard of this process. Starts the guard if there is none. Return the pipe."""
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
        command = [sys.executable, "-I", "-S", os.path.abspath(_guard.__file__), str(program), str(read)]
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
