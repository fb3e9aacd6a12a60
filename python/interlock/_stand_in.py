"""Attributes of standard objects, for objects that the engine runs: they are made when a program reads them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["StandIn"]


class StandIn:
    """One such attribute. An attribute of the object itself, such as one that a program has set, takes precedence.

    The classes use these descriptors instead of a `__getattr__`, because a derived class may define its own.
    """

    def __init__(self, name: str, make: Callable[[Any], Any]) -> None:
        """`make` gets the object; it returns NotImplemented if this object has no such attribute."""
        self._name, self._make = name, make

    def __get__(self, instance: Any, owner: type) -> Any:
        made = NotImplemented if instance is None else self._make(instance)
        if made is not NotImplemented:
            return made
        what = f"type object {owner.__name__!r}" if instance is None else f"{owner.__name__!r} object"
        raise AttributeError(
            f"{what} has no attribute {self._name!r}",
            name=self._name,
            obj=owner if instance is None else instance,
        )
