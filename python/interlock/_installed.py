"""What this process has installed, for modules below `_install`, which must not import it."""

from __future__ import annotations

import sys

__all__ = ["install_exactly", "installed"]

_ABOVE = "interlock._install"


def installed() -> tuple[str, ...]:
    """Return the names of the installed modules: none as long as `_install` was not imported."""
    above = sys.modules.get(_ABOVE)
    return above.installed() if above else ()


def install_exactly(modules: tuple[str, ...]) -> None:
    """Install exactly the modules that the parent of this child process has installed."""
    if modules != installed():
        __import__(_ABOVE)
        sys.modules[_ABOVE].join_parent(modules)
