"""Interlock: Python's threading, queue, concurrent.futures, multiprocessing and subprocess, rebuilt in Rust.

``interlock.X`` is the drop-in for the standard module ``X``::

    from interlock import queue, threading

To run a whole program on it, unchanged, use ``interlock run script.py``, or call `install`. Names that these modules do
not replace are the standard library's own. Importing this package loads nothing else: each name below is loaded when it
is first used.
"""

import sys

if sys.platform != "linux":
    raise ImportError(f"interlock runs on Linux only (x86-64 and aarch64), and this is {sys.platform!r}")

TYPE_CHECKING = False
if TYPE_CHECKING:  # at run time an import of typing would be most of the cost of this package
    from typing import Any

    from interlock import concurrent, multiprocessing, queue, scheduler, subprocess, threading
    from interlock._deadlock import DeadlockError
    from interlock._executor import Executor
    from interlock._fork_check import LockHeldAtForkWarning
    from interlock._install import install, installed, uninstall
    from interlock._interlock import current_task
    from interlock._owner_died import OwnerDiedError, OwnerDiedWarning
    from interlock._remote_error import RemoteError
    from interlock._report import InstallError, InstallReport, InterlockWarning
    from interlock._task_error_classes import TaskTimeoutError, TransportError, WorkerDiedError

    __version__: str

__all__ = [
    "DeadlockError",
    "Executor",
    "InstallError",
    "InstallReport",
    "InterlockWarning",
    "LockHeldAtForkWarning",
    "OwnerDiedError",
    "OwnerDiedWarning",
    "RemoteError",
    "TaskTimeoutError",
    "TransportError",
    "WorkerDiedError",
    "concurrent",
    "current_task",
    "install",
    "installed",
    "multiprocessing",
    "queue",
    "scheduler",
    "subprocess",
    "threading",
    "uninstall",
]

_DROP_INS = frozenset({"concurrent", "multiprocessing", "queue", "scheduler", "subprocess", "threading"})

# The module that defines each other public name.
_HOMES = {
    "DeadlockError": "_deadlock",
    "Executor": "_executor",
    "current_task": "_interlock",
    "install": "_install",
    "installed": "_install",
    "uninstall": "_install",
    "InstallError": "_report",
    "InstallReport": "_report",
    "InterlockWarning": "_report",
    "LockHeldAtForkWarning": "_fork_check",
    "OwnerDiedError": "_owner_died",
    "OwnerDiedWarning": "_owner_died",
    "RemoteError": "_remote_error",
    "TaskTimeoutError": "_task_error_classes",
    "TransportError": "_task_error_classes",
    "WorkerDiedError": "_task_error_classes",
}


def _import(name: str) -> "Any":
    """The module of this name in the package, imported without loading `importlib`."""
    return __import__(f"{__name__}.{name}", fromlist=("",))


def __getattr__(name: str) -> "Any":
    if name in _DROP_INS:
        return _import(name)
    if name in _HOMES:
        value = getattr(_import(_HOMES[name]), name)
    elif name == "__version__":
        value = _version()
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _version() -> str:
    """The version of the installed distribution, or of this source tree if none is installed."""
    from importlib import metadata

    try:
        return metadata.version("interlock")
    except metadata.PackageNotFoundError:
        return "0.1.0"
