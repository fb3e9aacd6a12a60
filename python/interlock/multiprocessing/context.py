"""The drop-in for `multiprocessing.context`: contexts that make Interlock's objects and start its processes.

They derive from the standard ones, and share the start method that was chosen there.
"""

from __future__ import annotations

import multiprocessing.context as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interlock.multiprocessing import managers, queues, synchronize
    from interlock.multiprocessing._connections import Connection
    from interlock.multiprocessing._locks import OnOwnerDeath

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():

    class _Context(_std.BaseContext):
        """What all contexts of ours make."""

        def Lock(self, on_owner_death: OnOwnerDeath = "warn") -> synchronize.Lock:
            """Returns a non-recursive lock object"""
            from interlock.multiprocessing.synchronize import Lock

            return Lock(ctx=self.get_context(), on_owner_death=on_owner_death)

        def RLock(self, on_owner_death: OnOwnerDeath = "warn") -> synchronize.RLock:
            """Returns a recursive lock object"""
            from interlock.multiprocessing.synchronize import RLock

            return RLock(ctx=self.get_context(), on_owner_death=on_owner_death)

        def Condition(self, lock: Any = None) -> synchronize.Condition:
            """Returns a condition object"""
            from interlock.multiprocessing.synchronize import Condition

            return Condition(lock, ctx=self.get_context())

        def Semaphore(self, value: int = 1) -> synchronize.Semaphore:
            """Returns a semaphore object"""
            from interlock.multiprocessing.synchronize import Semaphore

            return Semaphore(value, ctx=self.get_context())

        def BoundedSemaphore(self, value: int = 1) -> synchronize.BoundedSemaphore:
            """Returns a bounded semaphore object"""
            from interlock.multiprocessing.synchronize import BoundedSemaphore

            return BoundedSemaphore(value, ctx=self.get_context())

        def Event(self) -> synchronize.Event:
            """Returns an event object"""
            from interlock.multiprocessing.synchronize import Event

            return Event(ctx=self.get_context())

        def Barrier(
            self, parties: int, action: Any = None, timeout: float | None = None
        ) -> synchronize.Barrier:
            """Returns a barrier object"""
            from interlock.multiprocessing.synchronize import Barrier

            return Barrier(parties, action, timeout, ctx=self.get_context())

        def Queue(self, maxsize: int = 0, *, strict: bool = False) -> queues.Queue:
            """Returns a queue object"""
            from interlock.multiprocessing.queues import Queue

            return Queue(maxsize, ctx=self.get_context(), strict=strict)

        def JoinableQueue(self, maxsize: int = 0, *, strict: bool = False) -> queues.JoinableQueue:
            """Returns a queue object"""
            from interlock.multiprocessing.queues import JoinableQueue

            return JoinableQueue(maxsize, ctx=self.get_context(), strict=strict)

        def Manager(self) -> managers.SyncManager:
            """Returns a manager whose server process is running."""
            from interlock.multiprocessing.managers import SyncManager

            manager = SyncManager(ctx=self.get_context())
            manager.start()
            return manager

        def Pipe(self, duplex: bool = True) -> tuple[Connection, Connection]:
            """Returns two connections, which are the ends of a pipe."""
            from interlock.multiprocessing.connection import Pipe

            return Pipe(duplex)

        def get_context(self, method: str | None = None) -> Any:
            if method is None:
                return self
            return _concrete_contexts[super().get_context(method)._name]

    class Process(_std.Process):
        @staticmethod
        def _Popen(process_obj: Any) -> Any:
            return _default_context.get_context().Process._Popen(process_obj)

    class ForkProcess(_std.ForkProcess):
        @staticmethod
        def _Popen(process_obj: Any) -> Any:
            from interlock.multiprocessing.popen_fork import Popen

            return Popen(process_obj)

    class ForkContext(_Context, _std.ForkContext):
        Process = ForkProcess

    class SpawnContext(_Context, _std.SpawnContext):
        pass

    class ForkServerContext(_Context, _std.ForkServerContext):
        pass

    class DefaultContext(_Context, _std.DefaultContext):
        """The context behind the functions of `interlock.multiprocessing`: that of the chosen start method."""

        Process = Process

        def __init__(self) -> None:
            pass  # the state is the standard library's

        def get_context(self, method: str | None = None) -> Any:
            chosen = _std._default_context.get_context(method)
            return _concrete_contexts[chosen._name]

        def set_start_method(self, method: str | None, force: bool = False) -> None:
            _std._default_context.set_start_method(method, force)

        def get_start_method(self, allow_none: bool = False) -> str | None:
            return _std._default_context.get_start_method(allow_none)  # type: ignore[no-any-return]

    _concrete_contexts = {
        "fork": ForkContext(),
        "spawn": SpawnContext(),
        "forkserver": ForkServerContext(),
    }
    _default_context = DefaultContext()
    __replaces__ = (
        "DefaultContext",
        "ForkContext",
        "ForkProcess",
        "ForkServerContext",
        "Process",
        "SpawnContext",
        "_concrete_contexts",
        "_default_context",
    )

mirror(__name__, _std, own=__replaces__)
