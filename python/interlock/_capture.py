"""Finds what `install` cannot reach: original objects in other modules' globals, and running threads.

It also puts objects back into those globals when Interlock has to undo everything that `install` did.
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
    """Search ``sys.modules`` once for globals that are identical to one of ``originals``.

    Args:
        originals: the objects to look for; the search ignores those that are not callable (plain constants).
        known: (module name, attribute) pairs that are supposed to hold an original.

    Returns:
        Two mappings of module name to attribute names: modules outside the standard library, modules in it.

    It searches module globals only, not class attributes, default arguments, closures or instances.
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
    """In the globals of all modules but ours, replace the first object of each pair with the second."""
    wanted = {id(old): (old, new) for old, new in pairs}
    for _, module in _modules_of_others():
        namespace = _namespace_of(module)
        for attribute, value in list(namespace.items()):
            if id(value) in wanted:
                namespace[attribute] = wanted[id(value)][1]


def replace_free_locks(makers: Mapping[type, Callable[[], object]]) -> None:
    """In the globals of the standard library's modules, replace unlocked locks of these types with new ones."""
    by_type = {id(kind): make for kind, make in makers.items()}  # the types are equal to the standard ones
    for name, module in _modules_of_others():
        if _is_standard(name):
            namespace: dict[str, Any] = _namespace_of(module)
            for attribute, value in list(namespace.items()):
                if id(type(value)) in by_type and not value.locked():
                    namespace[attribute] = by_type[id(type(value))]()


def _modules_of_others() -> Iterator[tuple[str, ModuleType]]:
    """Yield every imported module outside this package once, with the first name it is known by."""
    seen: set[int] = set()
    modules: dict[str, object] = {**sys.modules}  # programs may put any object there
    for name, module in sorted(modules.items()):
        if isinstance(module, ModuleType) and id(module) not in seen and not _is_ours(name):
            seen.add(id(module))
            yield name, module


def _namespace_of(module: ModuleType) -> dict[str, Any]:
    """Return a module's globals, without `vars()`, which would make importlib's lazy modules load."""
    namespace: dict[str, Any] = object.__getattribute__(module, "__dict__")
    return namespace


def _is_standard(name: str) -> bool:
    """Whether the module with this name belongs to the standard library."""
    return name.partition(".")[0] in sys.stdlib_module_names


def _holders(module: ModuleType, wanted: dict[int, object]) -> list[str]:
    return [attr for attr, value in list(_namespace_of(module).items()) if id(value) in wanted]


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] == __name__.partition(".")[0]


def running_threads() -> tuple[str, ...]:
    """Names of the running threads, without the main thread and the calling one. Does not block for long.

    The result is empty if `threading` has not been imported yet (this function does not import it): only `threading`
    starts threads with names.
    """
    threading: Any = sys.modules.get("threading")
    if threading is None:
        return ()
    me = threading.get_ident()
    main = threading.main_thread()
    return tuple(t.name for t in threading.enumerate() if t is not main and t.ident != me)
