"""The file into which a worker writes when it crashes. A worker that is not forked imports this."""

from __future__ import annotations

import os
from multiprocessing import reduction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["LastWords"]

_MOST_WORDS = 16 << 10


class LastWords:
    """An anonymous file that a worker writes when it crashes. It is inherited, or passed when the worker is started."""

    descriptor = -1

    def __init__(self, descriptor: int | None = None) -> None:
        """Make the file. Raises OSError if this process has no descriptor left."""
        self.descriptor = os.memfd_create("last words") if descriptor is None else descriptor

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (reduction.DupFd(self.descriptor),)

    def read(self) -> str | None:
        """Return what was written, at most its last 16 KiB, or None."""
        size = os.fstat(self.descriptor).st_size
        words = os.pread(self.descriptor, _MOST_WORDS, max(0, size - _MOST_WORDS))
        return words.decode(errors="replace").strip() or None

    def close(self) -> None:
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    __del__ = close


def _arrive(duplicate: Any) -> LastWords:
    return LastWords(duplicate.detach())
