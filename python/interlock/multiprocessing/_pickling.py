"""How objects are pickled for other processes."""

from __future__ import annotations

import multiprocessing.queues as _std
from io import BytesIO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["dumps", "loads"]

_Pickler: Any = _std._ForkingPickler  # type: ignore[attr-defined]

loads = _Pickler.loads

_idle: list[tuple[BytesIO, Any]] = []
"""Picklers that nobody uses: to make one takes longer than to pickle a small object. They see later registrations."""


def dumps(obj: object) -> bytes:
    """Pickle an object."""
    if _std._ForkingPickler is not _Pickler:  # type: ignore[attr-defined]
        return bytes(_std._ForkingPickler.dumps(obj))  # type: ignore[attr-defined]
    try:
        buffer, pickler = _idle.pop()
    except IndexError:
        buffer = BytesIO()
        pickler = _Pickler(buffer)
    pickler.dump(obj)  # if this fails, the pickler is not used again
    pickle = buffer.getvalue()
    pickler.clear_memo()
    buffer.seek(0)
    buffer.truncate()
    _idle.append((buffer, pickler))
    return pickle
