"""Finds what `install` cannot reach: original objects in other modules' globals, and running threads.

And puts other objects there, where all has to be as if `install` had not been called.
"""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from typing import Any

__all__ = [
    "Captured",
    "find_captured",
    "replace_everywhere",
    "replace_free_locks",
    "running_threads",
]

Captured = dict[str, list[str]]


def find_captured(
    originals: Iterable[object], known: Collection[tuple[str, str]]
) -> tuple[Captured, Captured]:
    """Look through ``sys.modules`` once for globals that are one of ``originals``, by identity.

    Args:
        originals: the objects to look for; those that are not callable (plain constants) are left out.
        known: (module name, attribute) pairs that hold an original by right.

    Returns:
        Two mappings of module name to attribute names: modules outside the standard library, modules in it.

    Only module globals are seen: not class attributes, default arguments, closures or instances.
    """
    wanted: dict[int, object] = {id(obj): obj for obj in originals if callable(obj)}
    user: Captured = {}
    std: Captured = {}
    for name, module in _modules_of_others():
        holds = [attr for attr in _holders(module, wanted) if (name, attr) not in known]
        if holds:
            (std if _is_standard(name) else user)[name] = sorted(holds)
    return user, std


def replace_everywhere(pairs: Iterable[tuple[object, object]]) -> None:
    """In the globals of all modules but ours, put the second object of each pair where the first one is."""
    wanted = {id(old): (old, new) for old, new in pairs}
    for _, module in _modules_of_others():
        namespace = _namespace_of(module)
        for attribute, value in list(namespace.items()):
            if id(value) in wanted:
                namespace[attribute] = wanted[id(value)][1]


def replace_free_locks(makers: Mapping[type, Callable[[], object]]) -> None:
    """In the globals of the standard library's modules, replace locks of these types that are free by new ones."""
    by_type = {id(kind): make for kind, make in makers.items()}  # the types are equal to the standard ones
    for name, module in _modules_of_others():
        if _is_standard(name):
            namespace: dict[str, Any] = _namespace_of(module)
            for attribute, value in list(namespace.items()):
                if id(type(value)) in by_type and not value.locked():
                    namespace[attribute] = by_type[id(type(value))]()


def _modules_of_others() -> Iterator[tuple[str, ModuleType]]:
    """The modules that have been imported, each once and with its first name, without this package's."""
    seen: set[int] = set()
    modules: dict[str, object] = {**sys.modules}  # anything may stand there
    for name, module in sorted(modules.items()):
        if isinstance(module, ModuleType) and id(module) not in seen and not _is_ours(name):
            seen.add(id(module))
            yield name, module


def _namespace_of(module: ModuleType) -> dict[str, Any]:
    """A module's globals. Not by `vars()`: importlib's lazy modules would load at the sight of it."""
    namespace: dict[str, Any] = object.__getattribute__(module, "__dict__")
    return namespace


def _is_standard(name: str) -> bool:
    """Whether a module is the standard library's, by its name."""
    return name.partition(".")[0] in sys.stdlib_module_names


def _holders(module: ModuleType, wanted: dict[int, object]) -> list[str]:
    return [attr for attr, value in list(_namespace_of(module).items()) if id(value) in wanted]


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] == __name__.partition(".")[0]


def running_threads() -> tuple[str, ...]:
    """Names of the running threads, without the main thread and the calling one. Does not block for long.

    While `threading` has not been imported (it is not, for this) there are none: only it starts threads with names.
    """
    threading: Any = sys.modules.get("threading")
    if threading is None:
        return ()
    me = threading.get_ident()
    main = threading.main_thread()
    return tuple(t.name for t in threading.enumerate() if t is not main and t.ident != me)
