"""Makes the types of our locks equal to the standard library's.

`isinstance(ours, standard)` holds by itself, since `__class__` of our locks is the standard type (``standard.rs``).
The rest of what programs do with types asks the class: `isinstance(theirs, ours)`, dispatch by type
(`functools.singledispatch`), and tables in which pickling looks up a type (`copyreg.dispatch_table`, dill's). So each
class gets a metaclass by which it is equal to the standard type, with the same hash, and counts its instances and its
subclasses as its own. No name of `_thread` is replaced for it: the import system looks its locks up there.
"""

from __future__ import annotations

from interlock._interlock import set_metaclass

__all__ = ["stand_for"]


def stand_for(ours: type, standard: type) -> None:
    """Make ``ours`` equal to ``standard``. Classes derived from ``ours`` are ordinary ones."""

    class Kind(type(ours)):  # type: ignore[misc]
        __slots__ = ()

        def __eq__(cls, other: object) -> bool:
            return True if cls is ours and other is standard else type.__eq__(cls, other)

        def __hash__(cls) -> int:
            return hash(standard) if cls is ours else type.__hash__(cls)

        def __instancecheck__(cls, instance: object) -> bool:
            return type.__instancecheck__(cls, instance) or (cls is ours and isinstance(instance, standard))

        def __subclasscheck__(cls, subclass: type) -> bool:
            return type.__subclasscheck__(cls, subclass) or (cls is ours and issubclass(subclass, standard))

    Kind.__name__ = Kind.__qualname__ = "type"
    set_metaclass(ours, Kind)
