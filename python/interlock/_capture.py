"""Finds what `install` cannot reach: original objects in other modules' globals, and running threads."""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

__all__ = ["Captured", "find_captured", "running_threads"]

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
    seen: set[int] = set()
    modules: dict[str, object] = {**sys.modules}  # anything may stand there
    for name, module in sorted(modules.items()):
        if not isinstance(module, ModuleType) or id(module) in seen or _is_ours(name):
            continue
        seen.add(id(module))
        holds = [attr for attr in _holders(module, wanted) if (name, attr) not in known]
        if holds:
            in_std = name.partition(".")[0] in sys.stdlib_module_names
            (std if in_std else user)[name] = sorted(holds)
    return user, std


def _holders(module: ModuleType, wanted: dict[int, object]) -> list[str]:
    # Not vars(): importlib's lazy modules would load at the sight of it.
    namespace = object.__getattribute__(module, "__dict__")
    return [attr for attr, value in list(namespace.items()) if id(value) in wanted]


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
