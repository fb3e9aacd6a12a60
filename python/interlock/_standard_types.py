"""Makes the types of our locks equal to the standard library's.

`isinstance(ours, standard)` holds anyway, since `__class__` of our locks is the standard type (``lock_types.rs``).
Other operations depend on our classes themselves: `isinstance(theirs, ours)`, dispatch by type
(`functools.singledispatch`), and tables in which pickling looks up a type (`copyreg.dispatch_table`, dill's). So each
class gets a metaclass that makes it equal to the standard type, with the same hash, and that counts the standard type's
instances and subclasses as its own. This replaces no name in `_thread`, because the import system looks up its locks
there.
"""

from __future__ import annotations

from interlock._interlock import set_metaclass

__all__ = ["stand_for"]


def stand_for(ours: type, standard: type) -> None:
    """Make ``ours`` equal to ``standard``. Classes derived from ``ours`` stay ordinary classes."""

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
