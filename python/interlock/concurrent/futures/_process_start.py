"""How workers of pools are started.

**By other workers.** Workers of a `multiprocessing.Pool` are daemons, and the standard library lets a daemon have no
children: it may be ended by SIGTERM at any moment, and they would go on. Workers of our pools end with the process that
started them, however it ends.

**Not in the middle of an import.** A worker that is forked while another thread imports a module can never import that:
its lock stays locked there. A pool forks at any moment, when a worker has died.
"""

from __future__ import annotations

import os
from importlib import _bootstrap
from multiprocessing import process as processes
from threading import get_ident
from time import monotonic, sleep

from interlock._installation import installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["i_am_a_worker", "start"]

_standard: Any = processes
_start = _standard.BaseProcess.start
_module_locks: dict[str, Any] = getattr(_bootstrap, "_module_locks", {})
_PATIENCE = 1.0
"""Seconds that an import may take before a worker is forked all the same. The import may be waiting for the pool."""


class _Me:
    worker = 0
    """The process id of the worker that this is. (A child that it forks is another process.)"""


_me = _Me()


def i_am_a_worker() -> None:
    """Note that this process is a worker of a pool."""
    _me.worker = os.getpid()


def start(process: Any) -> None:
    """Start a worker of a pool, by its `start()`. Raises what that raises.

    Blocks for at most a second while other threads import modules. If this process is itself a worker, and a daemon,
    `start()` would raise AssertionError. After `interlock.install()` it does, as in the standard library. Otherwise
    this does what the standard `start()` does after that check.
    """
    _let_imports_end()
    is_worker = _me.worker == os.getpid() and processes.current_process().daemon
    if not is_worker or "multiprocessing.pool" in installed() or type(process).start is not _start:
        process.start()
        return
    _standard._cleanup()
    process._popen = process._Popen(process)
    process._sentinel = process._popen.sentinel
    del process._target, process._args, process._kwargs
    _standard._children.add(process)


def _let_imports_end() -> None:
    """Wait while another thread imports. One that begins after the look and before the fork is not seen."""
    if not _is_another_importing():
        return
    until = monotonic() + _PATIENCE
    while _is_another_importing() and monotonic() < until:
        sleep(0.001)  # sleep: until the import has ended


def _is_another_importing() -> bool:
    locks = [reference() for reference in [*_module_locks.values()]]
    return any(getattr(lock, "owner", None) not in (None, get_ident()) for lock in locks)
