"""`Lock`, shared by processes."""

from __future__ import annotations

from multiprocessing import context, synchronize

from interlock._interlock import SharedLock
from interlock._originals import originals
from interlock.multiprocessing._family import hand, home

TYPE_CHECKING = False
if TYPE_CHECKING:
    import multiprocessing.synchronize as _std
    from typing import Any, Literal

    from interlock._interlock import Family
else:
    _std = originals(synchronize, "Lock")

__all__ = ["Lock"]

_ON_OWNER_DEATH = ("warn", "raise", "ignore")


def made_in_fork_context(ctx: Any) -> bool:
    """Whether an object of this context may go to forked processes only, as a standard one may."""
    if ctx is None:
        ctx = context._default_context.get_context()  # type: ignore[attr-defined]
    return ctx.get_start_method() == "fork"  # type: ignore[no-any-return]


def handed(object: Any) -> tuple[Any, int]:
    """Hand an object to the process that is being started; return what its `_interlock_open` takes there."""
    context.assert_spawning(object)
    if object._is_fork_ctx:
        raise RuntimeError(
            "A SemLock created in a fork context is being shared with a process in a spawn context. This is not "
            "supported. Please use the same context to create multiprocessing objects and Process."
        )
    return hand(object._interlock_handle(), context.get_spawning_popen())


class Lock(SharedLock, _std.Lock):
    """A lock that one process holds at a time, and any may release.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Lock. If the process that holds it dies,
    the next one acquires it.
    """

    def __init__(self, *, ctx: Any, on_owner_death: Literal["warn", "raise", "ignore"] = "warn") -> None:
        """Make a free lock.

        `on_owner_death` says what the death of a process that holds the lock means. "warn": the next process to
        acquire it is warned (`interlock.OwnerDiedWarning`), once. "raise": `acquire()` raises
        `interlock.OwnerDiedError`, until some process calls `recover()`. "ignore": nothing. Raises ValueError for
        anything else.
        """
        if on_owner_death not in _ON_OWNER_DEATH:
            raise ValueError(f"on_owner_death must be one of {', '.join(map(repr, _ON_OWNER_DEATH))}")
        self._is_fork_ctx = made_in_fork_context(ctx)
        self._interlock_begin(home(), on_owner_death)

    def __getstate__(self) -> tuple[Any, ...]:
        return (*handed(self), self._interlock_ignores())

    def __setstate__(self, state: tuple[Family, int, bool]) -> None:
        self._interlock_open(*state)
        self._is_fork_ctx = False  # so that the child can hand it on
