"""Common parts of the child processes of these tests; these processes import it, and so do tests in this process.

Nothing here orders events by time: `eventually` checks a state until it is reached, with a limit.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

LIMIT = 60.0
"""Seconds after which a state that has not been reached never will be, on the busiest machine."""

QUIET = 0.01
"""Seconds that a thread has to stay in the kernel to count as blocked; more than the interpreter's own 5 ms."""


def eventually(state: Callable[[], object], what: str = "the state", limit: float = LIMIT) -> None:
    """Return when state() is true; fail with the stacks of all threads after `limit` seconds."""
    end = time.monotonic() + limit
    while not state():
        if time.monotonic() > end:
            faulthandler.dump_traceback(all_threads=True)
            raise AssertionError(f"{what} did not come within {limit} s")
        select.select([], [], [], 0.001)


def _kernel_state(native_id: int, pid: int | None) -> tuple[str, str] | None:
    """Return a thread's state letter and how often it went to sleep; None if it has ended."""
    folder = Path(f"/proc/{pid or 'self'}/task/{native_id}")
    try:
        letter = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        lines = (folder / "status").read_text().splitlines()
    except OSError:
        return None
    return letter, next(line for line in lines if line.startswith("voluntary"))


def blocked(native_id: int, pid: int | None = None) -> bool:
    """Return whether a thread sleeps in the kernel and keeps sleeping, without having woken meanwhile."""
    before = _kernel_state(native_id, pid)
    if before is None or before[0] != "S":
        return False
    select.select([], [], [], QUIET)
    return _kernel_state(native_id, pid) == before


def until_blocked(native_ids: Iterable[int], pid: int | None = None) -> None:
    """Return when all these threads are blocked."""
    for native_id in native_ids:
        eventually(lambda native_id=native_id: blocked(native_id, pid), f"thread {native_id} blocked")


class Crew:
    """Daemon threads that each block in a call; `make` is the class of thread."""

    def __init__(self, make: Callable[..., threading.Thread]) -> None:
        self._make = make
        self.threads: list[threading.Thread] = []
        self._native: list[int] = []
        self.errors: list[str] = []

    def start(self, *calls: Callable[[], object]) -> None:
        """Start a thread for each call."""
        for call in calls:
            thread = self._make(target=self._run, args=(call,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _run(self, call: Callable[[], object]) -> None:
        self._native.append(threading.get_native_id())
        try:
            call()
        except Exception as error:
            self.errors.append(f"{call}: {error!r}")

    def until_blocked(self) -> None:
        """Return when all threads are blocked in their calls."""
        eventually(lambda: len(self._native) == len(self.threads), "all threads running")
        until_blocked(self._native)
        assert not self.errors, self.errors

    def join(self) -> None:
        """Wait for all threads."""
        for thread in self.threads:
            thread.join(LIMIT)
            assert not thread.is_alive(), f"{thread} still runs"
        assert not self.errors, self.errors


def forked(body: Callable[[], object], limit: float = LIMIT) -> int:
    """Run `body` in a forked child and return its status: 0, 1 if it raised, -9 if it hung and was killed."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            # The parent limits its own time with a thread, which the child does not have.
            faulthandler.dump_traceback_later(limit * 0.8, exit=True)
            body()
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    return reap(pid, limit)


def reap(pid: int, limit: float = LIMIT) -> int:
    """Wait for a child, and kill it after `limit` seconds; return its status like `subprocess`."""
    handle = os.pidfd_open(pid)
    try:
        if not select.select([handle], [], [], limit)[0]:
            os.kill(pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        os.close(handle)
