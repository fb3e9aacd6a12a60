"""`Condition`, `Event` and `Barrier`, shared by processes."""

from __future__ import annotations

import sys
from multiprocessing import context, synchronize

from interlock._interlock import Native, SharedBarrier, SharedCondition, SharedEvent, SharedLock, own_methods
from interlock._originals import originals
from interlock.multiprocessing._family import home
from interlock.multiprocessing._locks import handed, made_in_fork_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock._interlock import Family
_std: Any = originals(synchronize, "Barrier", "Condition", "Event")

__all__ = ["Barrier", "Condition", "Event"]

_StdCondition: Any = _std.Condition


class _Number:
    """Represents one of the semaphores by which a standard condition counts its waiters."""

    def __init__(self, read: Callable[[SharedCondition], int]) -> None:
        self._read = read

    def __get__(self, condition: SharedCondition | None, owner: type) -> Any:
        return self if condition is None else _Value(self._read(condition))


class _Value:
    def __init__(self, value: int) -> None:
        self._value = value

    @property
    def _semlock(self) -> _Value:
        return self

    def get_value(self) -> int:
        return self._value

    _get_value = get_value


class Condition(SharedCondition, _std.Condition):  # type: ignore[misc]
    """A condition: threads of all processes wait until a thread notifies them.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Condition. A process that dies leaves
    the line, and no notification is lost with it. (With a lock of another kind, the standard library's code runs.)
    """

    _is_native = True

    _sleeping_count = _Number(SharedCondition._interlock_waiting)
    _woken_count = _Number(lambda condition: 0)
    _wait_semaphore = _Number(lambda condition: 0)

    def __init__(self, lock: Any = None, *, ctx: Any) -> None:
        """Make a condition over `lock`, by default a new RLock."""
        lock = lock or ctx.RLock()
        if not isinstance(lock, SharedLock) or not isinstance(lock, (_std.Lock, _std.RLock)):
            self._is_native = False
            _StdCondition.__init__(self, lock, ctx=ctx)
            return
        self._lock = lock
        self._is_fork_ctx = made_in_fork_context(ctx)
        self._interlock_begin(home())
        self._make_methods()

    def __getstate__(self) -> tuple[Any, ...]:
        context.assert_spawning(self)
        if not self._is_native:
            return _StdCondition.__getstate__(self)  # type: ignore[no-any-return]
        return (*handed(self), self._lock)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if len(state) != 3:
            self._is_native = False
            _StdCondition.__setstate__(self, state)
            return
        family, number, self._lock = state
        self._interlock_open(family, number)
        self._is_fork_ctx = False
        self._make_methods()

    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock, block until notified, for at most `timeout` seconds, and acquire the lock again.

        Returns whether it was notified. Raises AssertionError if the calling thread does not hold the lock.
        """
        if not self._is_native:
            return _StdCondition.wait(self, timeout)  # type: ignore[no-any-return]
        assert SharedLock._is_mine(self._lock), "must acquire() condition before using wait()"
        return self._interlock_wait(self._lock, timeout)

    def notify(self, n: int = 1) -> None:
        """Wake the first `n` threads that wait. Does not block.

        Raises AssertionError if the calling thread does not hold the lock.
        """
        if not self._is_native:
            _StdCondition.notify(self, n)
            return
        assert SharedLock._is_mine(self._lock), "lock is not owned"
        self._interlock_notify(min(max(n, 0), sys.maxsize))


class Event(SharedEvent, _std.Event):  # type: ignore[misc]
    """A flag that processes wait for.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Event.
    """

    # In a slot: see `_locks._Shared`.
    __slots__ = ("_is_fork_ctx",)

    def __init__(self, *, ctx: Any) -> None:
        """Make an event that is not set."""
        self._is_fork_ctx = made_in_fork_context(ctx)
        self._interlock_begin(home())

    def __getstate__(self) -> tuple[Any, ...]:
        return handed(self)

    def __setstate__(self, state: tuple[Family, int]) -> None:
        self._interlock_open(*state)
        self._is_fork_ctx = False


own_methods(Event, "set", "clear", "wait")

# After `install()` the standard barrier may derive from our barrier for threads, with which a class can't be combined.
_BARRIER_BASES: Any = () if issubclass(_std.Barrier, Native) else (_std.Barrier,)


_MOST_PARTIES = 2**32 - 1


class Barrier(SharedBarrier, *_BARRIER_BASES):  # type: ignore[misc]
    """A barrier: threads of all processes wait at it until `parties` threads have arrived.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Barrier. If a process dies while it
    waits, the barrier breaks, and the error in the other processes names the dead one.
    """

    def __init__(
        self,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        ctx: Any,
    ) -> None:
        """Make a barrier. The last thread to arrive calls `action`; `timeout` is the default for `wait()`."""
        self._parties, self._action, self._timeout = parties, action, timeout
        self._is_fork_ctx = made_in_fork_context(ctx)
        # At a barrier for fewer parties than one, the standard library waits without end. So does one for the most.
        self._interlock_begin(home(), parties if 0 < parties <= _MOST_PARTIES else _MOST_PARTIES)

    def __getstate__(self) -> tuple[Any, ...]:
        return (*handed(self), self._parties, self._action, self._timeout)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        family, number, self._parties, self._action, self._timeout = state
        self._interlock_open(family, number)
        self._is_fork_ctx = False

    def wait(self, timeout: float | None = None) -> int:
        """Block until all threads have arrived, for at most `timeout` seconds; return the caller's number.

        Raises BrokenBarrierError if the barrier is broken, is broken or reset meanwhile, or the time is over.
        """
        return self._interlock_wait(self._action, self._timeout if timeout is None else timeout)

    @property
    def parties(self) -> int:
        """The number of threads that the barrier waits for."""
        return self._parties

    n_waiting = SharedBarrier.n_waiting
    broken = SharedBarrier.broken

    def __repr__(self) -> str:
        cls = type(self)
        state = "broken" if self.broken else f"waiters={self.n_waiting}/{self.parties}"
        return f"<{cls.__module__}.{cls.__qualname__} at {id(self):#x}: {state}>"
