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

    # Where pickles find them. In messages of errors they have the standard types' names.
    _interlock.Lock.__module__ = RLock.__module__ = "threading"
    _interlock.Lock.__qualname__ = "Lock"

    stand_for(_interlock.Lock, _interlock.allocate_lock().__class__)
    stand_for(RLock, RLock().__class__)

mirror(__name__, _std, own=__replaces__)
