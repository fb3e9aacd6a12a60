"""Turns packed tasks into calls again, in a worker, which imports little else. `packing` packs them."""

from __future__ import annotations

import sys
from itertools import starmap
from types import BuiltinFunctionType, FunctionType

from interlock.multiprocessing._pickling import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["MAP", "ONE", "STARMAP", "unpack", "unpacked"]

ONE, MAP, STARMAP = b"omt"
_HEADER = 3


def mapstar(args: tuple[Callable[..., Any], Iterable[Any]]) -> list[Any]:
    """Call a function for each item of a chunk, as `multiprocessing.pool.mapstar` does."""
    return list(map(*args))


def starmapstar(args: tuple[Callable[..., Any], Iterable[Any]]) -> list[Any]:
    """Call a function with each item of a chunk as its arguments, as `multiprocessing.pool.starmapstar` does."""
    return list(starmap(*args))


_MAPPERS = {MAP: mapstar, STARMAP: starmapstar}
_functions: dict[bytes, tuple[str, str, Any]] = {}
"""Functions by their pickles, each with its module and name: a task may bind the name to another function."""
_MOST_FUNCTIONS = 256
_KINDS = frozenset({BuiltinFunctionType, FunctionType, type})
_modules = sys.modules


def unpack(payload: bytes) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Make a call of packed bytes, in a worker."""
    kind, name, pickle = _parts(payload)
    known = _functions.get(name)
    if known is not None and getattr(_modules.get(known[0]), known[1], None) is known[2]:
        func = known[2]
    else:
        func = _loaded(name)
    items = loads(pickle)
    if kind == ONE:
        return func, items, {}
    return _MAPPERS[kind], ((func, items),), {}


def _loaded(name: bytes) -> Any:
    func = loads(name)
    if type(func) in _KINDS:  # other objects may have no name, or run the program's code when asked for it
        if len(_functions) >= _MOST_FUNCTIONS:
            _functions.clear()
        _functions[name] = func.__module__, func.__qualname__, func
    return func


def unpacked(payload: bytes) -> tuple[bytes, bytes, bool] | None:
    """Return the pickles of function and items, and whether they are one call; None if the bytes are not packed."""
    kind, name, pickle = _parts(payload)
    return (name, pickle, kind == ONE) if kind in (ONE, MAP, STARMAP) else None


def _parts(payload: bytes) -> tuple[int, bytes, bytes]:
    end = _HEADER + int.from_bytes(payload[1:_HEADER], "little")
    return payload[0], payload[_HEADER:end], payload[end:]
