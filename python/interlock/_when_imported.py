"""Runs something when a module has been imported, without importing it."""

from __future__ import annotations

import importlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["WhenImported"]


class WhenImported:
    """Calls ``then()`` once after the module ``name`` was imported: now, if it has been already.

    Until then the object stands first on ``sys.meta_path``, where it lets the other finders find the module
    and asks its loader to report. The module and its ``__spec__`` stay the ordinary ones.
    """

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self._name = name
        self._then = then

    def start(self) -> None:
        """Watch, or call ``then`` if the module is there."""
        if self._name in sys.modules:
            importlib.import_module(self._name)  # waits for the thread that is still importing it
            self._then()
        else:
            sys.meta_path.insert(0, self)

    def cancel(self) -> None:
        """Stop watching. Nothing happens if the module has been seen."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the watched module through the other finders (import system protocol)."""
        if fullname != self._name:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                self._tell_after_loading(spec)
                return spec
        return None

    def _tell_after_loading(self, spec: ModuleSpec) -> None:
        loader = spec.loader
        if loader is None or isinstance(loader, type):
            return  # a namespace package, or a loader shared by many modules: neither is a module we watch
        original = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            original(module)
            if sys.modules.get(self._name) is module and self in sys.meta_path:
                self.cancel()
                self._then()

        loader.exec_module = exec_module  # type: ignore[method-assign]
