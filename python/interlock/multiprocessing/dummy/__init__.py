"""The drop-in for `multiprocessing.dummy`: the interface of `multiprocessing`, for threads, on the engine."""

from __future__ import annotations

import multiprocessing.dummy as _std
import sys

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType
    from typing import Any

    from interlock.multiprocessing._thread_pool import ThreadPool

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.multiprocessing.dummy.connection import Pipe
    from interlock.queue import Queue
    from interlock.threading import (
        Barrier,
        BoundedSemaphore,
        Condition,
        Event,
        Lock,
        RLock,
        Semaphore,
    )

    JoinableQueue = Queue

    def Manager() -> ModuleType:
        """Return this module, which has everything that a manager has."""
        return sys.modules[__name__]

    def Pool(
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
    ) -> ThreadPool:
        """Make a `ThreadPool` of `processes` threads (None: as many as processors)."""
        from interlock.multiprocessing._thread_pool import ThreadPool

        return ThreadPool(processes, initializer, initargs)

    for _function in (Manager, Pool):
        _function.__module__ = "multiprocessing.dummy"
    __replaces__ = (
        "Barrier",
        "BoundedSemaphore",
        "Condition",
        "Event",
        "JoinableQueue",
        "Lock",
        "Manager",
        "Pipe",
        "Pool",
        "Queue",
        "RLock",
        "Semaphore",
    )

mirror(__name__, _std, own=__replaces__)
