"""Numbers of descriptors."""

from __future__ import annotations

import fcntl
import os

__all__ = ["above_standard"]


def above_standard(number: int) -> int:
    """Move a descriptor that has the number of a standard stream. Return its number.

    A program that has closed standard streams gets their numbers for whatever it opens next. What is for it alone must
    not have one of them: the program writes there, and its commands and children have other files there.
    """
    if number > 2:
        return number
    moved = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(number)
    return moved
