"""The drop-in for `threading`: locks, conditions, semaphores, events, barriers and threads on the engine.

Everything of https://docs.python.org/3/library/threading.html. What is not rebuilt (`local`, `excepthook`, `settrace`,
`current_thread`, `enumerate`, …) is the standard module's own, so both names of it show the same threads.
"""

from __future__ import annotations

import threading as _std

from interlock._interlock import Barrier, BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore
from interlock._passthrough import mirror
from interlock._thread_class import DummyThread, MainThread, Thread, Timer

__replaces__ = (
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "Lock",
    "RLock",
    "Semaphore",
    "Thread",
    "Timer",
)

for _class in (Thread, Timer):
    _class.__module__ = __name__


def _on_install() -> None:
    """Make the threads that exist, and those of others, instances of the `Thread` that is installed."""
    _std._main_thread.__class__ = MainThread
    _std._DummyThread = DummyThread


def _on_uninstall() -> None:
    _std._main_thread.__class__ = _std_classes["_MainThread"]
    _std._DummyThread = _std_classes["_DummyThread"]


_std_classes = {name: getattr(_std, name) for name in ("_MainThread", "_DummyThread")}

mirror(__name__, _std, own=__replaces__)
