"""The family of processes that share objects: who they are, and how an object comes to a process that is being started.

The child of a fork has all objects of its parent from its first instruction on. Any other child gets its objects when
they are pickled for it: the first one makes the parent keep a place for the child in the family, the state of each has
the place and the object's number, and the child takes its place when it unpickles the first.
"""

from __future__ import annotations

import os
from multiprocessing import process, reduction, util

from interlock._interlock import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interlock._interlock import SharedHandle

__all__ = ["Announcing", "Place", "adopt", "hand", "home", "known"]


class _Known:
    """The families that this process is in; the first is the one in which it makes its objects."""

    def __init__(self) -> None:
        self.families: dict[int, Family] = {}  # by the descriptor
        util.register_after_fork(self, _Known.label)

    def add(self, family: Family) -> Family:
        known = self.families.setdefault(family.descriptor, family)
        self.label()
        return known

    def label(self) -> None:
        """Name this process in messages about its death, as `multiprocessing` does."""
        for family in self.families.values():
            family.set_label(process.current_process().name)


_known = _Known()


def home() -> Family:
    """Return the family in which this process makes its objects. Does not block."""
    for family in _known.families.values():
        return family
    return _known.add(Family.home())


def known() -> tuple[Family, ...]:
    """Return the families that this process is in. Does not block."""
    return tuple(_known.families.values())


def adopt(descriptor: int, place: int) -> Family:
    """Enter the family behind a descriptor, which is closed, and in which a place is kept for this process."""
    try:
        return _known.add(Family.adopt(descriptor, place))
    finally:
        os.close(descriptor)


class Place:
    """The place in a family that is kept for one process which is being started."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self.word = family.expect_child()
        self._is_open = True
        self._descriptor = reduction.DupFd(family.descriptor)

    def started(self, pid: int | None) -> None:
        """The process has started and has this id, or it has not started."""
        if self._is_open:
            self._is_open = False
            self._family.started(self.word, pid)

    def __del__(self) -> None:
        self.started(None)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self._descriptor, self.word)


_arrived: dict[int, Family] = {}
"""The family of each place that this process has taken."""


def _arrive(descriptor: Any, word: int) -> Family:
    """Take the place that was kept for this process."""
    if word not in _arrived:
        _arrived[word] = adopt(descriptor.detach(), word)
    return _arrived[word]


class Announcing:
    """A ``Popen`` that tells the family when its process has started, and how it has ended."""

    _interlock_places: dict[int, Place]

    @property
    def pid(self) -> int:
        try:
            return self.__dict__["pid"]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'pid'") from None

    @pid.setter
    def pid(self, pid: int) -> None:
        self.__dict__["pid"] = pid
        for place in self.__dict__.pop("_interlock_places", {}).values():
            place.started(pid)

    @property
    def returncode(self) -> int | None:
        return self.__dict__["returncode"]  # type: ignore[no-any-return]

    @returncode.setter
    def returncode(self, code: int | None) -> None:
        self.__dict__["returncode"] = code
        if code is not None and "pid" in self.__dict__:
            for family in _known.families.values():
                family.has_ended(self.pid, code)


def hand(handle: SharedHandle, popen: Any) -> tuple[Place, int]:
    """Hand an object to the process that ``popen`` is starting; return what that process finds it by."""
    places = popen.__dict__.setdefault("_interlock_places", {})
    family = handle.family
    place = places.get(family.descriptor)
    if place is None:
        if not isinstance(popen, Announcing):
            popen.__class__ = _announcing(type(popen))
        place = places[family.descriptor] = Place(family)
    handle.hand(place.word)
    return place, handle.number


def _announcing(popen: type) -> type:
    """Return a class that does what ``popen`` does, and announces its process."""
    if popen not in _classes:
        names = {"__module__": popen.__module__, "__qualname__": popen.__qualname__}
        _classes[popen] = type(popen.__name__, (popen, Announcing), names)
    return _classes[popen]


_classes: dict[type, type] = {}
