"""The drop-in for `multiprocessing.synchronize`: its classes on the engine's shared memory."""

from __future__ import annotations

import multiprocessing.synchronize as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.multiprocessing._conditions import (
        Barrier as Barrier,
    )
    from interlock.multiprocessing._conditions import (
        Condition as Condition,
    )
    from interlock.multiprocessing._conditions import (
        Event as Event,
    )
    from interlock.multiprocessing._locks import (
        BoundedSemaphore as BoundedSemaphore,
    )
    from interlock.multiprocessing._locks import (
        Lock as Lock,
    )
    from interlock.multiprocessing._locks import (
        RLock as RLock,
    )
    from interlock.multiprocessing._locks import (
        Semaphore as Semaphore,
    )

    for _class in (Barrier, BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore):
        # A child process finds a pickled object's class here, even if nothing is installed.
        _class.__module__ = __name__
    __replaces__ = ("Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "RLock", "Semaphore")

mirror(__name__, _std, own=__replaces__)
