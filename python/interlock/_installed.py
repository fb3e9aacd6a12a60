"""What this process has installed, for modules that `_install` is above of and that must not import it."""

from __future__ import annotations

import sys

__all__ = ["install_exactly", "installed"]

_ABOVE = "interlock._install"


def installed() -> tuple[str, ...]:
    """Return the names of the installed modules: none as long as nobody has imported `_install`."""
    above = sys.modules.get(_ABOVE)
    return above.installed() if above else ()


def install_exactly(modules: tuple[str, ...]) -> None:
    """Install what a child process's parent has installed, and nothing else."""
    if modules != installed():
        __import__(_ABOVE)
        sys.modules[_ABOVE].join_parent(modules)
