"""Tasks as bytes: the function is pickled once for many tasks, and a worker unpickles it once.

This applies to functions and classes that are pickled by name. Pickling them takes most of the time of a short task.
Any other task is an ordinary pickle.
"""

from __future__ import annotations

import concurrent.futures.process  # noqa: F401  first: after `install()`, our module is imported with it
import sys
from multiprocessing.pool import mapstar, starmapstar  # type: ignore[attr-defined]
from pickle import dumps as _plainly
from types import BuiltinFunctionType, FunctionType, ModuleType, NoneType
from typing import NamedTuple

from interlock._multiprocessing_pool.unpacking import MAP, ONE, STARMAP
from interlock._worker_process.payload import placed, read_only
from interlock._worker_process.transport import dump_call
from interlock.multiprocessing._pickling import QUEUES, dump
from interlock.multiprocessing._pickling import packed as dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Packer", "Wants", "dump_task"]

_LONGEST = 4096
_ATOMS = frozenset({bool, float, int, str, NoneType})
"""Types that need no reducer: the plain pickler does the same for them, and is faster."""
_modules = sys.modules


class Wants(NamedTuple):
    """Settings for the pickles of tasks: the place where the task is submitted, or None, and read-only buffers."""

    place: str | None
    read_only: bool


def dump_task(func: Callable[..., Any], args: Any, kwds: Any, wants: Wants | None = None) -> Any:
    """Pickle a call. Raises what the pickler raises."""
    if wants is None:
        return dump_call(func, tuple(args), dict(kwds))
    func = func if wants.place is None else placed(func, wants.place)
    payload = dump_call(func, tuple(args), dict(kwds))
    return read_only(payload) if wants.read_only else payload


def _is_named(func: Any) -> bool:
    kind = type(func)
    if kind is BuiltinFunctionType:
        return type(func.__self__) is ModuleType
    # Functions and classes of the main module of an interactive session are pickled by value.
    return (kind is FunctionType or kind is type) and (
        func.__module__ != "__main__" or hasattr(_modules["__main__"], "__file__")
    )


class Packer:
    """Makes the payloads of tasks that call the same function: of one item each, or of chunks."""

    def __init__(self, func: Callable[..., Any], mapper: Any = None, wants: Wants | None = None) -> None:
        """Make the packer of ``func(*args)``, or, with a mapper, of ``mapper((func, items))``."""
        self.func, self._mapper = func, mapper
        self._prefix: bytes | None = None
        self._wants = wants
        if wants is not None:
            return
        kind = {None: ONE, mapstar: MAP, starmapstar: STARMAP}.get(mapper)
        if kind is not None and _is_named(func):
            try:
                name = dumps(func)
            except Exception:
                return
            if len(name) < _LONGEST:
                self._prefix = bytes([kind]) + len(name).to_bytes(2, "little") + name

    @property
    def is_named(self) -> bool:
        """Whether the function is pickled by its name."""
        return self._prefix is not None

    def pack(self, items: tuple[Any, ...]) -> tuple[Any, bool]:
        """Return the payload for these arguments, and whether it is packed. Raises what the pickler raises."""
        if self._prefix is not None:
            pickle = _plainly(items) if _ATOMS.issuperset(map(type, items)) else _dumped(items)
            if pickle is not None:
                return self._prefix + pickle, True
        if self._mapper is None:
            return dump_task(self.func, items, {}, self._wants), False
        return dump_task(self._mapper, ((self.func, items),), {}, self._wants), False


def _dumped(items: tuple[Any, ...]) -> bytes | None:
    """Pickle items. Returns None if that fails, or if buffers have to travel beside the pickle."""
    try:
        pickle = dump(items, QUEUES)
    except Exception:
        return None  # the caller pickles the call as a whole, whose error has notes
    return pickle if type(pickle) is bytes else None
