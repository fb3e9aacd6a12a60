"""How objects are pickled for other processes.

A message contains a pickle of protocol 5. Large buffers (arrays, and other objects that give a `pickle.PickleBuffer`)
travel beside it.

A program may set its own pickler: as `reducer` of a context, as `_ForkingPickler` of the modules of connections and of
queues, or as functions of the standard class. Then that pickler makes the pickles. If it also has its own `loads`, each
of its pickles travels inside another pickle, which the standard `loads` can read and which calls the pickler's `loads`
in the receiver.
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
"""The modules in which programs set another pickler. A worker does not load them: then there is no other pickler."""
_PROTOCOL = 5
_KEEPS_READ_ONLY = pickle.DEFAULT_PROTOCOL >= _PROTOCOL
"""Whether a read-only array is read-only in the receiver. It is not with the older protocols, which know no buffers."""
_LARGE = 64 << 10
"""From this many bytes on, a buffer travels beside the pickle. The pickler, too, writes smaller objects together."""

loads = _pickle.loads
_dumps: Any = _own["dumps"] if is_original(_own["dumps"].__func__) else None
"""None if it had been replaced before this module was imported."""


class _Parts(list):  # type: ignore[type-arg]
    """A file for a pickler, which writes large objects uncopied: their bytes are copied once, into the message."""

    __slots__ = ()
    write = list.append


class _Idle:
    """Picklers that are not in use. Making a pickler takes longer than pickling a small object."""

    def __init__(self) -> None:
        # Each pickler copies these tables, so these picklers do not see later registrations.
        self.table, self.reducers = copyreg.dispatch_table.copy(), _Pickler._extra_reducers.copy()
        self.picklers: list[tuple[Any, list[Any], list[Any]]] = []

    def take(self) -> tuple[Any, list[Any], list[Any]]:
        """Return a pickler, its parts and its buffers: an idle pickler, or a new one."""
        try:
            return self.picklers.pop()
        except IndexError:  # no pickler is made here: an error would get this exception as its context
            pass
        parts = _Parts()
        buffers: list[Any] = []
        return _Pickler(parts, _PROTOCOL, True, _keeper(buffers)), parts, buffers


_idle = [_Idle()]


def dump(obj: object, where: str = CONNECTIONS) -> bytes | tuple[list[Any], list[Any]]:
    """Pickle an object for a message. Returns the pickle; or the parts that form it, and the buffers beside it."""
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
    except _WantsOlderProtocolError:
        is_done = False
    if not is_done:
        return dumps(obj, where)  # the older protocol needs no buffer
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
    """Pickle an object for a message, with a pickler of the class `pickler`."""
    parts = _Parts()
    buffers: list[Any] = []
    try:
        pickler(parts, _PROTOCOL, True, _keeper(buffers)).dump(obj)
        is_done = True
    except _WantsOlderProtocolError:
        is_done = False
    if not is_done:
        parts, buffers = _Parts(), []
        pickler(parts, pickle.DEFAULT_PROTOCOL).dump(obj)
    return parts[:], buffers


class _WantsOlderProtocolError(Exception):
    """The pickle would contain a buffer that is read-only in the receiver, and is not with the standard pickle."""


def _keeper(buffers: list[Any]) -> Callable[[PickleBuffer], bool]:
    """Return a callback that tells a pickler whether a buffer belongs into the pickle. The others go to `buffers`."""

    def is_inside(buffer: PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes < _LARGE:
            if view.readonly and not _KEEPS_READ_ONLY:
                raise _WantsOlderProtocolError
            return True
        buffers.append(view)
        return False

    return is_inside


def _pickler_of(where: str) -> Any:
    """Return the pickler that the standard library would use in this module."""
    module: Any = _modules.get(where)
    pickler = _Pickler if module is None else module._ForkingPickler
    # The standard modules read the class when they are imported, which ours may have caused earlier than the program.
    return _context.reduction.ForkingPickler if pickler is _Pickler else pickler


def has_own_loads(where: str) -> bool:
    """Whether the pickler there has a `loads` that is not the standard one."""
    return getattr(_pickler_of(where), "loads", loads) is not loads


def dumps(obj: object, where: str = CONNECTIONS) -> bytes:
    """Pickle an object as the standard library does, for a program that wants the bytes."""
    return bytes(_pickler_of(where).dumps(obj))


def load_bytes(data: Any, where: str) -> Any:
    """Unpickle bytes that `dumps()` or a program has made."""
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
    """Unpickle a pickle with the buffers beside it."""
    return loads(pickle, buffers=buffers)


def reducer_of(module: Any) -> Any:
    """Return the object whose `dump()` a standard module would use: `reduction`, or the program's replacement."""
    own = module.reduction
    return _context.reduction if own is reduction else own
