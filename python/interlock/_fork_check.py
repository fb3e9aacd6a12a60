"""Warns when a process forks while another thread holds a lock: in the child it stays locked, and nobody releases it.

No lock is registered anywhere. At a fork, if there is more than one thread, we look at the frames of the others: at the
variables and attributes that their code names, as in ``with self._lock:``. The engine knows the owner of each lock.
"""

from __future__ import annotations

import sys
import threading
from _thread import _count, get_ident
from _warnings import warn
from contextlib import suppress
from time import thread_time
from types import FrameType, GetSetDescriptorType, MemberDescriptorType

from interlock._interlock import owner_of
from interlock._lifecycle import before_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["LockHeldAtForkWarning"]

_SECONDS = 0.02
"""No look takes more of the processor's time. (A clock on the wall would go on while a busy machine runs others.)"""
_FRAMES = 64
"""Of each thread, the innermost ones."""
_DEPTH = 3
"""As in `self.state.lock`."""
_SLOTS = frozenset({GetSetDescriptorType, MemberDescriptorType})
_AT_HOME = ("concurrent.futures", "interlock", "logging", "multiprocessing", "threading")
"""These packages care for their own locks at a fork."""


class LockHeldAtForkWarning(RuntimeWarning):
    """A process forks while another thread holds a lock. In the child, the lock is never released.

    It is given to the caller of `os.fork()`, or to the program that starts a process by the method `fork`.
    """

    __module__ = "interlock"


def _check() -> None:
    if _count() and not _is_free_threaded():
        try:
            found = list(_held_by_others())
        except Exception:  # a fork goes on, whatever the look has met
            return
        for thread, name, where in found:
            _warn(f"thread {thread!r} holds the lock {name} ({where}): it stays locked in the forked child")


def _is_free_threaded() -> bool:
    """Whether the other threads run while we look at their frames."""
    is_gil_enabled = getattr(sys, "_is_gil_enabled", None)
    return is_gil_enabled is not None and not is_gil_enabled()


def _warn(message: str) -> None:
    frame: FrameType | None = sys._getframe(2)
    level = 3
    while frame is not None and _is_at_home(frame):
        frame = frame.f_back
        level += 1
    warn(message, LockHeldAtForkWarning, stacklevel=level)


def _is_at_home(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__"))
    return any(name == home or name.startswith(f"{home}.") for home in _AT_HOME)


def _held_by_others() -> Iterator[tuple[str, str, str]]:
    """Yield the thread, the lock and the place of each lock that another thread holds, if found in time."""
    me = get_ident()
    end = thread_time() + _SECONDS
    frames = sys._current_frames()
    frames.pop(
        me, None
    )  # this frame would refer to itself, and its callers would live until the next collection
    seen: set[int] = set()
    for frame in frames.values():
        for inner in _stack(frame):
            if thread_time() > end:
                return
            for name, value in _named(inner):
                owner = owner_of(value)
                if owner is not None and owner != me and owner in frames and id(value) not in seen:
                    seen.add(id(value))
                    code = inner.f_code
                    yield _thread_name(owner), name, f"{code.co_name}(), {code.co_filename}:{inner.f_lineno}"


def _thread_name(ident: int) -> str:
    thread = threading._active.get(ident)  # type: ignore[attr-defined]
    return thread.name if thread is not None else f"with the identity {ident}"


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    for _ in range(_FRAMES):
        if frame is None:
            return
        if not _is_at_home(frame):
            yield frame
        frame = frame.f_back


def _named(frame: FrameType) -> Iterator[tuple[str, Any]]:
    """Yield what the code of a frame names, and what that is called there."""
    names = frame.f_code.co_names
    variables = _variables(frame)
    for name in names:
        if name in frame.f_globals:
            variables.setdefault(name, frame.f_globals[name])
    for name, value in variables.items():
        yield name, value
    level = list(variables.items())
    for _ in range(_DEPTH - 1):
        level = [
            (f"{owner}.{name}", value)
            for owner, thing in level
            for name in names
            for value in _attribute(thing, name)
        ]
        yield from level


def _variables(frame: FrameType) -> dict[str, Any]:
    variables = frame.f_locals
    copy = dict(variables)
    if (
        sys.version_info < (3, 13) and frame.f_code.co_flags & 1
    ):  # CO_OPTIMIZED: a copy that the frame would keep
        variables.clear()
    return copy


_dict_of = type.__dict__["__dict__"].__get__
"""The attributes of a class, whatever its metaclass does."""


def _attribute(thing: Any, name: str) -> Iterator[Any]:
    """Yield the attribute of that name, if it is there without a call of any code."""
    for kind in type(thing).__mro__:
        own = _dict_of(kind)
        if name in own:
            what = own[name]
            if type(what) is MemberDescriptorType:
                with suppress(AttributeError):
                    yield what.__get__(thing)
            elif owner_of(what) is not None:
                yield what
            return
    attributes = _attributes(thing)
    if attributes is not None and name in attributes:
        yield attributes[name]


def _attributes(thing: Any) -> dict[str, Any] | None:
    for kind in type(thing).__mro__:
        what = _dict_of(kind).get("__dict__")
        if what is not None:
            # (Ours have one of another name, which materializes the object.)
            is_plain = type(what) in _SLOTS and what.__name__ == "__dict__"
            found = what.__get__(thing) if is_plain else None
            return found if type(found) is dict else None
    return None


before_fork(_check)
