"""Calls Python functions in a loop written in Python, so that a call needs no frame on the C stack."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["call_for_each"]


def call_for_each(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Return the results of `function` for the items."""
    return [function(item) for item in items]
