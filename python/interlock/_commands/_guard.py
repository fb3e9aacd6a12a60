"""The end of a tree of processes, and the guard's program: the protocol is in PROTOCOL.md.

This file is also run as a program. So it imports nothing of this package.
"""

import contextlib
import errno
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass

__all__ = ["Process", "end", "kill", "look", "start_time", "strike"]

_LONGEST = 10.0
"""Seconds after which we give up ending a tree."""

_PATIENCE_MS = 1000
"""How long we wait for killed processes to end before the next look, in milliseconds."""

_BETWEEN_FORK_AND_EXEC = 0.2
"""Seconds for a forked child to reach its exec after the program has died."""

_MOST_UNSURE = 20
"""How many looks in a row may be inconclusive about whether a process is left."""


_LACKING = frozenset({errno.EMFILE, errno.ENFILE})
"""The errors that say nothing of a process: there is no descriptor left to look at it."""


class Process:
    """The kernel's data about a process."""

    def __init__(self, pid: int) -> None:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        self.pid = pid
        self.has_ended = fields[0] in (b"Z", b"X")
        self.parent, self.group, self.session = map(int, fields[1:4])
        self.start = int(fields[19])


def start_time(pid: int) -> int:
    """Return when a process started, in the kernel's ticks, or 0 if there is no such process.

    Raises OSError if there is no descriptor left to look at it.
    """
    try:
        return Process(pid).start
    except (OSError, IndexError, ValueError) as error:
        _refuse(error)
        return 0


def _refuse(error: Exception) -> None:
    """Raise an error again that says nothing of the process."""
    if isinstance(error, OSError) and error.errno in _LACKING:
        raise error


class _Look:
    """All processes of the machine, read from the newest to the oldest, because the newest are gone first."""

    def __init__(self, dead: "set[tuple[int, int]]") -> None:
        self.living: list[Process] = []
        self.dead: set[tuple[int, int]] = set()
        self.is_sure = True
        """Whether each process could be read, or was already dead at the last look (`dead`)."""
        for pid in sorted(map(int, filter(str.isdecimal, os.listdir("/proc"))), reverse=True):
            try:
                process = Process(pid)
            except (OSError, IndexError, ValueError) as error:
                _refuse(error)
                self.is_sure = False
                continue
            if process.has_ended:
                self.dead.add((pid, process.start))
                self.is_sure = self.is_sure and (pid, process.start) in dead
            else:
                self.living.append(process)


def _has_mark(pid: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read()
    except OSError as error:
        _refuse(error)
        return False


def look(mark: bytes, pid: int, start: int, dead: "set[tuple[int, int]]") -> "tuple[list[Process], bool]":
    """Return the processes of a tree that have not ended, the oldest first, and whether these are certainly all.

    `dead` contains the processes that were dead at the last look; it is replaced by those that are dead now.
    """
    seen = _Look(dead)
    dead.clear()
    dead |= seen.dead
    others = []
    found: dict[int, Process] = {}
    starts = {process.pid: process.start for process in seen.living} | dict(seen.dead)
    # The kernel gives a pid to another process only when no group and no session has it any more.
    leads = pid > 0 and starts.get(pid, start) == start
    for process in seen.living:
        is_root = pid > 0 and process.pid == pid and process.start == start
        is_led = leads and pid in (process.group, process.session) and process.start >= start > 0
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
    return sorted(found.values(), key=_age), seen.is_sure


def _age(process: Process) -> "tuple[int, int]":
    return process.start, process.pid


def kill(process: Process) -> int:
    """Kill a process, and return its descriptor. Return -1 if it has ended. Raises OSError if it can't be signalled."""
    descriptor = -1
    try:
        descriptor = os.pidfd_open(process.pid)
        if start_time(process.pid) == process.start:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            killed, descriptor = descriptor, -1
            return killed
    except ProcessLookupError:
        pass
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    return -1


def strike(mark: str, pid: int, start: int) -> None:
    """Kill the processes of a tree that one look finds. Raises OSError if there is no descriptor left for that."""
    killed: list[int] = []
    try:
        _kill_all(look(f"{mark}=".encode(), pid, start, set())[0], killed)
    finally:
        _close(killed)


def end(mark: str, pid: int, start: int) -> None:
    """End a tree, and wait until its processes have ended, for ten seconds at most.

    Raises OSError if the processes can't be looked at, or if there is no descriptor left for one of them.
    """
    give_up = time.monotonic() + _LONGEST
    name = f"{mark}=".encode()
    dead: set[tuple[int, int]] = set()
    unsure = 0
    while time.monotonic() < give_up and unsure < _MOST_UNSURE:
        members, is_sure = look(name, pid, start, dead)
        killed: list[int] = []
        try:
            has_ended, lacking = _kill_all(members, killed)
            if not killed and not has_ended:
                if lacking is not None:
                    raise lacking
                if is_sure or members:
                    return  # no process is left that can be signalled
            unsure = 0 if killed or has_ended else unsure + 1
            _see_them_end(killed)
        finally:
            _close(killed)


def _kill_all(members: "list[Process]", killed: "list[int]") -> "tuple[bool, OSError | None]":
    """Kill processes, and note their descriptors in `killed`.

    Return whether one had ended already, which may have left a child, and the error of one for which there was no
    descriptor. It has one at the next look, when those in `killed` are closed.
    """
    has_ended = False
    lacking = None
    # A parent is killed before its children, so that it can't see them end and react to it.
    for member in members:
        try:
            descriptor = kill(member)
        except OSError as error:  # such as that of another user's process
            if error.errno in _LACKING:
                lacking = error
            continue
        if descriptor >= 0:
            killed.append(descriptor)
        else:
            has_ended = True
    return has_ended, lacking


def _see_them_end(killed: "list[int]") -> None:
    for descriptor in killed:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(_PATIENCE_MS)


def _close(descriptors: "list[int]") -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _watch(program: int, pipe: int) -> None:
    """Run the guard until the program has ended, and then end its trees."""
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
            if not is_open and not trees:
                return  # the program has another guard, if any
        elif has_ended:
            break
    for pause in (_BETWEEN_FORK_AND_EXEC, 0.0):
        for mark, (pid, start) in trees.items():
            with contextlib.suppress(OSError):  # the other trees end all the same
                end(mark, pid, start)
        time.sleep(pause if trees else 0)


def _note(trees: "dict[str, tuple[int, int]]", data: bytes) -> bytes:
    """Note the trees in the program's lines. Return the rest: an incomplete line."""
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
        os._exit(0)  # the program waits for this process, and the guard becomes an orphan
    os.setsid()
    _watch(program, pipe)


if __name__ == "__main__":
    _be_guard()
