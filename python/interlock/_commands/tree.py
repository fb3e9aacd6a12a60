"""Trees of processes, and this program's link to their guard: the protocol is in PROTOCOL.md."""

from __future__ import annotations

import _socket
import fcntl
import os
import subprocess as _std
import sys
import time
from _thread import RLock
from contextlib import contextmanager, suppress

from interlock._commands import _guard
from interlock._commands._guard import end, start_time, strike
from interlock._descriptors import above_standard
from interlock._lifecycle import after_fork_in_child
from interlock._originals import originals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["Tree"]

_PREFIX = "INTERLOCK_TREE_"

_SPARES = 2
"""How many descriptors the end of a tree needs: one of a process, and one of a file that says what it is."""


class Tree:
    """The tree of a command, which has not been started yet."""

    def __init__(self) -> None:
        self._mark = f"{_PREFIX}{os.getpid()}_{time.monotonic_ns()}_{os.urandom(4).hex()}"
        self._pid = self._start = 0
        self._guard = _tell_guard(f"+ {self._mark} 0 0\n")

    def environment(self, env: Any) -> dict[Any, Any]:
        """Return the environment of the command."""
        return {**(os.environ if env is None else env), self._mark: "1"}

    def begin(self, pid: int) -> None:
        """Note that the process `pid` runs the command."""
        self._pid = pid
        try:
            self._start = start_time(pid)
        except OSError:
            with suppress(OSError), self._guard.spares():
                self._start = start_time(pid)
        self._guard.tell(f"+ {self._mark} {self._pid} {self._start}\n")

    def is_own(self) -> bool:
        """Whether this process has started the command, and is not forked from the one that has."""
        return self._guard.is_own()

    def end(self) -> None:
        """Kill all processes of the tree, and wait until they have ended. Blocks for ten seconds at most.

        Does nothing in a process that was forked from the program. Raises OSError if the processes can't be looked at.
        """
        if self.is_own():
            with (_Guard.current or self._guard).spares():
                end(self._mark, self._pid, self._start)

    def strike(self) -> None:
        """Kill the processes of the tree that one look finds. Does not wait for them. As `end()` besides."""
        if self.is_own():
            with (_Guard.current or self._guard).spares():
                strike(self._mark, self._pid, self._start)

    def forget(self) -> None:
        """Let the tree live on when this program ends."""
        self._guard.tell(f"- {self._mark}\n")


class _Guard:
    """This program's end of the socket to its guard.

    The program may close descriptors that it does not know, and open files with their numbers. So no number is used
    before the kernel has said that it is still this socket.
    """

    current: _Guard | None = None
    """That of this process, if it has one."""
    starting = RLock()  # a signal handler may start a command, too

    def __init__(self, number: int) -> None:
        self._owner = os.getpid()
        self._number = number
        self._socket = _named(number)
        self._spares: list[int] = []
        self._users = 0
        self._lock = RLock()
        self._fill()

    # What is bound here is there at the end of the interpreter, too, when there are no globals any more.
    def is_own(self, _getpid: Any = os.getpid) -> bool:
        """Whether this is the process that has started the guard, and not one that was forked from it."""
        return self._owner == _getpid()  # type: ignore[no-any-return]

    def tell(
        self,
        line: str,
        _kind: Any = (_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0),
        _link: Any = _socket.socket,
        _quiet: int = _socket.MSG_NOSIGNAL,
    ) -> bool:
        """Send a line. Return False if it reaches no guard, or if the guard is that of another process."""
        if not self.is_own() or not self._is_there(self._number):
            return False
        link = None
        try:
            link = _link(*_kind, self._number)
            link.setblocking(True)  # whatever `socket.setdefaulttimeout()` has made of it
            link.send(line.encode(), _quiet)
        except OSError:
            return False
        finally:
            if link is not None:
                link.detach()
        return True

    def _is_there(self, number: int, _fstat: Any = os.fstat) -> bool:
        try:
            seen = _fstat(number)
        except OSError:
            return False
        return (seen.st_dev, seen.st_ino) == self._socket

    @contextmanager
    def spares(self) -> Iterator[None]:
        """Give some descriptors back meanwhile, for a caller in a program whose table of them is full."""
        with self._lock:
            self._users += 1
            while self._spares:
                self._close(self._spares.pop())
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._fill()

    def _fill(self) -> None:
        with suppress(OSError):
            while len(self._spares) < _SPARES and self._is_there(self._number):
                self._spares.append(fcntl.fcntl(self._number, fcntl.F_DUPFD_CLOEXEC, 3))

    def close(self) -> None:
        """Close what is still this socket. Takes no lock, which another thread may have had at a fork."""
        numbers = self._number, *self._spares
        self._number = -1
        self._spares.clear()
        for number in numbers:
            self._close(number)

    def _close(self, number: int) -> None:
        if self._is_there(number):
            os.close(number)


def _named(number: int) -> tuple[int, int]:
    seen = os.fstat(number)
    return seen.st_dev, seen.st_ino


def _tell_guard(line: str) -> _Guard:
    """Send a line to the guard of this process, which is started if there is none. Return the guard."""
    with _Guard.starting:
        old = _Guard.current
        if old is not None and old.tell(line):
            return old
        started = _start_guard()
        if _Guard.current is not old:  # a signal handler has started one meanwhile
            started.close()
        else:
            _Guard.current = started
            if old is not None:
                old.close()
        if _Guard.current is None or not _Guard.current.tell(line):
            raise RuntimeError("the guard of kill_tree has ended as soon as it was started")
        return _Guard.current


def _leave_guard() -> None:
    """Have no guard in a process that was just forked: it is the parent's."""
    _Guard.starting = RLock()
    if _Guard.current is not None:
        _Guard.current.close()
        _Guard.current = None


after_fork_in_child(_leave_guard)


def _start_guard() -> _Guard:
    if not sys.executable:
        raise RuntimeError("kill_tree starts a guard by sys.executable, which is empty")
    numbers = [os.pidfd_open(os.getpid())]
    try:
        numbers += [one.detach() for one in _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)]
        for place, number in enumerate(numbers):
            numbers[place] = above_standard(number)
        program, theirs, _ = numbers
        command = [sys.executable, "-I", "-S", os.path.abspath(_guard.__file__), str(program), str(theirs)]
        nothing = _std.DEVNULL
        starter = originals(_std, "Popen").Popen(
            command, stdin=nothing, stdout=nothing, stderr=nothing, cwd="/", pass_fds=(program, theirs)
        )
        if starter.wait() != 0:
            raise RuntimeError(
                f"the guard of kill_tree could not be started: {command[0]} ended with an error"
            )
        return _Guard(numbers.pop())
    finally:
        for number in numbers:
            os.close(number)
