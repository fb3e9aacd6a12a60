"""How objects are pickled for other processes."""

from __future__ import annotations

import copyreg
import multiprocessing.queues as _std
from io import BytesIO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["dumps", "loads"]

_Pickler: Any = _std._ForkingPickler  # type: ignore[attr-defined]

loads = _Pickler.loads

_idle: list[tuple[BytesIO, Any]] = []
"""Picklers that nobody uses: to make one takes longer than to pickle a small object."""

_known: tuple[dict[Any, Any], dict[Any, Any]] = ({}, {})
"""What had been registered when these picklers were made. Each has its own copy of that."""


def dumps(obj: object) -> bytes:
    """Pickle an object."""
    if _std._ForkingPickler is not _Pickler:  # type: ignore[attr-defined]
        return bytes(_std._ForkingPickler.dumps(obj))  # type: ignore[attr-defined]
    buffer, pickler = _idle_pickler()
    known = _known
    pickler.dump(obj)  # if this fails, the pickler is not used again
    pickle = buffer.getvalue()
    pickler.clear_memo()
    buffer.seek(0)
    buffer.truncate()
    if known is _known:  # else it does not know what was registered meanwhile
        _idle.append((buffer, pickler))
    return pickle


def _idle_pickler() -> tuple[BytesIO, Any]:
    """Return a pickler that knows all that is registered now, and where it writes."""
    global _known
    if _known != (copyreg.dispatch_table, _Pickler._extra_reducers):
        _idle.clear()
        _known = copyreg.dispatch_table.copy(), _Pickler._extra_reducers.copy()
    try:
        return _idle.pop()
    except IndexError:
        buffer = BytesIO()
        return buffer, _Pickler(buffer)
