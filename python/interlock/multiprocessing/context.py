"""The drop-in for `multiprocessing.context`: contexts that make Interlock's objects and start its processes.

They derive from the standard contexts, and share the start method that was chosen there.
"""

from __future__ import annotations

import multiprocessing.context

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from interlock.multiprocessing._conditions import Barrier, Condition, Event
    from interlock.multiprocessing._connections import Connection
    from interlock.multiprocessing._locks import BoundedSemaphore, Lock, OnOwnerDeath, RLock, Semaphore
    from interlock.multiprocessing._managers import SyncManager
    from interlock.multiprocessing._queues import JoinableQueue, LifoQueue, PriorityQueue, Queue
    from interlock.multiprocessing._standard_queues import SimpleQueue

_std: Any = multiprocessing.context

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.multiprocessing._chosen import contexts
    from interlock.multiprocessing._processes import ForkProcess, ForkServerProcess, SpawnProcess

    class _Context(_std.BaseContext):  # type: ignore[misc]
        """The methods of all our contexts."""

        def Lock(self, *, on_owner_death: OnOwnerDeath = "warn") -> Lock:
            """Return a lock."""
            from interlock.multiprocessing import synchronize

            return synchronize.Lock(ctx=self.get_context(), on_owner_death=on_owner_death)

        def RLock(self, *, on_owner_death: OnOwnerDeath = "warn") -> RLock:
            """Return a lock that its thread may acquire again."""
            from interlock.multiprocessing import synchronize

            return synchronize.RLock(ctx=self.get_context(), on_owner_death=on_owner_death)

        def Condition(self, lock: Any = None) -> Condition:
            """Return a condition."""
            from interlock.multiprocessing import synchronize

            return synchronize.Condition(lock, ctx=self.get_context())

        def Semaphore(self, value: int = 1) -> Semaphore:
            """Return a semaphore."""
            from interlock.multiprocessing import synchronize

            return synchronize.Semaphore(value, ctx=self.get_context())

        def BoundedSemaphore(self, value: int = 1) -> BoundedSemaphore:
            """Return a semaphore that never has more permits than its initial number."""
            from interlock.multiprocessing import synchronize

            return synchronize.BoundedSemaphore(value, ctx=self.get_context())

        def Event(self) -> Event:
            """Return an event."""
            from interlock.multiprocessing import synchronize

            return synchronize.Event(ctx=self.get_context())

        def Barrier(self, parties: int, action: Any = None, timeout: float | None = None) -> Barrier:
            """Return a barrier."""
            from interlock.multiprocessing import synchronize

            return synchronize.Barrier(parties, action, timeout, ctx=self.get_context())

        def Queue(self, maxsize: int = 0, *, strict: bool = False) -> Queue:
            """Return a queue."""
            from interlock.multiprocessing import queues

            return queues.Queue(maxsize, ctx=self.get_context(), strict=strict)

        def JoinableQueue(self, maxsize: int = 0, *, strict: bool = False) -> JoinableQueue:
            """Return a queue whose tasks can be waited for."""
            from interlock.multiprocessing import queues

            return queues.JoinableQueue(maxsize, ctx=self.get_context(), strict=strict)

        def SimpleQueue(self) -> SimpleQueue:
            """Return a queue that is little more than a pipe."""
            from interlock.multiprocessing import queues

            return queues.SimpleQueue(ctx=self.get_context())

        def Manager(self) -> SyncManager:
            """Return a manager whose server process is running."""
            from interlock.multiprocessing import managers

            manager = managers.SyncManager(ctx=self.get_context())
            manager.start()
            return manager

        def Pipe(self, duplex: bool = True) -> tuple[Connection, Connection]:
            """Return two connections, which are the ends of a pipe."""
            from interlock.multiprocessing import connection

            return connection.Pipe(duplex)

        def LifoQueue(self, maxsize: int = 0, *, strict: bool = False) -> LifoQueue:
            """Return a queue that returns the newest object first."""
            from interlock.multiprocessing import queues

            return queues.LifoQueue(maxsize, ctx=self.get_context(), strict=strict)

        def Pool(
            self,
            processes: int | None = None,
            initializer: Callable[..., object] | None = None,
            initargs: Iterable[Any] = (),
            maxtasksperchild: int | None = None,
            **extras: Any,
        ) -> Any:
            """Return a pool of processes."""
            from interlock.multiprocessing import pool

            context = self.get_context()
            return pool.Pool(processes, initializer, initargs, maxtasksperchild, context=context, **extras)

        def RawValue(self, typecode_or_type: Any, *args: Any) -> Any:
            """Return a `ctypes` object in shared memory."""
            from interlock.multiprocessing import sharedctypes

            return sharedctypes.RawValue(typecode_or_type, *args)

        def RawArray(self, typecode_or_type: Any, size_or_initializer: Any) -> Any:
            """Return a `ctypes` array in shared memory."""
            from interlock.multiprocessing import sharedctypes

            return sharedctypes.RawArray(typecode_or_type, size_or_initializer)

        def Value(self, typecode_or_type: Any, *args: Any, lock: Any = True) -> Any:
            """Return a `ctypes` object in shared memory, with a lock unless `lock` is False."""
            from interlock.multiprocessing import sharedctypes

            return sharedctypes.Value(typecode_or_type, *args, lock=lock, ctx=self.get_context())

        def Array(self, typecode_or_type: Any, size_or_initializer: Any, *, lock: Any = True) -> Any:
            """Return a `ctypes` array in shared memory, with a lock unless `lock` is False."""
            from interlock.multiprocessing import sharedctypes

            return sharedctypes.Array(
                typecode_or_type, size_or_initializer, lock=lock, ctx=self.get_context()
            )

        def PriorityQueue(self, maxsize: int = 0, *, strict: bool = False) -> PriorityQueue:
            """Return a queue that returns the smallest object first."""
            from interlock.multiprocessing import queues

            return queues.PriorityQueue(maxsize, ctx=self.get_context(), strict=strict)

        def get_context(self, method: str | None = None) -> Any:
            if method is None:
                return self
            return _concrete_contexts[super().get_context(method)._name]

    class Process(_std.Process):  # type: ignore[misc]
        """A process, started by the chosen method."""

        @staticmethod
        def _Popen(process_obj: Any) -> Any:
            return _default_context.get_context().Process._Popen(process_obj)

    class ForkContext(_Context, _std.ForkContext):  # type: ignore[misc]
        """The context of `fork`."""

        Process = ForkProcess

    class SpawnContext(_Context, _std.SpawnContext):  # type: ignore[misc]
        """The context of `spawn`."""

        Process = SpawnProcess

    class ForkServerContext(_Context, _std.ForkServerContext):  # type: ignore[misc]
        """The context of `forkserver`."""

        Process = ForkServerProcess

    def _state(name: str) -> property:
        """Return a property for an attribute of the standard default context, whose contexts have counterparts here."""

        def get(_: Any) -> Any:
            context = getattr(_std._default_context, name)
            return None if context is None else _concrete_contexts[context._name]

        def put(_: Any, context: Any) -> None:
            standard = None if context is None else _std._concrete_contexts[context._name]
            setattr(_std._default_context, name, standard)

        return property(get, put)

    class DefaultContext(_Context, _std.DefaultContext):  # type: ignore[misc]
        """The context behind the functions of `interlock.multiprocessing`; it uses the chosen start method."""

        Process = Process
        _actual_context, _default_context = map(_state, ("_actual_context", "_default_context"))

        def __init__(self) -> None:
            pass  # the state is the standard library's

        def get_context(self, method: str | None = None) -> Any:
            """Return the context of a start method, by default of the chosen one."""
            chosen = _std._default_context.get_context(method)
            return _concrete_contexts[chosen._name]

        def set_start_method(self, method: str | None, force: bool = False) -> None:
            """Choose the start method, for both libraries."""
            _std._default_context.set_start_method(method, force)

        def get_start_method(self, allow_none: bool = False) -> str | None:
            """Return the chosen start method."""
            return _std._default_context.get_start_method(allow_none)  # type: ignore[no-any-return]

    _concrete_contexts = {
        "fork": ForkContext(),
        "spawn": SpawnContext(),
        "forkserver": ForkServerContext(),
    }
    contexts.update(_concrete_contexts)
    _default_context = DefaultContext()
    __replaces__ = (
        "DefaultContext",
        "ForkContext",
        "ForkProcess",
        "ForkServerContext",
        "ForkServerProcess",
        "Process",
        "SpawnContext",
        "SpawnProcess",
        "_concrete_contexts",
        "_default_context",
    )

mirror(__name__, _std, own=__replaces__)
