"""The drop-in for `multiprocessing.popen_fork`: starts a child by fork, and watches it by its pidfd."""

from __future__ import annotations

import contextlib
import io
import multiprocessing.popen_fork as _std
import os
import sys
from multiprocessing import resource_tracker, util

from interlock._lifecycle import begin_child, run_exit_handlers
from interlock._originals import originals
from interlock._passthrough import mirror
from interlock.multiprocessing import _life
from interlock.multiprocessing._announcing import Announcing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from typing import Any

__replaces__ = ("Popen",)

_original: Any = originals(_std, "Popen")


class Watched(_original.Popen, Announcing):  # type: ignore[misc]
    """What all start methods share: a child whose sentinel is its pidfd."""

    _watched = False  # until `_life.watch`; for good without pidfds
    _usage: Any = None

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code, or None if the process still runs; without ``WNOHANG``, wait for it."""
        if self.returncode is None:
            try:
                pid, status, usage = os.wait4(self.pid, flag)
            except (
                OSError
            ):  # the program waits for children in a way of its own, and may have replaced `waitpid`
                super().poll(flag)
                return self.returncode
            if pid == self.pid:
                self._usage = usage
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    @property
    def peak_memory(self) -> int | None:
        """How much memory the ended process had at most, in bytes, or None if that is not known."""
        return None if self._usage is None else int(self._usage.ru_maxrss) * 1024

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end of the process, and return its exit code, or None if it still runs."""
        if self.returncode is None and timeout is not None and self._watched:
            if not _life.ended_within(self.sentinel, timeout):
                return None
            timeout = None
        code: int | None = super().wait(timeout)
        return code

    def _send_signal(self, sig: int) -> None:
        if self._watched:
            if self.returncode is None:
                _life.send(self.sentinel, sig)
        else:
            super()._send_signal(sig)


class Popen(Watched):
    """A child process, started by fork."""

    def _launch(self, process_obj: BaseProcess) -> None:
        if not _life.has_pidfd():
            super()._launch(process_obj)
            return
        prepare_stdin()
        life, parent = _life.life_pipe()
        try:
            self.pid = _fork()
        except BaseException:
            os.close(life)
            _life.let_go(parent)
            raise
        if self.pid == 0:
            code = 1
            try:
                code = _run(process_obj, life)
            finally:
                run_exit_handlers()
                os._exit(code)
        os.close(life)
        _life.watch(self, _life.descriptor_of(self.pid), parent)


def _run(process_obj: Any, life: int) -> int:
    begin_child()
    if process_obj.daemon:
        _life.end_with_parent(life)
    _util._close_stdin = replace_stdin
    code: int = process_obj._bootstrap(parent_sentinel=life)
    return code


def _fork() -> int:
    """Fork; the child keeps the pipe to the resource tracker where versions ask for that."""
    intent: Any = getattr(resource_tracker, "_fork_intent", None)
    if intent is None:
        return os.fork()
    intent.preserve_fd = True
    try:
        return os.fork()
    finally:
        intent.preserve_fd = False


_util: Any = util
_close_stdin = _util._close_stdin
_prepared: list[io.TextIOWrapper] = []
"""The standard input of forked children. The parent makes it once: that is a tenth of what a child costs."""


def prepare_stdin() -> None:
    """Make what `replace_stdin` will use."""
    if not _prepared:
        descriptor = os.open(os.devnull, os.O_RDONLY)
        _prepared.append(io.open(descriptor, encoding="utf-8", closefd=False))  # noqa: SIM115, UP020


def replace_stdin() -> None:
    """Do what `util._close_stdin` does, for the first call in a forked child."""
    _util._close_stdin = _close_stdin
    if sys.stdin is not None and _prepared:
        with contextlib.suppress(OSError, ValueError):
            sys.stdin.close()
        sys.stdin = _prepared.pop()


Popen.__module__ = "multiprocessing.popen_fork"

mirror(__name__, _std, own=__replaces__)
