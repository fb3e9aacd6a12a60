"""How objects are pickled for other processes.

A message has a pickle of protocol 5. Large buffers (arrays, whatever gives a `pickle.PickleBuffer`) travel beside it.
"""

from __future__ import annotations

import copyreg
import sys
from multiprocessing.reduction import ForkingPickler
from pickle import PicklingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pickle import PickleBuffer
    from typing import Any

__all__ = ["dump", "dump_by", "dumps", "load", "loads"]

_Pickler: Any = ForkingPickler
_modules = sys.modules

_QUEUES = "multiprocessing.queues"
"""The module that programs change to have another pickler. Without it there is none; a worker does not load it."""
_PROTOCOL = 5
_LARGE = 64 << 10
"""From how many bytes on a buffer travels beside the pickle. The pickler keeps smaller ones together, too."""

loads = _Pickler.loads


class _Parts(list):  # type: ignore[type-arg]
    """A file for a pickler, which writes large objects as they are: bytes are copied once, into the message."""

    __slots__ = ()
    write = list.append


class _Idle:
    """Picklers that nobody uses: to make one takes longer than to pickle a small object."""

    def __init__(self) -> None:
        self.known = copyreg.dispatch_table.copy(), _Pickler._extra_reducers.copy()
        self.picklers: list[tuple[Any, list[Any], list[Any]]] = []

    def knows_all(self) -> bool:
        """Whether nothing was registered since these picklers were made. Each has its own copy of that."""
        return self.known == (copyreg.dispatch_table, _Pickler._extra_reducers)

    def take(self) -> tuple[Any, list[Any], list[Any]]:
        """Return a pickler, its parts and its buffers: one that nobody uses, or a new one."""
        try:
            return self.picklers.pop()
        except IndexError:  # and not here: an error within would have this one as its context
            pass
        parts = _Parts()
        buffers: list[Any] = []
        return _Pickler(parts, _PROTOCOL, True, _keeper(buffers)), parts, buffers


_idle = [_Idle()]


def dump(obj: object) -> bytes | tuple[list[Any], list[Any]]:
    """Pickle an object for a message: the pickle, or the parts that it consists of, and the buffers beside it."""
    queues: Any = _modules.get(_QUEUES)
    if queues is not None and queues._ForkingPickler is not _Pickler:
        return dumps(obj)
    idle = _idle[0]
    if not idle.knows_all():
        idle = _idle[0] = _Idle()
    pickler, parts, buffers = idle.take()
    try:
        pickler.dump(obj)  # if this fails, the pickler is not used again
        is_done = True
    except PicklingError as error:
        if "contiguous" not in str(error):
            raise
        is_done = False
    if not is_done:
        return dumps(obj)  # a protocol before 5 may do without that buffer
    pickler.clear_memo()
    pickle: bytes | tuple[list[Any], list[Any]]
    if len(parts) == 1 and not buffers:
        pickle = parts.pop()
    else:
        pickle = parts[:], buffers[:]
        parts.clear()
        buffers.clear()
    idle.picklers.append((pickler, parts, buffers))
    return pickle


def dump_by(pickler: Any, obj: object) -> tuple[list[Any], list[Any]]:
    """Pickle an object for a message by a pickler of that class."""
    parts = _Parts()
    buffers: list[Any] = []
    pickler(parts, _PROTOCOL, True, _keeper(buffers)).dump(obj)
    return parts[:], buffers


def _keeper(buffers: list[Any]) -> Callable[[PickleBuffer], bool]:
    """Return the function that a pickler asks whether a buffer is part of the pickle. Large ones go to `buffers`."""

    def is_inside(buffer: PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes < _LARGE:
            return True
        buffers.append(view)
        return False

    return is_inside


def dumps(obj: object) -> bytes:
    """Pickle an object as the standard library does, for a program that wants the bytes."""
    queues: Any = _modules.get(_QUEUES)
    return bytes((_Pickler if queues is None else queues._ForkingPickler).dumps(obj))


def load(pickle: Any, buffers: list[Any]) -> Any:
    """Make the object of a pickle and the buffers beside it."""
    return loads(pickle, buffers=buffers)
