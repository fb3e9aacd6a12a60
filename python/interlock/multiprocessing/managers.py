"""The drop-in for `multiprocessing.managers`: managers whose proxies talk to them through shared memory."""

from __future__ import annotations

import multiprocessing.managers as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.multiprocessing import _managers
    from interlock.multiprocessing._managers import BaseManager as BaseManager
    from interlock.multiprocessing._managers import ManagerDiedError as ManagerDiedError
    from interlock.multiprocessing._managers import SyncManager as SyncManager

    __replaces__ = ("BaseManager", "SyncManager")
    if hasattr(_managers, "SharedMemoryManager"):
        SharedMemoryManager = _managers.SharedMemoryManager
        __replaces__ += ("SharedMemoryManager",)
    for _class in (ManagerDiedError, *map(globals().__getitem__, __replaces__)):
        # A child process finds a pickled object's class here, even if nothing is installed.
        _class.__module__ = __name__

mirror(__name__, _std, own=__replaces__)
