"""How objects are pickled for other processes.

A message has a pickle of protocol 5. Large buffers (arrays, whatever gives a `pickle.PickleBuffer`) travel beside it.

A program may have a pickler of its own: as `reducer` of a context, as `_ForkingPickler` of the modules of connections
and of queues, or as functions of the standard class. Then that makes the pickles. If it has a `loads` of its own, too,
its pickles travel in one that the standard `loads` knows, and that calls the other where the object arrives.
"""

from __future__ import annotations

import _pickle
import copyreg
import pickle
import sys
from multiprocessing import context, reduction
from pickle import PicklingError

from interlock._originals import is_original, originals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pickle import PickleBuffer
    from typing import Any

__all__ = [
    "CONNECTIONS",
    "QUEUES",
    "dump",
    "dump_by",
    "dumps",
    "has_own_loads",
    "load",
    "load_bytes",
    "loads",
    "packed",
    "reducer_of",
]

_Pickler: Any = originals(reduction, "ForkingPickler").ForkingPickler
_own = _Pickler.__dict__
_modules = sys.modules
_context: Any = context

CONNECTIONS = "multiprocessing.connection"
QUEUES = "multiprocessing.queues"
"""The modules that programs change to have another pickler. Without them there is none; a worker does not load them."""
_PROTOCOL = 5
_LARGE = 64 << 10
"""From how many bytes on a buffer travels beside the pickle. The pickler keeps smaller ones together, too."""

loads = _pickle.loads
_dumps: Any = _own["dumps"] if is_original(_own["dumps"].__func__) else None
"""None: somebody has changed it before this module came."""


class _Parts(list):  # type: ignore[type-arg]
    """A file for a pickler, which writes large objects as they are: bytes are copied once, into the message."""

    __slots__ = ()
    write = list.append


class _Idle:
    """Picklers that nobody uses: to make one takes longer than to pickle a small object."""

    def __init__(self) -> None:
        # Each pickler has its own copy of that, so these know nothing that is registered later.
        self.table, self.reducers = copyreg.dispatch_table.copy(), _Pickler._extra_reducers.copy()
        self.picklers: list[tuple[Any, list[Any], list[Any]]] = []

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


def dump(obj: object, where: str = CONNECTIONS) -> bytes | tuple[list[Any], list[Any]]:
    """Pickle an object for a message: the pickle, or the parts that it consists of, and the buffers beside it."""
    module: Any = _modules.get(where)
    if (
        (module is not None and module._ForkingPickler is not _Pickler)
        or _context.reduction.ForkingPickler is not _Pickler
        or _own["dumps"] is not _dumps
        or _Pickler.loads is not loads
    ):
        return packed(obj, where)
    idle = _idle[0]
    if idle.table != copyreg.dispatch_table or idle.reducers != _Pickler._extra_reducers:
        idle = _idle[0] = _Idle()
    pickler, parts, buffers = taken = idle.take()
    try:
        pickler.dump(obj)  # if this fails, the pickler is not used again
        is_done = True
    except PicklingError as error:
        if "contiguous" not in str(error):
            raise
        is_done = False
    if not is_done:
        return dumps(obj, where)  # a protocol before 5 may do without that buffer
    pickler.clear_memo()
    message: bytes | tuple[list[Any], list[Any]]
    if len(parts) == 1 and not buffers:
        message = parts.pop()
    else:
        message = parts[:], buffers[:]
        parts.clear()
        buffers.clear()
    idle.picklers.append(taken)
    return message


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


def _pickler_of(where: str) -> Any:
    """Return the pickler that the standard library would use in this module."""
    module: Any = _modules.get(where)
    pickler = _Pickler if module is None else module._ForkingPickler
    # The standard modules look it up when they are imported, and ours may have done that earlier than the program.
    return _context.reduction.ForkingPickler if pickler is _Pickler else pickler


def has_own_loads(where: str) -> bool:
    """Whether the pickler there has a `loads` that is not the standard one."""
    return getattr(_pickler_of(where), "loads", loads) is not loads


def dumps(obj: object, where: str = CONNECTIONS) -> bytes:
    """Pickle an object as the standard library does, for a program that wants the bytes."""
    return bytes(_pickler_of(where).dumps(obj))


def load_bytes(data: Any, where: str) -> Any:
    """Make the object of bytes that `dumps()` has made, or a program."""
    return _pickler_of(where).loads(data)


def packed(obj: object, where: str = QUEUES) -> bytes:
    """Pickle an object for the standard `loads`."""
    data = dumps(obj, where)
    return pickle.dumps(_Packed(data, where), _PROTOCOL) if has_own_loads(where) else data


class _Packed:
    """The pickle of a program's own pickler."""

    def __init__(self, data: bytes, where: str) -> None:
        self._args = data, where

    def __reduce__(self) -> tuple[Any, ...]:
        return load_bytes, self._args


def load(pickle: Any, buffers: list[Any]) -> Any:
    """Make the object of a pickle and the buffers beside it."""
    return loads(pickle, buffers=buffers)


def reducer_of(module: Any) -> Any:
    """Return what has the `dump()` that a standard module would use: `reduction`, or what the program has instead."""
    own = module.reduction
    return _context.reduction if own is reduction else own
