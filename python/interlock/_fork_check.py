"""Warns when a process forks while another thread holds a lock, which no thread can release in the child.

No lock is registered anywhere. At a fork, if there is more than one thread, we inspect the frames of the other threads:
the variables and attributes that their code names, as in ``with self._lock:``. The engine knows the owner of each lock.
"""

from __future__ import annotations

import sys
import threading
from _thread import _count, get_ident
from _warnings import warn
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
"""The most processor time that a check takes. (A wall clock would go on while a busy machine runs other processes.)"""
_FRAMES = 64
"""How many frames of each thread are inspected: the innermost ones."""
_DEPTH = 3
"""How many names deep to look: 3 for `self.state.lock`."""
_SLOTS = frozenset({GetSetDescriptorType, MemberDescriptorType})
_PLAIN = frozenset({bool, bytes, dict, float, int, list, set, str, tuple, type(None), type, type(len)})
"""Objects of exactly these classes have no locks as attributes."""
_AT_HOME = ("concurrent.futures", "interlock", "logging", "multiprocessing", "threading")
"""These packages take care of their own locks at a fork."""


class LockHeldAtForkWarning(RuntimeWarning):
    """A process forks while another thread holds a lock. In the child, the lock is never released.

    The warning points to the caller of `os.fork()`, or to the code that starts a process by the method `fork`.
    """

    __module__ = "interlock"


def _check() -> None:
    if _count() and not _is_free_threaded():
        try:
            found = list(_held_by_others())
        except Exception:  # an error of the check must not stop the fork
            return
        for thread, name, where in found:
            _warn(f"thread {thread!r} holds the lock {name} ({where}): it stays locked in the forked child")


def _is_free_threaded() -> bool:
    """Whether the other threads run while we inspect their frames."""
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
            for name, value in _named(inner, end):
                owner = owner_of(value)
                if owner is not None and owner != me and owner in frames and id(value) not in seen:
                    seen.add(id(value))
                    code = inner.f_code
                    yield _thread_name(owner), name, f"{code.co_name}(), {code.co_filename}:{inner.f_lineno}"
            if thread_time() > end:
                return


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


def _named(frame: FrameType, end: float) -> Iterator[tuple[str, Any]]:
    """Yield the objects that the code of a frame names, each with its name.

    Each object and each class is inspected once: a function may name a hundred variables and attributes.
    """
    names = frame.f_code.co_names
    level = _variables(frame, names)
    yield from level
    looked_into: set[int] = set()
    classes: dict[type, _Class] = {}
    for _ in range(_DEPTH - 1):
        below: list[tuple[str, Any]] = []
        for owner, thing in level:
            if type(thing) in _PLAIN or id(thing) in looked_into:
                continue
            if thread_time() > end:
                return
            looked_into.add(id(thing))
            kind = type(thing)
            if kind not in classes:
                classes[kind] = _Class(kind, names)
            below += [(f"{owner}.{name}", value) for name, value in classes[kind].attributes(thing)]
        level = below
        yield from level


def _variables(frame: FrameType, names: tuple[str, ...]) -> list[tuple[str, Any]]:
    """Return the variables that the code of a frame names: globals, and all local variables of a function."""
    others = frame.f_globals
    if frame.f_code.co_flags & 1:  # CO_OPTIMIZED: a function
        of_frame = frame.f_locals
        local = dict(of_frame)
        if sys.version_info < (3, 13):  # `f_locals` is a copy that the frame would keep
            of_frame.clear()
        found = [*local.items()]
    else:  # a module or a class, which may have many variables that this code does not name
        local = frame.f_locals
        if type(local) is not dict:  # it may be any mapping
            local = {}
        found = [(name, local[name]) for name in names if name in local]
    return found + [(name, others[name]) for name in names if name in others and name not in local]


_dict_of = type.__dict__["__dict__"].__get__
"""Reads the attributes of a class, no matter what its metaclass does."""
_bases_of = type.__dict__["__mro__"].__get__


class _Class:
    """How to read attributes of certain names from objects of a class, without running any code."""

    def __init__(self, kind: type, names: tuple[str, ...]) -> None:
        found: dict[str, Any] = {}
        for each in _bases_of(kind):
            own = _dict_of(each)
            found |= {name: own[name] for name in (*names, "__dict__") if name in own and name not in found}
        own = found.pop("__dict__", None)
        # (In our classes `__dict__` is a descriptor of another name, which would materialize the object.)
        self._dict = own if type(own) in _SLOTS and own.__name__ == "__dict__" else None
        self._slots = [(name, what) for name, what in found.items() if type(what) is MemberDescriptorType]
        self._locks = [(name, what) for name, what in found.items() if owner_of(what) is not None]
        hidden = {name for name, what in found.items() if _is_asked_first(type(what))}
        self._names = [name for name in names if name not in hidden]

    def attributes(self, thing: Any) -> list[tuple[str, Any]]:
        """Return the attributes of an object of this class that have one of these names."""
        own = None if self._dict is None else self._dict.__get__(thing)
        if type(own) is not dict:
            own = {}
        found = [(name, own[name]) for name in self._names if name in own]
        found += [(name, lock) for name, lock in self._locks if name not in own]
        for name, slot in self._slots:
            try:  # noqa: SIM105  `suppress` would load modules that `threading` does not load
                found.append((name, slot.__get__(thing)))
            except AttributeError:
                pass
        return found


def _is_asked_first(descriptor: type) -> bool:
    """Whether objects of this class, as attributes of a class, take precedence over an object's own dictionary."""
    return any(
        "__set__" in _dict_of(each) or "__delete__" in _dict_of(each) for each in _bases_of(descriptor)
    )


before_fork(_check)
