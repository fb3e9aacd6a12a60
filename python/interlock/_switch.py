"""The switch in the environment: ``INTERLOCK=0`` turns `install` and ``interlock run`` off."""

from __future__ import annotations

import os

__all__ = ["turned_off"]

_OFF = frozenset({"0", "off", "false", "no"})


def turned_off() -> bool:
    """Whether ``INTERLOCK`` is 0, off, false or no, in upper or lower case. Any other value leaves Interlock on."""
    return os.environ.get("INTERLOCK", "").strip().lower() in _OFF
