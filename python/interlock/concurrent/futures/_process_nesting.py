"""Workers of pools that start workers themselves.

Workers of a `multiprocessing.Pool` are daemons, and the standard library lets a daemon have no children: it may be
ended by SIGTERM at any moment, and they would go on. Workers of our pools end with the process that started them,
however it ends.
"""

from __future__ import annotations

import os
from multiprocessing import process as processes

from interlock._installation import installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["i_am_a_worker", "start"]

_standard: Any = processes
_start = _standard.BaseProcess.start


class _Me:
    worker = 0
    """The process id of the worker that this is. (A child that it forks is another process.)"""


_me = _Me()


def i_am_a_worker() -> None:
    """Note that this process is a worker of a pool."""
    _me.worker = os.getpid()


def start(process: Any) -> None:
    """Start a worker of a pool, by its `start()`. Raises what that raises.

    If this process is itself a worker, and a daemon, that would raise AssertionError. After `interlock.install()` it
    does, as in the standard library. Otherwise this does what the standard `start()` does after that check.
    """
    is_worker = _me.worker == os.getpid() and processes.current_process().daemon
    if not is_worker or "multiprocessing.pool" in installed() or type(process).start is not _start:
        process.start()
        return
    _standard._cleanup()
    process._popen = process._Popen(process)
    process._sentinel = process._popen.sentinel
    del process._target, process._args, process._kwargs
    _standard._children.add(process)
