"""Whole standard modules under Interlock's names.

`mirror` turns a module of this package into a view of a standard module with some names replaced. The replaced names
live here. Reading, writing or deleting any other attribute, public or private, acts on the standard module, so there
is one state: `threading._active`, `threading.excepthook` or a name that a test patches is the same under both names.

There are files only for modules with replaced names and for the top of each package. A finder at the end of
``sys.meta_path`` provides the other submodules (``interlock.multiprocessing.queues``, …). It binds the name of a plain
module to the standard module itself, and mirrors a subpackage, so that the import system never runs standard code a
second time under a second name. Python finds a file of ours before it asks the finder, so to replace names of another
submodule, add its file.

Reading a mirrored name costs one descriptor in C. The hook for missing names is written in Python and runs only for
names that the standard module got later.
"""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType

from interlock._subinterpreter import in_subinterpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from typing import Any

__all__ = ["mirror"]

if in_subinterpreter():
    from operator import attrgetter

    def _attribute_of(std: ModuleType, attribute: str) -> Any:
        return property(attrgetter(f"__interlock_std__.{attribute}"))

else:
    from interlock._interlock import Mirrored

    _attribute_of: Callable[[ModuleType, str], Any] = Mirrored  # type: ignore[no-redef]

# Attributes of the module itself; they are never read from the standard module.
_MACHINERY = frozenset(
    {
        "__all__",
        "__annotate__",
        "__annotations__",
        "__builtins__",
        "__cached__",
        "__class__",
        "__conditional_annotations__",
        "__dict__",
        "__dir__",
        "__doc__",
        "__file__",
        "__getattr__",
        "__loader__",
        "__name__",
        "__package__",
        "__path__",
        "__replaces__",
        "__spec__",
        "__warningregistry__",
    }
)

_mirrored_packages: dict[str, str] = {}  # our name -> the standard library's


def mirror(
    name: str, std: ModuleType, own: Iterable[str] = (), later: Mapping[str, str] | None = None
) -> None:
    """Make the module ``name`` a view of ``std`` with its own versions of the names in ``own``.

    Call it as the last statement of the module: ``mirror(__name__, _std, own=__replaces__)``. Afterwards

    * reading, writing and deleting a name in ``own`` affects this module only;
    * reading, writing and deleting any other attribute acts on the standard module (helpers defined in
      the module stay visible to its own functions, and as attributes if ``std`` has no such name);
    * ``__all__`` is the standard module's list, plus the public names of ``own`` that the standard module lacks. Names
      in ``later`` are not in it: CPython's tests look up its names in ``vars()``;
    * the functions and classes in ``own`` have no annotations, as the standard ones have none. Our annotations name
      types that only a checker loads, so `typing.get_type_hints()` would raise NameError;
    * ``dir()`` lists the standard module's names and ``own``; ``vars()`` has only this module's attributes.

    Args:
        name: the module's ``__name__``; it is in ``sys.modules``.
        std: the standard module.
        own: the replaced names; the module has defined all of them by now.
        later: more names, each with our module that defines it and is imported when the name is first read.

    Raises:
        NameError: a name in ``own`` is not defined in the module.

    Does not block.
    """
    module = sys.modules[name]
    names = frozenset(own)
    undefined = sorted(names - vars(module).keys())
    if undefined:
        raise NameError(f"{name} declares {', '.join(undefined)} as its own and does not define it")
    namespace = vars(module)
    if "__path__" in namespace:
        namespace["__file__"] = std.__file__  # programs look for the package's modules beside it
        _mirrored_packages[name] = std.__name__
        if _Finder not in sys.meta_path:
            sys.meta_path.append(_Finder)
    public = getattr(std, "__all__", None)
    public = [n for n in dir(std) if n[0] != "_"] if public is None else list(public)
    new = [n for n in names.difference(public) if n[0] != "_"]
    namespace["__all__"] = public + sorted(n for n in new if not hasattr(std, n))
    later = later or {}
    names |= later.keys()
    for attribute in own:
        _forget_annotations(namespace[attribute])
    namespace["__getattr__"] = _reader(name, std, names, later)
    module.__class__ = _mirror_class(name, std, names)


def _forget_annotations(what: Any) -> None:
    """Remove the annotations of a function, or of a class and its bases, that are defined in this package."""
    if not isinstance(what, type):
        what = getattr(what, "__func__", what)
        if type(what) is FunctionType and what.__globals__.get("__name__", "").startswith("interlock."):
            del what.__annotations__
        return
    for cls in what.__mro__:
        if cls is not what and (cls in _unannotated or not cls.__module__.startswith("interlock.")):
            continue
        _unannotated.add(cls)
        names = vars(cls)
        if not _ANNOTATIONS.isdisjoint(names):
            del cls.__annotations__
            for name in _ANNOTATIONS.intersection(names):  # 3.14 leaves the functions that compute them
                delattr(cls, name)
        for part in [*names.values()]:
            function = part
            if type(part) in _WRAPPERS:
                function = part.fget if type(part) is property else part.__func__
            if type(function) is FunctionType:
                del function.__annotations__


_ANNOTATIONS = frozenset({"__annotations__", "__annotate_func__", "__annotations_cache__"})
_WRAPPERS = frozenset({classmethod, property, staticmethod})
_unannotated: set[type] = set()


def _reader(name: str, std: ModuleType, own: frozenset[str], later: Mapping[str, str]) -> Any:
    """The module's ``__getattr__``, for names that are neither in the module nor in its class."""

    def __getattr__(attribute: str) -> Any:
        if attribute in later:
            value = getattr(_import(later[attribute]), attribute)
            _forget_annotations(value)
            vars(sys.modules[name])[attribute] = value
            return value
        if attribute in own or attribute in _MACHINERY:
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        value = getattr(std, attribute)
        if name in _mirrored_packages and _is_submodule(std.__name__, attribute, value):
            return _import(f"{name}.{attribute}")
        return value

    return __getattr__


def _mirror_class(name: str, std: ModuleType, own: frozenset[str]) -> type[ModuleType]:
    """A module class for this one module; attributes that the module does not own are those of ``std``."""
    local = set(own)  # and the submodules that are not the standard library's

    class Mirror(ModuleType):
        __interlock_std__ = std
        vars().update(_properties(std, own))  # here, because setting attributes on a finished class is slow

        def __setattr__(self, attribute: str, value: object) -> None:
            if _is_submodule(name, attribute, value) and not _is_submodule(std.__name__, attribute, value):
                local.add(attribute)
            if attribute in local or attribute in _MACHINERY:
                super().__setattr__(attribute, value)
            else:
                setattr(std, attribute, value)

        def __delattr__(self, attribute: str) -> None:
            if attribute in local or attribute in _MACHINERY:
                super().__delattr__(attribute)
            else:
                delattr(std, attribute)

        def __dir__(self) -> list[str]:
            return sorted({*dir(std), *own, *(n for n in vars(self) if n in _MACHINERY)})

    return Mirror


def _properties(std: ModuleType, own: frozenset[str]) -> dict[str, Any]:
    """Return a descriptor for each attribute except the mirror's own and submodules, which the reader imports."""
    return {
        attribute: _attribute_of(std, attribute)
        for attribute, value in vars(std).items()
        if not (attribute in own or attribute in _MACHINERY or _is_submodule(std.__name__, attribute, value))
    }


def _import(name: str) -> ModuleType:
    __import__(name)
    return sys.modules[name]


def _is_submodule(package: str, attribute: str, value: object) -> bool:
    return isinstance(value, ModuleType) and sys.modules.get(f"{package}.{attribute}") is value


class _Finder:
    """Finds the submodules of mirrored packages that have no file of ours."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        parent, _, child = fullname.rpartition(".")
        if parent not in _mirrored_packages:
            return None
        from importlib.machinery import ModuleSpec
        from importlib.util import find_spec

        std_name = f"{_mirrored_packages[parent]}.{child}"
        found = find_spec(std_name)
        if found is None:
            return None
        is_package = found.submodule_search_locations is not None
        loader: Any = _Loader(std_name)
        return ModuleSpec(fullname, loader, origin=found.origin, is_package=is_package)


class _Loader:
    """Loads ``interlock.X`` for a standard ``X``: the same module, or a mirror of a package."""

    def __init__(self, std_name: str) -> None:
        self.std_name = std_name

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        std = _import(self.std_name)
        if hasattr(module, "__path__"):
            module.__doc__ = std.__doc__
            mirror(module.__name__, std)
        else:
            # The import system afterwards takes the module that it finds here, and leaves std.__spec__ alone.
            sys.modules[module.__name__] = std
