"""The drop-in for `multiprocessing.popen_fork`: starts a child by fork, and watches it by its pidfd."""

from __future__ import annotations

import io
import multiprocessing.popen_fork as _std
import os
import sys
from _thread import RLock, _count
from multiprocessing import process as processes
from multiprocessing import util

from interlock._interlock import ChildProcess
from interlock._lifecycle import after_fork_in_child, begin_child, run_exit_handlers
from interlock._originals import originals, warning_as
from interlock._passthrough import mirror
from interlock.multiprocessing import _life
from interlock.multiprocessing._announcing import Announcing, families

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__replaces__ = ("Popen",)

_original: Any = originals(_std, "Popen")
_kill = os.kill
_reaping: Any = RLock()
"""Held by the thread that asks the kernel for an exit code, until it has noted it: the kernel reports it only once."""
after_fork_in_child(_reaping._at_fork_reinit)


class Watched(_original.Popen, Announcing):  # type: ignore[misc]
    """The common part of all start methods: a child whose sentinel is its pidfd."""

    returncode: int | None = None  # no property: calls are expensive after a fork. `poll` announces the end
    _watched = False  # until the child is watched; always on systems without pidfds
    _has_pidfd = True
    _child: ChildProcess | None = None
    is_lost = False
    """Whether the exit code went to a caller that did not use this object, or to no caller at all."""
    _counts_memory = False  # counting would load an extension module, which each later fork copies
    _usage: Any = None

    def __init__(self, process_obj: Any) -> None:
        # Set before the program can wait for the process, which may end at once.
        self._counts_memory = _life.is_worker(process_obj)
        super().__init__(process_obj)

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code, or None if the process still runs; without ``WNOHANG``, wait for it."""
        if self.returncode is not None:
            return self.returncode
        if not self._watched:
            self._reap(flag)
            return self.returncode
        if flag != os.WNOHANG:
            if not _count():  # no other thread may ask
                self.is_lost = not self._reap(flag)
                return self.returncode
            _life.ended_within(self.sentinel, None)
        # No thread waits while it holds the lock. So if the process is gone, no other thread is about to note its code.
        with _reaping:
            code: int | None = self.returncode  # another thread may have noted it meanwhile
            self.is_lost = code is None and not self._reap(os.WNOHANG)
        if flag != os.WNOHANG and self._is_still_there():
            self._reap(flag)  # a debugger traces the process
        return self.returncode

    def _is_still_there(self) -> bool:
        return self.returncode is None and not self.is_lost

    def _reap(self, flag: int) -> bool:
        """Ask the kernel, and note the exit code. Returns False if another caller has got the code."""
        is_child, usage = True, None
        try:
            if self._counts_memory:
                pid, status, usage = os.wait4(self.pid, flag)
            else:
                pid, status = os.waitpid(self.pid, flag)
        except OSError:  # the program waits for children itself, or has replaced `waitpid`
            is_child = super().poll(flag) is not None
        else:
            if pid == self.pid:
                self._usage = usage
                self.returncode = os.waitstatus_to_exitcode(status)
        if families and self.returncode is not None:
            self._announce_end(self.returncode)
        return is_child

    @property
    def peak_memory(self) -> int | None:
        """The peak memory of the ended process in bytes, or None if that is not known."""
        return None if self._usage is None else int(self._usage.ru_maxrss) * 1024

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end of the process, and return its exit code, or None if it still runs."""
        if self.returncode is None and timeout is not None:
            if not self._watched:
                code: int | None = super().wait(timeout)
                return code
            if not _life.ended_within(self.sentinel, timeout):
                return None
        return self.poll(0)

    def close(self) -> None:
        """Close the descriptors."""
        self._child = None
        super().close()

    def _send_signal(self, sig: int) -> None:
        if self._watched and self._has_pidfd and os.kill is _kill:
            if self.returncode is None:
                _life.send(self.sentinel, sig)
        else:
            super()._send_signal(sig)


class Popen(Watched):
    """A child process, started by fork.

    The kernel has to copy each page that a process writes to after a fork. So starting a child makes few calls of
    Python functions, each of which writes to several pages.
    """

    pid = 0  # not a property: a forked process is never handed an object

    def _launch(self, process_obj: Any) -> None:
        if not _life.has_pidfd():
            super()._launch(process_obj)
            return
        if not _prepared:
            prepare_stdin()
        life, held, spare = _life.before_child(process_obj)
        try:
            pid = _fork() if _TRACKER not in sys.modules else _fork_with_tracker()
        except BaseException:
            _life.no_child(life, held, spare)
            raise
        if pid == 0:
            code = 1
            try:
                if spare >= 0:
                    os.close(spare)
                begin_child(util)
                if process_obj.daemon:
                    _life.end_with_parent(life)
                _util._close_stdin = replace_stdin
                code = process_obj._bootstrap(parent_sentinel=life)
            finally:
                run_exit_handlers(util, processes)
                os._exit(code)
        self.pid = pid
        if held >= 0:
            os.close(life)
            _life.watch_child(self, held)
            return
        self._child = child = ChildProcess.open(pid)
        if child is None:
            _life.watch_by_thread(self, spare)
        else:
            os.close(spare)
            self.sentinel = child.fileno()
            self._watched = True


_TRACKER = "multiprocessing.resource_tracker"


def _fork() -> int:
    return os.fork()


_fork = warning_as(_fork, _original.Popen._launch)


def _fork_with_tracker() -> int:
    """Fork. The child keeps the pipe to the resource tracker, on versions of Python that want it to."""
    intent: Any = getattr(sys.modules[_TRACKER], "_fork_intent", None)
    if intent is None:
        return _fork()
    intent.preserve_fd = True
    try:
        return _fork()
    finally:
        intent.preserve_fd = False


_util: Any = util
_close_stdin = _util._close_stdin
_prepared: list[io.TextIOWrapper] = []
"""The standard input of forked children. The parent makes it once: that saves a tenth of a child's cost."""


def prepare_stdin() -> None:
    """Make the file that `replace_stdin` will use."""
    if not _prepared:
        descriptor = os.open(os.devnull, os.O_RDONLY)
        _prepared.append(io.open(descriptor, encoding="utf-8", closefd=False))  # noqa: SIM115, UP020


def replace_stdin() -> None:
    """Do what `util._close_stdin` does, for the first call in a forked child."""
    _util._close_stdin = _close_stdin
    if sys.stdin is not None and _prepared:
        try:  # noqa: SIM105  `suppress` would cost the child some pages
            sys.stdin.close()
        except (OSError, ValueError):
            pass
        sys.stdin = _prepared.pop()


Popen.__module__ = "multiprocessing.popen_fork"

mirror(__name__, _std, own=__replaces__)
