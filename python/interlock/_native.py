"""Closed until somebody looks inside; open means the standard library's own code.

An object of a class made here keeps its state in the engine as long as it is closed. A program opens it, for good, by
reading or setting an attribute of its inside, by setting a hook on it, in its class or in a derived one, or by giving
it something that only the standard library has a way for. From then on its attributes are those that the standard
library's `__init__` makes, and its methods are the standard library's functions, unmodified, over our locks. See
docs/drop-in.md, and `openable.rs` for how it is done.

The standard library's functions are looked up when Interlock is imported: after `install()` the names of the
standard modules are ours.
"""

from __future__ import annotations

import copyreg
import sys
import threading as _std
from _thread import LockType as _StdLock
from _thread import RLock as _StdRLock
from importlib import import_module

from interlock._interlock import Internal, Native, RLock, Standard, allocate_lock, own_methods
from interlock._originals import changed_methods, methods_of, originals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

__all__ = ["conditions_are", "fresh", "make_native", "over_our_locks", "ways_in"]

_StdCondition: Any = originals(_std, "Condition").Condition


def make_native(
    cls: type,
    std: type,
    attributes: Callable[[Any, bool], dict[str, Any]],
    inside: Mapping[str, Callable[[Any], Any] | None],
    methods: Iterable[str],
    hooks: Iterable[str] = (),
    called: Iterable[str] = (),
    **functions: Any,
) -> None:
    """Make the objects of `cls` closed until somebody looks inside. To be called once, when the class is made.

    Args:
        cls: a class that is derived from one of the engine's and from `std`, with `ways_in` in its body.
        std: the standard library's class.
        attributes: called with an object that is opened, and whether threads wait for it; makes its attributes, as new
            as those of an object on which nothing was done. The engine fills them.
        inside: the attributes that an object of `std` has, by name, each with a function that reads it of a closed
            object, or None if reading it opens the object.
        methods: names of the engine's methods that are to be called by the interpreter's short way.
        hooks: public names that are hooks, as the private ones of `std` are.
        called: public names that the methods of `std` look up in an object and the engine's do not, unless its class is
            a derived one.
        functions: what an open object has under these names, where that is not the function of `std`.

    Does not block.
    """
    used: dict[str, Any] = {}

    def look() -> None:
        """Find the functions of `std`, once more whenever somebody has changed it."""
        found = {name: getattr(std, name) for name in methods_of(std)}
        used.update((name, what) for name, what in found.items() if not isinstance(what, property))
        used["__init__"] = over_our_locks(found["__init__"])
        used.update(functions)

    public = {name for name in dir(std) if not name.startswith("__")}
    hooks = {name for name in public if name.startswith("_") and name not in inside}.union(hooks)
    inherited = _inherited_internals(cls)
    for name, read in inside.items():
        if name not in inherited:
            setattr(cls, name, Internal(name, read))
    _keep_own(cls, std)
    standard = Standard(std, look, used, frozenset(public | inside.keys()), attributes)
    cls._interlock_standard = standard  # type: ignore[attr-defined]
    own_methods(cls, *methods)
    cls.__module__ = std.__module__
    changed = changed_methods(std)
    own = [(name, name not in changed) for name in sorted(methods_of(std))]
    standard.seal(cls, sorted(hooks | inside.keys()), sorted(called), own)


def _keep_own(cls: type, std: type) -> None:
    """Give `cls` what it inherits of the methods that `std` defines itself: changes in a base leave them alone."""
    if any("_interlock_standard" in vars(base) for base in cls.__mro__[1:]):
        for name in vars(std):
            if not name.startswith("__") and name not in vars(cls):
                setattr(cls, name, next(vars(base)[name] for base in cls.__mro__ if name in vars(base)))


def _inherited_internals(cls: type) -> set[str]:
    return {name for base in cls.__mro__ for name, what in vars(base).items() if type(what) is Internal}


def fresh(std: type, *args: Any) -> dict[str, Any]:
    """The attributes that the standard library gives a new object of its class `std`, with our locks in them."""
    made: Any = object.__new__(std)
    std.__init__(made, *args)  # type: ignore[misc]
    attributes: dict[str, Any] = made.__dict__
    names = _locks_of.get(std)
    if names is None:
        names = _locks_of[std] = _names_of_locks(attributes)
    return _with_our_locks(attributes, names)


def over_our_locks(init: Callable[..., None]) -> Callable[..., None]:
    """The standard library's `__init__`, with our locks in the place of those that it makes."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        _with_our_locks(self.__dict__, _names_of_locks(self.__dict__))

    return __init__


def _names_of_locks(attributes: dict[str, Any]) -> tuple[str, ...]:
    """Which are locks and conditions: the standard library's, or ours, which its own code makes after `install()`."""
    kinds = _StdLock, _StdRLock, _StdCondition
    return tuple(name for name, value in attributes.items() if isinstance(value, kinds))


def _with_our_locks(attributes: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Put our locks in the place of the standard library's that have these names, which nobody has used yet."""
    replaced: dict[int, Any] = {}
    for name in names:
        kind = type(attributes[name])
        # Not `==`: our types are equal to these.
        if kind is _StdLock or kind is _StdRLock or kind is _StdCondition:
            attributes[name] = _ours(attributes[name], replaced)
    return attributes


def _ours(standard: Any, replaced: dict[int, Any]) -> Any:
    if id(standard) not in replaced:
        if type(standard) is _StdCondition:
            ours = _conditions[0](_ours(vars(standard)["_lock"], replaced))
        else:
            ours = allocate_lock() if type(standard) is _StdLock else RLock()
        replaced[id(standard)] = ours
    return replaced[id(standard)]


def conditions_are(cls: Callable[[Any], Any]) -> None:
    """Say which class makes our conditions. To be called once, when that class is made."""
    _conditions.append(cls)


_conditions: list[Callable[[Any], Any]] = []
_locks_of: dict[type, tuple[str, ...]] = {}


def _reduce_ex(self: Any, protocol: int, /) -> Any:
    """What `object.__reduce_ex__` gives for an object of a class in Python: the class, and the attributes."""
    cls: Any = type(self)
    if cls.__reduce__ is not object.__reduce__:
        return self.__reduce__()
    args = self.__getnewargs__() if hasattr(self, "__getnewargs__") else ()
    make: Any = copyreg.__newobj__, (cls, *args)  # type: ignore[attr-defined]
    if "_interlock_standard" in vars(cls):
        make = _found_in_ours(cls, args) or make
    if cls.__getstate__ is not object.__getstate__:
        return *make, self.__getstate__()
    state: Any = self.__dict__ or None
    slots = {
        name: getattr(self, name)
        for name in copyreg._slotnames(cls)  # type: ignore[attr-defined]
        if hasattr(self, name)
    }
    if slots:
        state = state, slots
    return *make, state


def _found_in_ours(cls: type, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """What makes an instance of a class of ours that the standard module does not have: it is not installed."""
    std = cls.__module__
    if getattr(sys.modules.get(std), cls.__name__, None) is cls:
        return None
    for name in (f"interlock.{std}", f"interlock.{std}".rpartition(".")[0]):
        if getattr(sys.modules.get(name), cls.__name__, None) is cls:
            return _new, (name, cls.__name__, *args)
    return None


def _new(module: str, name: str, *args: Any) -> Any:
    """A new instance of a class that pickles name by where it is found."""
    cls = getattr(import_module(module), name)
    return cls.__new__(cls, *args)


ways_in: Any = (
    Native._interlock_dict,
    Native._interlock_setattr,
    Native._interlock_delattr,
    _reduce_ex,
)
"""`__dict__`, `__setattr__`, `__delattr__` and `__reduce_ex__` of a class whose objects can be opened."""
