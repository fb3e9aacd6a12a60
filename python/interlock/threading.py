"""The drop-in for `threading`: locks, conditions, semaphores, events and barriers on the engine.

Everything of https://docs.python.org/3/library/threading.html. What is not rebuilt (`Thread`, `Timer`, `local`,
`excepthook`, `settrace`, `current_thread`, …) is the standard module's own, so both names of it show the same threads.

The classes call themselves `threading.X`, as the standard library's do. As there, `Lock` is a function up to 3.12, and
a class from 3.13 on. In a subinterpreter, which cannot load the engine, this is the standard module.
"""

from __future__ import annotations

import sys
import threading as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

if in_subinterpreter():
    __replaces__: tuple[str, ...] = ()
else:
    from interlock import _interlock
    from interlock._interlock import RLock
    from interlock._lock_classes import Barrier, BoundedSemaphore, Condition, Event, Semaphore
    from interlock._standard_types import stand_for

    if sys.version_info >= (3, 13):
        Lock = _interlock.Lock
        # Where pickles find it. Earlier it is found nowhere, and keeps the standard type's name.
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

    # Where pickles find it. In messages of errors the types have the standard types' names.
    RLock.__module__ = "threading"

    stand_for(_interlock.Lock, _interlock.allocate_lock().__class__)
    stand_for(RLock, RLock().__class__)

mirror(__name__, _std, own=__replaces__)
