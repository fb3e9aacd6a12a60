"""How workers of pools are started.

**By other workers.** Workers of a `multiprocessing.Pool` are daemons. The standard library does not allow a daemon to
have children: SIGTERM may end the daemon at any moment, and the children would live on. Workers of our pools end with
the process that started them, no matter how that ends.

**Not in the middle of an import.** A worker that is forked while another thread imports a module can never import that
module: its lock stays locked in the worker. A pool may fork at any moment, because a worker has died. So it waits for
imports. If an import began after that check, the worker forgets the module and imports it itself. A module that uses
the pool while it is imported is not forgotten: importing it would run the program again.

**With SIGINT blocked** until the worker has its handler for Ctrl-C.
"""

from __future__ import annotations

import _frozen_importlib as _bootstrap
import os
import sys
from multiprocessing import process as processes
from threading import get_ident
from time import sleep
from weakref import WeakSet

from interlock._installed import installed
from interlock._interlock import monotonic
from interlock.multiprocessing import _interrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

__all__ = ["i_am_a_worker", "start"]

_standard: Any = processes
_start = _standard.BaseProcess.start
_module_locks: dict[str, Any] = getattr(_bootstrap, "_module_locks", {})
"""A private table, which we poll: no public API tells which thread imports which module, or when the import has ended.
(The lock of a module has no event; `imp.lock_held()` is about another lock.) Without the table, a fork does not wait.
"""
_IMPORTING = "<frozen importlib._bootstrap>"
"""The file name of the frames of an import."""
_PATIENCE = 5.0
"""Seconds that an import may take before a worker is forked nevertheless."""
_long_held: WeakSet[Any] = WeakSet()
"""The locks of imports that took longer, or use Interlock. They may wait for the pool, so it does not wait for them."""


class _Me:
    worker = 0
    """The pid of this process if it is a worker. (A child that the worker forks has another pid.)"""


_me = _Me()


def i_am_a_worker() -> None:
    """Note that this process is a worker of a pool, and drop import locks that threads of its parent held."""
    _me.worker = os.getpid()
    for lock, _ in _others():
        _module_locks.pop(lock.name, None)
        module = sys.modules.get(lock.name)
        if lock not in _long_held and getattr(getattr(module, "__spec__", None), "_initializing", False):
            del sys.modules[lock.name]


def start(process: Any) -> None:
    """Start a worker of a pool by its `start()`. Raises the same exceptions as `start()`.

    Blocks while other threads import modules, for at most five seconds. In a worker that is a daemon, `start()` would
    raise AssertionError. After `interlock.install()` it does, as in the standard library. Otherwise, this function does
    what the standard `start()` does after that check.
    """
    _let_imports_end()
    with _interrupts.held(process):
        _start_now(process)


def _start_now(process: Any) -> None:
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
    """Wait while another thread imports. An import that begins after the last check and before the fork is missed."""
    locks = _held_by_others()
    until = monotonic() + _PATIENCE
    while locks and monotonic() < until:
        sleep(0.001)  # sleep: until the imports have ended
        locks = _held_by_others()
    _long_held.update(locks)


def _held_by_others() -> list[Any]:
    """Return the locks of modules that other threads are importing now, except imports that may need a pool."""
    found = [(lock, owner) for lock, owner in _others() if lock not in _long_held]
    if not found:
        return []
    frames = sys._current_frames()
    _long_held.update(lock for lock, owner in found if _uses_us(frames.get(owner)))
    return [lock for lock, _ in found if lock not in _long_held]


def _others() -> list[tuple[Any, int]]:
    """Return the module locks that other threads hold, and these threads."""
    locks = [reference() for reference in [*_module_locks.values()]]
    owners = [(lock, getattr(lock, "owner", None)) for lock in locks]
    return [(lock, owner) for lock, owner in owners if owner not in (None, get_ident())]


def _uses_us(frame: FrameType | None) -> bool:
    """Whether the import in the thread of this frame is using Interlock: it may be waiting for the pool."""
    while frame is not None and frame.f_code.co_filename != _IMPORTING:
        if f"{frame.f_globals.get('__name__', '')}.".startswith("interlock."):
            return True
        frame = frame.f_back
    return False
