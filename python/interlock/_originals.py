"""The standard library's own classes, and changes that other code made to them before Interlock was imported.

Agents that start before the program (`ddtrace-run`, `opentelemetry-instrument`, a ``sitecustomize``) wrap methods of
the standard classes, or replace a class. Both continue to have effect. An object of a class with a wrapped method is
materialized, so that it calls the wrapper (`_native_classes.py`). A replaced name keeps its replacement
(`_install.py`), and our classes derive from the original class of that name.
"""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["is_original", "line_of_warning", "methods_of", "originals", "standing_at", "warning_as"]

_HOMES = frozenset(
    {
        "_queue",
        "_thread",
        "concurrent.futures._base",
        "concurrent.futures.process",
        "concurrent.futures.thread",
        "multiprocessing.connection",
        "multiprocessing.dummy",
        "multiprocessing.dummy.connection",
        "multiprocessing.forkserver",
        "multiprocessing.managers",
        "multiprocessing.pool",
        "multiprocessing.popen_fork",
        "multiprocessing.popen_forkserver",
        "multiprocessing.popen_spawn_posix",
        "multiprocessing.queues",
        "multiprocessing.reduction",
        "multiprocessing.shared_memory",
        "multiprocessing.sharedctypes",
        "multiprocessing.synchronize",
        "queue",
        "subprocess",
        "threading",
    }
)
"""The modules that define what Interlock replaces."""


def is_original(what: object) -> bool:
    """Whether a class, a function, a method of an object or an object of a class is the standard library's own."""
    if isinstance(what, MethodType):
        return is_original(what.__func__)
    if isinstance(what, FunctionType):
        home = what.__globals__.get("__name__")
        # An agent that wraps a function by changing its code adds a constant to the code or attributes to the function.
        as_compiled = not (what.__dict__ or any(map(callable, what.__code__.co_consts)))
        return home in _HOMES and vars(sys.modules[home]) is what.__globals__ and as_compiled
    if not isinstance(what, (type, BuiltinFunctionType)):
        what = type(what)
    return what.__module__ in _HOMES


def originals(module: ModuleType, *names: str) -> Any:
    """Return `module` with its original classes under these names, even where an agent has replaced them.

    Raises ImportError if a class was replaced and the original can't be found.
    """
    replaced = [name for name in names if not is_original(getattr(module, name))]
    return (
        _Originals(module, {name: _find(module.__name__, name) for name in replaced}) if replaced else module
    )


class _Originals(SimpleNamespace):
    """A module with other classes under some names. Every other name is looked up in the module on access."""

    def __init__(self, module: ModuleType, classes: dict[str, type]) -> None:
        super().__init__(_interlock_module=module, **classes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._interlock_module, name)


def _find(module: str, name: str) -> type:
    """Find the class of this name that a module defined, among all existing classes."""
    classes: list[type] = [object]
    for cls in classes:
        if cls.__module__ == module and cls.__qualname__ == name:
            return cls
        classes += type.__subclasses__(cls)
    raise ImportError(
        f"somebody has replaced {module}.{name}, and the class itself can't be found", name=module
    )


def methods_of(std: type) -> dict[str, bool]:
    """Return the methods and properties of a standard class, inherited ones too, except those of `object`.

    Each name comes with whether that method is still the standard library's own.
    """
    kinds = FunctionType, staticmethod, classmethod, property
    methods: dict[str, bool] = {}
    for cls in reversed(std.__mro__[:-1]):
        for name, what in vars(cls).items():
            unchanged = _is_unchanged(what)
            if name in methods or not unchanged or isinstance(what, kinds):
                methods[name] = unchanged
    return methods


def _is_unchanged(what: Any) -> bool:
    if isinstance(what, property):
        return all(map(_is_unchanged, (what.fget, what.fset, what.fdel)))
    if isinstance(what, (staticmethod, classmethod)):
        what = what.__func__
    if isinstance(what, FunctionType):
        return is_original(what)
    return not callable(what) or (type(what).__module__ == "builtins" and not isinstance(what, MethodType))


def standing_at(code: CodeType, place: Any, line: int | None = None) -> CodeType:
    """Give code the position of a standard function: tracebacks and warnings name that line, or its first one."""
    units = len(code.co_code) // 2
    there = place.__code__
    # Entries without columns, each for at most 8 units of code, all on the same line.
    table = bytearray()
    for done in range(0, units, 8):
        table += bytes((0xE8 | min(8, units - done) - 1, 0))
    if line is not None and 0 < line - there.co_firstlineno < 32:
        table[1] = (line - there.co_firstlineno) << 1  # the entry's distance from the first line
    return code.replace(
        co_filename=there.co_filename,
        co_firstlineno=there.co_firstlineno,
        co_linetable=bytes(table),
        co_qualname=there.co_qualname,
    )


def warning_as(function: Any, place: Any, line: int | None = None) -> Any:
    """Return a function that warns from the module and the line where a standard one does: filters may name these.

    Its name and its global names are those of the standard one. `line`: if None, the function's first. If an agent has
    wrapped the standard function, returns the function.
    """
    if not is_original(place):
        return function
    moved = FunctionType(
        standing_at(function.__code__, place, line),
        place.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    moved.__qualname__, moved.__doc__ = place.__qualname__, function.__doc__
    return moved


def line_of_warning(finalizer: Any, **attributes: Any) -> int | None:
    """Return the line where a standard ``__del__(self, _warn)`` warns about an object with these attributes."""
    lines: list[int] = []

    def warn(*_: object, **__: object) -> None:
        lines.append(sys._getframe(1).f_lineno)

    if is_original(finalizer):
        finalizer(SimpleNamespace(**attributes), warn)
    return lines[0] if lines else None
