"""Calls of Python functions by a loop in Python, which goes into them without a piece of the C stack for each."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["call_for_each"]


def call_for_each(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Give the results of `function` for the items."""
    return [function(item) for item in items]
