"""`Value`, `Array`, `RawValue` and `RawArray`: `ctypes` objects in the memory that processes share."""

from __future__ import annotations

import ctypes
import sys
from multiprocessing import context, sharedctypes
from types import FunctionType, SimpleNamespace
from weakref import WeakKeyDictionary

from interlock._interlock import (
    SharedArray,
    SharedAttribute,
    SharedNumber,
    SharedStorage,
    SharedValue,
    own_methods,
)
from interlock._originals import originals
from interlock.multiprocessing._chosen import context_of
from interlock.multiprocessing._family import hand, home
from interlock.multiprocessing._locks import BoundedSemaphore, Lock, RLock, Semaphore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interlock._interlock import Family

_std: Any = originals(
    sharedctypes, "SynchronizedBase", "Synchronized", "SynchronizedArray", "SynchronizedString"
)

__all__ = [
    "Array",
    "RawArray",
    "RawValue",
    "Synchronized",
    "SynchronizedArray",
    "SynchronizedBase",
    "SynchronizedString",
    "Value",
    "copy",
    "make_property",
    "synchronized",
]

_NUMBERS = frozenset(_std.typecode_to_type.values()) - {ctypes.c_char, ctypes.c_wchar}
_OWN_LOCKS = (Lock, RLock, Semaphore, BoundedSemaphore)


class Storage(SharedStorage):
    """The memory of a `ctypes` object, as the standard `heap.BufferWrapper` is."""

    __slots__ = ()

    def __init__(self, size: int) -> None:
        if size < 0:
            raise ValueError(f"Size {size:n} out of range")
        if sys.maxsize <= size:
            raise OverflowError(f"Size {size:n} too large")
        self._interlock_begin(home(), size)

    def create_memoryview(self) -> memoryview:
        """Return a view of the bytes. The memory lives at least as long as any view of it."""
        return memoryview(self)

    def __getstate__(self) -> tuple[Any, int]:
        context.assert_spawning(self)
        return hand(self._interlock_handle(), context.get_spawning_popen())

    def __setstate__(self, state: tuple[Family, int]) -> None:
        self._interlock_open(*state)


# The class of a new array takes its `__module__` from these globals.
_times: Any = FunctionType((lambda type_, size: type_ * size).__code__, {"__name__": _std.__name__})


# Makes an object of a `ctypes` type with zero bytes. The errors of this function differ from version to version.
_new_value: Any = FunctionType(
    _std._new_value.__code__, {**vars(sharedctypes), "heap": SimpleNamespace(BufferWrapper=Storage)}
)


def RawValue(typecode_or_type: Any, *args: Any) -> Any:
    """Return a `ctypes` object in shared memory."""
    obj = _new_value(_std.typecode_to_type.get(typecode_or_type, typecode_or_type))
    obj.__init__(*args)
    return obj


def RawArray(typecode_or_type: Any, size_or_initializer: Any) -> Any:
    """Return a `ctypes` array in shared memory."""
    type_ = _std.typecode_to_type.get(typecode_or_type, typecode_or_type)
    if isinstance(size_or_initializer, int):
        return _new_value(_times(type_, size_or_initializer))
    array = _new_value(_times(type_, len(size_or_initializer)))
    array.__init__(*size_or_initializer)
    return array


def Value(typecode_or_type: Any, *args: Any, lock: Any = True, ctx: Any = None) -> Any:
    """Return a `ctypes` object in shared memory, behind a wrapper with a lock unless `lock` is False."""
    return _locked(RawValue(typecode_or_type, *args), lock, ctx)


def Array(typecode_or_type: Any, size_or_initializer: Any, *, lock: Any = True, ctx: Any = None) -> Any:
    """Return a `ctypes` array in shared memory, behind a wrapper with a lock unless `lock` is False."""
    return _locked(RawArray(typecode_or_type, size_or_initializer), lock, ctx)


def _locked(obj: Any, lock: Any, ctx: Any) -> Any:
    if lock is False:
        return obj
    ctx = ctx or context_of()
    if lock in (True, None):
        lock = ctx.RLock()
    if not hasattr(lock, "acquire"):
        raise AttributeError(f"{lock!r} has no method 'acquire'")
    return synchronized(obj, lock, ctx=ctx)


def copy(obj: Any) -> Any:
    """Return a copy of a `ctypes` object, in shared memory."""
    new = _new_value(type(obj))
    ctypes.pointer(new)[0] = obj
    return new


def synchronized(obj: Any, lock: Any = None, ctx: Any = None) -> Any:
    """Return a wrapper with a lock for a `ctypes` object."""
    assert not isinstance(obj, _std.SynchronizedBase), "object already synchronized"
    ctx = ctx or context_of()
    if isinstance(obj, ctypes._SimpleCData):
        return Synchronized(obj, lock, ctx)
    if isinstance(obj, ctypes.Array):
        if obj._type_ is ctypes.c_char:
            return SynchronizedString(obj, lock, ctx)
        return SynchronizedArray(obj, lock, ctx)
    return _wrapper_of(type(obj))(obj, lock, ctx)


def _wrapper_of(structure: Any) -> Any:
    """Return the class of wrappers for a class of structures: it has an attribute for each field."""
    wrapper = _wrappers.get(structure)
    if wrapper is None:
        fields: dict[str, Any] = {field[0]: SharedAttribute(field[0]) for field in structure._fields_}
        fields["__module__"] = SynchronizedBase.__module__
        wrapper = _wrappers[structure] = type(
            f"Synchronized{structure.__name__}", (SynchronizedBase,), fields
        )
    return wrapper


_wrappers: WeakKeyDictionary[Any, type[SynchronizedBase]] = WeakKeyDictionary()


def make_property(name: str) -> Any:
    """Return an attribute of wrappers that is the object's, under the lock."""
    return SharedAttribute(name)


class SynchronizedBase(SharedValue, _std.SynchronizedBase):  # type: ignore[misc]
    """A `ctypes` object in shared memory, and its lock."""

    def __init__(self, obj: Any, lock: Any = None, ctx: Any = None) -> None:
        """Wrap an object. Makes a lock if none is given."""
        # No attributes here: the interpreter finds methods faster as long as an object has no dictionary.
        lock = lock or (ctx or context_of()).RLock()
        self._interlock_begin(obj, lock, type(lock) in _OWN_LOCKS)

    def __reduce__(self) -> tuple[Any, ...]:
        context.assert_spawning(self)
        return synchronized, (self._obj, self._lock)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} wrapper for {self._obj}>"


class Synchronized(SharedNumber, SynchronizedBase, _std.Synchronized):  # type: ignore[misc]
    """A simple `ctypes` object in shared memory, and its lock."""

    def __init__(self, obj: Any, lock: Any = None, ctx: Any = None) -> None:
        """Wrap an object. Makes a lock if none is given."""
        super().__init__(obj, lock, ctx)
        storage = getattr(obj, "_wrapper", None)
        # The engine reads and writes numbers in place. `ctypes` does everything else.
        if type(obj) in _NUMBERS and type(storage) is Storage:
            self._interlock_number(storage, obj._type_)


class SynchronizedArray(SharedArray, SynchronizedBase, _std.SynchronizedArray):  # type: ignore[misc]
    """A `ctypes` array in shared memory, and its lock."""


class SynchronizedString(SynchronizedArray, _std.SynchronizedString):  # type: ignore[misc]
    """A `ctypes` array of characters in shared memory, and its lock."""

    value = SharedAttribute("value")
    raw = SharedAttribute("raw")


for _class in (
    SynchronizedString,
    SynchronizedArray,
    Synchronized,
    SynchronizedBase,
):  # derived classes first
    own_methods(_class, "acquire", "get_lock", "release", "__enter__", "__exit__")
