"""`Lock`, `RLock`, `Semaphore` and `BoundedSemaphore`, shared by processes."""

from __future__ import annotations

import errno
import operator
import os
from multiprocessing import context, synchronize

from interlock._interlock import SharedLock, own_methods
from interlock._originals import originals
from interlock.multiprocessing._family import give_up_at_end, hand, home
from interlock.multiprocessing._life import look_after_tracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, TypeAlias

    from interlock._interlock import Family

    OnOwnerDeath: TypeAlias = Literal["warn", "raise", "ignore"]
_std: Any = originals(synchronize, "Lock", "RLock", "Semaphore", "BoundedSemaphore")

__all__ = ["BoundedSemaphore", "Lock", "RLock", "Reading", "Semaphore"]

_ON_OWNER_DEATH = ("warn", "raise", "ignore")
_SEM_VALUE_MAX: int = _std.SEM_VALUE_MAX


def made_in_fork_context(ctx: Any) -> bool:
    """Whether an object of this context may go to forked processes only, as in the standard library.

    The standard library registers other objects with the resource tracker, and so notices if the tracker has died. We
    check that here.
    """
    if ctx is None:
        ctx = context._default_context.get_context()
    if ctx.get_start_method() == "fork":
        return True
    look_after_tracker()
    return False


def handed(shared: Any) -> tuple[Any, int]:
    """Hand an object to the process that is being started. Return the arguments of its `_interlock_open` there."""
    context.assert_spawning(shared)
    if shared._is_fork_ctx:
        raise RuntimeError(
            "A SemLock created in a fork context is being shared with a process in a spawn context. This is not "
            "supported. Please use the same context to create multiprocessing objects and Process."
        )
    return hand(shared._interlock_handle(), context.get_spawning_popen())


def _checked(on_owner_death: OnOwnerDeath) -> OnOwnerDeath:
    if on_owner_death not in _ON_OWNER_DEATH:
        raise ValueError(f"on_owner_death must be one of {', '.join(map(repr, _ON_OWNER_DEATH))}")
    return on_owner_death


class Reading:
    """An attribute that is computed at each access, unless a program has set one of that name."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self._read = read
        self.__doc__ = read.__doc__

    def __get__(self, lock: object, owner: type) -> Any:
        return self if lock is None else self._read(lock)


class SemLock:
    """The object that is called `_semlock` inside a standard lock; here it is another view of the lock."""

    name = None
    """A shared object has no name in the file system."""

    def __init__(self, lock: SharedLock) -> None:
        self._lock = lock

    @property
    def handle(self) -> int:
        return self._lock._interlock_handle().number

    @property
    def kind(self) -> int:
        return self._lock._interlock_kind()

    @property
    def maxvalue(self) -> int:
        return self._lock._interlock_most()


def _inner(name: str) -> Callable[..., Any]:
    method = getattr(SharedLock, name)  # not an override of a derived class

    def call(self: SemLock, *args: Any, **kwargs: Any) -> Any:
        return method(self._lock, *args, **kwargs)

    return call


_INNER = (
    "acquire",
    "release",
    "__enter__",
    "__exit__",
    "_count",
    "_is_mine",
    "_get_value",
    "_is_zero",
    "_after_fork",
)
for _name in _INNER:
    setattr(SemLock, _name, _inner(_name))


class _Shared(SharedLock):
    """The common part of the four classes, beside the engine's."""

    # In a slot: the interpreter finds methods faster as long as an object has no dictionary.
    __slots__ = ("_is_fork_ctx",)

    if TYPE_CHECKING:
        _is_fork_ctx: bool

    _semlock = Reading(SemLock)

    def _make_methods(self) -> None:
        """Hide `acquire()` and `release()` of a derived class, as the standard library's locks do."""
        for cls in type(self).__mro__:
            if cls in _OWN_CLASSES:
                return
            if "acquire" in cls.__dict__ or "release" in cls.__dict__:
                inner = SemLock(self)
                self.acquire, self.release = inner.acquire, inner.release  # type: ignore[attr-defined, method-assign]
                return

    def __getstate__(self) -> tuple[Any, ...]:
        return (*handed(self), self._interlock_most(), self._interlock_ignores())

    def __setstate__(self, state: tuple[Family, int, int, bool]) -> None:
        self._interlock_open(*state)
        self._is_fork_ctx = False  # so that the child can hand it on
        self._make_methods()


class Lock(_Shared, _std.Lock):  # type: ignore[misc]
    """A lock that one process holds at a time, and that any process may release.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Lock. If the process that holds it dies,
    the next process acquires it.
    """

    def __init__(self, *, ctx: Any, on_owner_death: OnOwnerDeath = "warn") -> None:
        """Make a free lock.

        `on_owner_death` says what the death of a process that holds the lock means. "warn": the next process to
        acquire it is warned (`interlock.OwnerDiedWarning`), once. "raise": `acquire()` raises
        `interlock.OwnerDiedError`, until some process calls `recover()`. "ignore": nothing. Raises ValueError for
        anything else.
        """
        self._is_fork_ctx = made_in_fork_context(ctx)
        self._interlock_begin_lock(home(), _checked(on_owner_death))
        self._make_methods()

    def recover(self) -> bool:
        """Declare that the data under the lock is consistent again: after its owner's death, it can be acquired again.

        Returns whether the lock could not be acquired before. Does not block.
        """
        return self._interlock_recover()


class RLock(_Shared, _std.RLock):  # type: ignore[misc]
    """A lock that the thread holding it may acquire again.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.RLock. If the process that holds it dies,
    the next process acquires it.
    """

    def __init__(self, *, ctx: Any, on_owner_death: OnOwnerDeath = "warn") -> None:
        """Make a free lock. For `on_owner_death` see `Lock`."""
        self._is_fork_ctx = made_in_fork_context(ctx)
        self._interlock_begin_rlock(home(), _checked(on_owner_death))
        self._make_methods()

    def recover(self) -> bool:
        """Let the lock be acquired again after the death of its owner: see `Lock`."""
        return self._interlock_recover()


class _Semaphore(_Shared):
    @Reading
    def lost_permits(self) -> int:
        """How many permits killed processes took by `acquire()` and did not give back.

        (A permit that a `with` statement took comes back when its process dies. If a process ends in the ordinary way,
        other processes may still give back its permits, so these are not counted.) Does not block.
        """
        return self._interlock_lost_permits()

    def __setstate__(self, state: tuple[Family, int, int, bool]) -> None:
        super().__setstate__(state)
        give_up_at_end()

    def _begin(self, ctx: Any, permits: int, most: int) -> None:
        self._is_fork_ctx = made_in_fork_context(ctx)
        self._interlock_begin_semaphore(home(), permits, most)
        give_up_at_end()
        self._make_methods()


class Semaphore(_Semaphore, _std.Semaphore):  # type: ignore[misc]
    """A number of permits that processes take and give back.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Semaphore.
    """

    def __init__(self, value: int = 1, *, ctx: Any) -> None:
        """Make a semaphore with `value` permits. Raises OSError if that is negative."""
        self._begin(ctx, _permits(value), _SEM_VALUE_MAX)


class BoundedSemaphore(_Semaphore, _std.BoundedSemaphore):  # type: ignore[misc]
    """A semaphore that never has more permits than its initial number.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.BoundedSemaphore.
    """

    def __init__(self, value: int = 1, *, ctx: Any) -> None:
        """Make a semaphore with `value` permits. Raises OSError if that is negative."""
        permits = _permits(value)
        self._begin(ctx, permits, permits)


_OWN_CLASSES: set[Any] = {Lock, RLock, Semaphore, BoundedSemaphore}
for _class in (Lock, RLock, Semaphore, BoundedSemaphore):
    own_methods(_class, "acquire", "release", "__enter__", "__exit__")


def _permits(value: int) -> int:
    permits = operator.index(value)
    if permits > _SEM_VALUE_MAX:
        raise OverflowError("Python int too large to convert to C int")
    if permits < 0:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return permits
