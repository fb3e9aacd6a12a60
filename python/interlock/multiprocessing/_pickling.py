"""How objects are pickled for other processes."""

from __future__ import annotations

import multiprocessing.queues as _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["dumps", "loads"]

_Pickler: Any = _std._ForkingPickler  # type: ignore[attr-defined]

loads = _Pickler.loads


def dumps(obj: object) -> bytes:
    """Pickle an object."""
    return bytes(_Pickler.dumps(obj))
