"""The contexts of this package, for the modules that they import themselves."""

from __future__ import annotations

import multiprocessing.context as _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["context_of", "contexts"]

contexts: dict[str, Any] = {}
"""By the names of the start methods. `context` puts them here when it is imported."""


def context_of(method: str | None = None) -> Any:
    """Return our context of a start method, by default of the chosen one; the standard one if ours is not loaded."""
    std: Any = _std._default_context.get_context(method)
    return contexts.get(std._name, std)
