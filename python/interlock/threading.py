"""The drop-in for `threading`: locks, conditions, semaphores, events and barriers on the engine.

It has everything in https://docs.python.org/3/library/threading.html. All other names (`Thread`, `Timer`, `local`,
`excepthook`, `settrace`, `current_thread`, …) are the standard module's own, so both modules show the same threads.

The classes call themselves `threading.X`, as the standard ones do. `Lock` is a function up to 3.12 and a class from
3.13 on, as in the standard library. A subinterpreter cannot load the engine; there this is the standard module.
"""

from __future__ import annotations

import sys
import threading as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

if in_subinterpreter():
    __replaces__: tuple[str, ...] = ()
else:
    from interlock import _fork_check as _fork_check  # from now on, forks are checked
    from interlock import _interlock
    from interlock._interlock import RLock
    from interlock._lock_classes import Barrier, BoundedSemaphore, Condition, Event, Semaphore
    from interlock._standard_types import stand_for

    if sys.version_info >= (3, 13):
        Lock = _interlock.Lock
        # Pickles find the class there. Up to 3.12 they find it nowhere, and it keeps the standard type's name.
        Lock.__module__, Lock.__qualname__ = "threading", "Lock"
    else:
        Lock = _interlock.allocate_lock
        Lock.__module__ = "threading"

    __replaces__ = (
        "Barrier",
        "BoundedSemaphore",
        "Condition",
        "Event",
        "Lock",
        "RLock",
        "Semaphore",
    )

    # Pickles find the class there. Error messages use the standard types' names.
    RLock.__module__ = "threading"

    stand_for(_interlock.Lock, _interlock.allocate_lock().__class__)
    stand_for(RLock, RLock().__class__)

mirror(__name__, _std, own=__replaces__)
