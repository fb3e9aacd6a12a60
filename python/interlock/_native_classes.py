"""Native objects keep their state in the engine; materialized ones run the standard library's own code.

An object of a class made here is native at first. A program materializes it, for good, when it reads or sets one of its
internal attributes, sets a hook on the object, its class or a derived class, or gives it something that only the
standard library's code can handle. From then on the object has the attributes that the standard library's `__init__`
makes, and its methods are the standard library's functions, unmodified, over our locks. See docs/drop-in.md, and
`materialize.rs` for the implementation.

Interlock looks the standard library's functions up when it is imported: after `install()` the names of the standard
modules are ours.
"""

from __future__ import annotations

import sys
import threading as _std
from _thread import LockType as _StdLock
from _thread import RLock as _StdRLock

from interlock._interlock import Internal, Native, RLock, Standard, allocate_lock, own_methods
from interlock._originals import is_original, methods_of, originals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

__all__ = ["conditions_are", "fresh", "make_native", "over_our_locks", "ways_in"]

_StdCondition: Any = originals(_std, "Condition").Condition
_object_reduce: Any = object.__reduce__


def make_native(
    cls: type,
    std: type,
    attributes: Callable[[Any, bool], dict[str, Any]],
    inside: Mapping[str, Callable[[Any], Any] | None],
    methods: Iterable[str],
    hooks: Iterable[str] = (),
    called: Iterable[str] = (),
    descriptors: Mapping[str, Any] | None = None,
    **functions: Any,
) -> None:
    """Make the objects of `cls` native until code looks inside. Call it once, right after defining the class.

    Args:
        cls: a class derived from one of the engine's classes and from `std`, with `ways_in` in its body.
        std: the standard library's class.
        attributes: called with an object that is being materialized, and whether threads wait for it; makes the
            attributes of a new, unused object. The engine fills them.
        inside: the attributes that an object of `std` has, by name, each with a function that reads it from a native
            object, or None if reading it materializes the object.
        methods: names of the engine's methods that the interpreter should call by its fast path.
        hooks: public names that are hooks, as the private ones of `std` are.
        called: public names that the methods of `std` look up on the object. The engine's methods look them up only if
            the object's class is a derived one.
        descriptors: further attributes that an object of `std` has, each with the class attribute that reads it.
        functions: functions of a materialized object that replace those of `std` with these names.

    Does not block.
    """
    used: dict[str, Any] = {}
    own = methods_of(std)

    def look() -> None:
        """Look up the functions of `std`. The engine calls this again whenever the class has changed."""
        found = {name: getattr(std, name) for name in own if hasattr(std, name)}
        for name, what in found.items():
            if isinstance(what, property):
                used[f"_interlock_get_{name}"] = what.fget
            else:
                used[name] = what
        used["__init__"] = over_our_locks(found["__init__"], std)
        used.update(functions)

    public = {name for name in dir(std) if not name.startswith("__")}
    made: dict[str, Any] = {name: Internal(name, read) for name, read in inside.items()}
    made.update(descriptors or {})
    hooks = {name for name in public if name.startswith("_") and name not in made}.union(hooks)
    inherited = _inherited_internals(cls)
    for name, descriptor in made.items():
        if name not in inherited:
            setattr(cls, name, descriptor)
    _keep_own(cls, std)
    if std.__reduce__ is _object_reduce:
        cls.__reduce__ = _reduce  # type: ignore[method-assign, assignment]
    standard = Standard(std, look, used, frozenset(public | made.keys()), attributes)
    cls._interlock_standard = standard  # type: ignore[attr-defined]
    own_methods(cls, *methods)
    cls.__module__ = std.__module__
    standard.seal(cls, sorted(hooks | made.keys()), sorted(called), sorted(own.items()))


def _keep_own(cls: type, std: type) -> None:
    """Copy the inherited methods that `std` defines itself into `cls`, so that changes in a base do not affect them."""
    if any("_interlock_standard" in vars(base) for base in cls.__mro__[1:]):
        for name in vars(std):
            if not name.startswith("__") and name not in vars(cls):
                setattr(cls, name, next(vars(base)[name] for base in cls.__mro__ if name in vars(base)))


def _inherited_internals(cls: type) -> set[str]:
    return {name for base in cls.__mro__ for name, what in vars(base).items() if type(what) is Internal}


def fresh(std: type, *args: Any) -> dict[str, Any]:
    """Return the attributes that the standard library gives a new object of its class `std`, with our locks."""
    made: Any = object.__new__(std)
    std.__init__(made, *args)  # type: ignore[misc]
    attributes: dict[str, Any] = made.__dict__
    names = _locks_of.get(std)
    if names is None:
        names = _locks_of[std] = _names_of_locks(attributes)
    return _with_our_locks(attributes, names)


def over_our_locks(init: Callable[..., None], std: type) -> Callable[..., None]:
    """Return the `__init__` of the standard library's class `std` with our locks instead of those that it makes."""
    names: list[str] = []

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if not names:
            names.extend(_set_by_init(std))
        # Not from its `__dict__`, if we know the names: after that is made, the interpreter finds attributes more
        # slowly.
        made = {name: getattr(self, name, None) for name in names or self.__dict__}
        ours = _with_our_locks(made.copy(), _names_of_locks(made))
        for name, value in ours.items():
            if value is not made[name]:
                object.__setattr__(self, name, value)

    return __init__


def _set_by_init(std: type) -> dict[str, None]:
    """Return the names of the attributes that `__init__` of a class sets; none if it has been changed."""
    from opcode import opmap

    inits = [vars(base)["__init__"] for base in std.__mro__[:-1] if "__init__" in vars(base)]
    if not all(map(is_original, inits)):
        return {}
    codes = [init.__code__ for init in inits]
    return {
        code.co_names[name]: None
        for code in codes
        for step, name in zip(code.co_code[::2], code.co_code[1::2], strict=True)
        if step == opmap["STORE_ATTR"]
    }


def _names_of_locks(attributes: dict[str, Any]) -> tuple[str, ...]:
    """Names of the attributes that are locks and conditions, including ours, which `std` makes after `install()`."""
    kinds = _StdLock, _StdRLock, _StdCondition
    return tuple(name for name, value in attributes.items() if isinstance(value, kinds))


def _with_our_locks(attributes: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Replace the standard library's locks under these names, which are still unused, with ours."""
    replaced: dict[int, Any] = {}
    for name in names:
        kind = type(attributes[name])
        # Not `==`, because our types are equal to the standard ones.
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
    """Set the class that makes our conditions. Call it once, right after defining that class."""
    _conditions.append(cls)


_conditions: list[Callable[[Any], Any]] = []
_locks_of: dict[type, tuple[str, ...]] = {}


def _reduce_ex(self: Any, protocol: int, /) -> Any:
    """Return what the class's own `__reduce__` returns, if it has one, and otherwise the class and the attributes."""
    own: Any = type(self).__reduce__
    return _reduce(self) if own is _reduce or own is _object_reduce else self.__reduce__()


def _reduce(self: Any, /) -> Any:
    """Return what `object.__reduce_ex__` returns for an object of a class in Python: the class and the attributes.

    It does so for every protocol. The form of the first two makes the object by `object.__new__`, which refuses classes
    of an extension module.
    """
    import copyreg

    cls: Any = type(self)
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
    """Return how to make an instance of a class of ours, or None if the standard module has it (it is installed)."""
    std = cls.__module__
    if getattr(sys.modules.get(std), cls.__name__, None) is cls:
        return None
    for name in (f"interlock.{std}", f"interlock.{std}".rpartition(".")[0]):
        if getattr(sys.modules.get(name), cls.__name__, None) is cls:
            return _new, (name, cls.__name__, *args)
    return None


def _new(module: str, name: str, *args: Any) -> Any:
    """Make an instance of a class that a pickle names by module and name."""
    from importlib import import_module

    cls = getattr(import_module(module), name)
    return cls.__new__(cls, *args)


ways_in: Any = (
    Native._interlock_dict,
    Native._interlock_setattr,
    Native._interlock_delattr,
    _reduce_ex,
)
"""`__dict__`, `__setattr__`, `__delattr__` and `__reduce_ex__` of a class whose objects can be materialized."""
