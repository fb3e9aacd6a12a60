"""`queue.ShutDown` on every version: the standard library's if it has one (3.13 and later)."""

from __future__ import annotations

import queue as _std

TYPE_CHECKING = False

if TYPE_CHECKING or not hasattr(_std, "ShutDown"):

    class ShutDown(Exception):
        """put() and get() raise this when the queue was shut down."""

        __module__ = "queue"

else:
    ShutDown = _std.ShutDown
