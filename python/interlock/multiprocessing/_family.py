"""The family of processes that share objects: its members, and how a process that is being started gets an object.

A forked child has all objects of its parent from its first instruction on. For any other child, objects are pickled.
When the first one is pickled, the parent reserves a place in the family for the child. The state of each object
contains that place and the object's number. The child takes its place when it unpickles the first object.
"""

from __future__ import annotations

import os
from multiprocessing import context, process, reduction

from interlock._interlock import Family
from interlock._lifecycle import at_end_in_order, when_forked_by_multiprocessing
from interlock.multiprocessing._announcing import Announcing, announcing, families

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interlock._interlock import SharedHandle

__all__ = ["SERIALIZER", "Place", "adopt", "give_up_at_end", "hand", "home", "known"]

SERIALIZER = "_interlock_serializer"
"""An attribute of the standard class of contexts, by which the pickle of a manager's proxy finds our transport."""


class _Serializer:
    def __get__(self, ctx: Any, cls: type | None = None) -> str:
        # Imported here, because few programs need it, and `_managers` needs this module.
        managers = __import__("interlock.multiprocessing._managers", fromlist=("_SERIALIZER",))
        return managers._SERIALIZER  # type: ignore[no-any-return]


setattr(context.BaseContext, SERIALIZER, _Serializer())


def _label(known: dict[int, Family]) -> None:
    """Name this process in messages about its death, as `multiprocessing` does."""
    for family in known.values():
        family.set_label(process.current_process().name)


def _add(family: Family) -> Family:
    known = families.setdefault(family.inode, family)
    _label(families)
    return known  # type: ignore[no-any-return]


when_forked_by_multiprocessing(families, _label)


def home() -> Family:
    """Return the family in which this process makes its objects. Does not block.

    If the program has closed the descriptor of one, as a daemon does, the process makes its objects in another one.
    """
    for family in families.values():
        if family.is_open:
            return family  # type: ignore[no-any-return]
    return _add(Family.home())


def known() -> tuple[Family, ...]:
    """Return the families that this process is in. Does not block."""
    return tuple(families.values())


def _end_in_order(known: dict[int, Family]) -> None:
    for family in known.values():
        family.end_in_order()


_gives_up: list[bool] = []
"""Not empty if this process, or a process from which it was forked, has called `give_up_at_end`."""


def give_up_at_end() -> None:
    """When this process ends in the ordinary way, do not count the permits that it has taken as lost."""
    if not _gives_up:
        _gives_up.append(True)
        at_end_in_order(families, _end_in_order)


def adopt(descriptor: int, place: int) -> Family:
    """Enter the family behind a descriptor, which is closed, and in which a place is kept for this process."""
    try:
        return _add(Family.adopt(descriptor, place))
    finally:
        os.close(descriptor)


class Place:
    """The place in a family that is kept for one process that is being started."""

    _is_open = False

    def __init__(self, family: Family) -> None:
        self._family = family
        self.word = family.expect_child()
        self._is_open = True
        self._descriptor = reduction.DupFd(family.descriptor)

    def started(self, pid: int | None) -> None:
        """Note that the process has started with this pid, or (None) has not started."""
        if self._is_open:
            self._is_open = False
            self._family.started(self.word, pid)

    def __del__(self) -> None:
        self.started(None)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self._descriptor, self.word, self._family.inode)


_arrived: dict[tuple[int, int], Family] = {}
"""The family of each place that this process has taken."""


def _arrive(descriptor: Any, word: int, inode: int) -> Family:
    """Take the place that was kept for this process in the family of this inode."""
    key = word, inode
    if key not in _arrived:
        _arrived[key] = adopt(descriptor.detach(), word)
    return _arrived[key]


def hand(handle: SharedHandle, popen: Any) -> tuple[Place, int]:
    """Hand an object to the process that ``popen`` is starting. Return its place and number there."""
    places = popen.__dict__.setdefault("_interlock_places", {})
    family = handle.family
    place = places.get(family.inode)
    if place is None:
        if not isinstance(popen, Announcing):
            popen.__class__ = announcing(type(popen))
        place = places[family.inode] = Place(family)
    handle.hand(place.word)
    return place, handle.number
