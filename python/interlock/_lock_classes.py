"""Events, semaphores, conditions and barriers: classes of the engine, derived from the standard classes."""

from __future__ import annotations

from interlock import _interlock
from interlock._interlock import Internal, method_of_lock
from interlock._native_classes import conditions_are, fresh, make_native, ways_in
from interlock._originals import originals

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading as _std
    from typing import Any
else:
    import threading

    _std = originals(threading, "Barrier", "BoundedSemaphore", "Condition", "Event", "Semaphore")

__all__ = ["Barrier", "BoundedSemaphore", "Condition", "Event", "Semaphore"]

_StdBarrier = _std.Barrier
_StdCondition = _std.Condition
_StdEvent = _std.Event
_StdSemaphore = _std.Semaphore


class Event(_interlock.Event, _std.Event):
    """A flag that threads wait for.

    Blocks in `wait()` until a thread calls `set()`; Ctrl-C ends the wait. `set()` lets every waiter through, even if
    `clear()` follows at once. Follows https://docs.python.org/3/library/threading.html#event-objects.
    """

    __dict__, __setattr__, __delattr__, __reduce_ex__ = ways_in


class Semaphore(_interlock.Semaphore, _std.Semaphore):
    """A number of permits.

    `acquire()` blocks while no permit is left, until a thread calls `release()`; Ctrl-C ends the wait. Follows
    https://docs.python.org/3/library/threading.html#semaphore-objects.
    """

    __dict__, __setattr__, __delattr__, __reduce_ex__ = ways_in


class BoundedSemaphore(Semaphore, _std.BoundedSemaphore):
    """A semaphore that never has more permits than at first: `release()` raises ValueError instead.

    Follows https://docs.python.org/3/library/threading.html#semaphore-objects.
    """

    def __init__(self, value=1):  # type: ignore[no-untyped-def]  # as the standard library's is shown
        """Make a semaphore with `value` permits. Raises ValueError for a number below 0."""
        self._interlock_init_bounded(value)

    __repr__ = _std.BoundedSemaphore.__repr__


class Condition(_interlock.Condition, _std.Condition):
    """A condition variable: lets threads wait until another thread notifies them.

    `wait()` releases the lock and blocks until `notify()`; Ctrl-C ends the wait, after the waiter has reacquired the
    lock. Follows https://docs.python.org/3/library/threading.html#condition-objects.
    """

    __dict__, __setattr__, __delattr__, __reduce_ex__ = ways_in


class Barrier(_interlock.Barrier, _std.Barrier):
    """A point that a fixed number of threads pass together, again and again.

    `wait()` blocks until as many threads wait as there are parties; Ctrl-C, a timeout, `abort()` and `reset()` end the
    wait. Follows https://docs.python.org/3/library/threading.html#barrier-objects.
    """

    __dict__, __setattr__, __delattr__, __reduce_ex__ = ways_in

    parties = property(_interlock.Barrier._interlock_get_parties, doc=_std.Barrier.parties.__doc__)
    n_waiting = property(_interlock.Barrier._interlock_get_n_waiting, doc=_std.Barrier.n_waiting.__doc__)
    broken = property(_interlock.Barrier._interlock_get_broken, doc=_std.Barrier.broken.__doc__)


def _event(event: Event, somebody_waits: bool) -> dict[str, Any]:
    attributes = fresh(_StdEvent)
    if somebody_waits:
        attributes["_cond"]._interlock_materialize()  # its `_waiters` list the waiting threads
    return attributes


def _semaphore(semaphore: Semaphore, somebody_waits: bool) -> dict[str, Any]:
    return fresh(_StdSemaphore)


def _bounded_semaphore(semaphore: BoundedSemaphore, somebody_waits: bool) -> dict[str, Any]:
    bound = semaphore._interlock_bound()
    # Up to 3.11, the `__init__` of `BoundedSemaphore` calls that of the class which `threading.Semaphore` is now.
    return fresh(_StdSemaphore, bound) | {"_initial_value": bound}


def _condition(condition: Condition, somebody_waits: bool) -> dict[str, Any]:
    try:
        return fresh(_StdCondition, condition._interlock_lock())
    except AttributeError:  # its `__init__` was not called
        return {}


def _barrier(barrier: Barrier, somebody_waits: bool) -> dict[str, Any]:
    return fresh(_StdBarrier, barrier._interlock_parties(), None, barrier._interlock_timeout())


def _go_on(barrier: Any, index: int, timeout: float | None) -> int:
    """Do the second half of the standard `wait()`, for a thread that arrived before the barrier was materialized."""
    with barrier._cond:
        try:
            barrier._wait(timeout)
            return index
        finally:
            barrier._count -= 1
            barrier._exit()


def _leave(barrier: Any) -> None:
    """Leave the barrier, as the standard `wait()` does when an exception ends it."""
    with barrier._cond:
        barrier._count -= 1
        barrier._exit()


def _of_lock(name: str) -> Any:
    """Return a function that reads a method of a native condition's lock; the condition has that method, too."""

    def read(condition: Condition) -> Any:
        return getattr(condition._interlock_lock(), name)

    return read


def _init_condition(condition: Any, lock: Any = None) -> None:
    """The standard `__init__`, with a lock of ours by default."""
    _std_init_condition(condition, _interlock.RLock() if lock is None else lock)


_std_init_condition: Any = _std.Condition.__init__  # takes more kinds of locks than its stub says
conditions_are(Condition)
_permits = _interlock.Semaphore._interlock_permits

make_native(
    Event,
    _std.Event,
    _event,
    {"_cond": None, "_flag": _interlock.Event._interlock_flag},
    ("is_set", "set", "clear", "wait"),
)
make_native(
    Semaphore,
    _std.Semaphore,
    _semaphore,
    {"_cond": None, "_value": _permits},
    ("acquire", "release", "__enter__", "__exit__"),
    called=("release",),
)
make_native(
    BoundedSemaphore,
    _std.BoundedSemaphore,
    _bounded_semaphore,
    {"_cond": None, "_value": _permits, "_initial_value": _interlock.Semaphore._interlock_bound},
    ("release",),  # the others are those of `Semaphore`, or of a class in between
    called=("release",),
    unbounded=_StdSemaphore.__init__,
)
make_native(
    Condition,
    _std.Condition,
    _condition,
    {
        "_lock": _interlock.Condition._interlock_lock,
        "_waiters": None,
        "_is_owned": None,
        "_release_save": None,
        "_acquire_restore": None,
        "locked": _of_lock("locked"),
    },
    ("wait", "notify", "notify_all", "__enter__", "__exit__"),
    called=("notify",),
    descriptors={name: method_of_lock(Internal(name, _of_lock(name))) for name in ("acquire", "release")},
    __init__=_init_condition,
)
make_native(
    Barrier,
    _std.Barrier,
    _barrier,
    {
        "_cond": None,
        "_action": None,
        "_timeout": None,
        "_parties": _interlock.Barrier._interlock_parties,
        "_count": _interlock.Barrier._interlock_count,
        "_state": _interlock.Barrier._interlock_state,
    },
    ("wait", "reset", "abort"),
    go_on=_go_on,
    leave=_leave,
)
