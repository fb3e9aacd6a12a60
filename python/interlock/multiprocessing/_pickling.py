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


class _Idle:
    """Picklers that nobody uses: to make one takes longer than to pickle a small object."""

    def __init__(self) -> None:
        self.known = copyreg.dispatch_table.copy(), _Pickler._extra_reducers.copy()
        self.picklers: list[tuple[BytesIO, Any]] = []

    def knows_all(self) -> bool:
        """Whether nothing was registered since these picklers were made. Each has its own copy of that."""
        return self.known == (copyreg.dispatch_table, _Pickler._extra_reducers)


_idle = [_Idle()]


def dumps(obj: object) -> bytes:
    """Pickle an object."""
    if _std._ForkingPickler is not _Pickler:  # type: ignore[attr-defined]
        return bytes(_std._ForkingPickler.dumps(obj))  # type: ignore[attr-defined]
    idle = _idle[0]
    if not idle.knows_all():
        idle = _idle[0] = _Idle()
    try:
        buffer, pickler = idle.picklers.pop()
    except IndexError:
        buffer = BytesIO()
        pickler = _Pickler(buffer)
    pickler.dump(obj)  # if this fails, the pickler is not used again
    pickle = buffer.getvalue()
    pickler.clear_memo()
    buffer.seek(0)
    buffer.truncate()
    idle.picklers.append((buffer, pickler))
    return pickle
