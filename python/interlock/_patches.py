"""The changes of `install` to the standard modules: finds the differences to ours, applies them and undoes them."""

from __future__ import annotations

import sys

from interlock._originals import is_original
from interlock._when_imported import is_standard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType
    from typing import Any

    from interlock._capture import Captured

__all__ = ["Patched", "apply", "captured", "compare", "ours_and_theirs", "undo"]

_ALSO_IN = {"_queue": ("queue", ("SimpleQueue",))}
"""Modules that repeat names of another module: that module, and the names."""

_KEPT_IN = {"concurrent.futures.process": "concurrent.futures"}
"""Packages that keep a name of a module after code has read the name from the package."""

_ABSENT = object()


class _Change:
    """One attribute of a standard module, before and after."""

    def __init__(self, std: ModuleType, name: str, old: object, new: Any) -> None:
        self.std, self.name, self.old, self.new = std, name, old, new
        self._named = getattr(new, "__func__", new)
        # Named after our module, so that pickles find it where nothing is installed.
        self._is_renamed = getattr(self._named, "__module__", None) == f"interlock.{std.__name__}"

    def apply(self) -> None:
        setattr(self.std, self.name, self.new)
        if self._is_renamed:
            self._named.__module__ = self.std.__name__

    def undo(self) -> None:
        if self._is_renamed:
            self._named.__module__ = f"interlock.{self.std.__name__}"
        if vars(self.std).get(self.name) is not self.new:
            return
        if self.old is _ABSENT:
            delattr(self.std, self.name)
        else:
            setattr(self.std, self.name, self.old)


class Patched:
    """A standard module and its changes."""

    def __init__(self, std: ModuleType, changes: tuple[_Change, ...]) -> None:
        self.std, self.changes = std, changes


def compare(modules: Iterable[str]) -> dict[str, Patched]:
    """Return the changes to each of these standard modules. Names that this version's module lacks are added.

    A module that the program has in place of one of them (`_queue`) is left out.
    """
    return {module: _differences(module) for module in modules if is_standard(module)}


def _differences(name: str) -> Patched:
    other, also = _ALSO_IN.get(name, (name, None))
    ours_name = f"interlock.{other}"
    __import__(ours_name)
    ours, std = sys.modules[ours_name], sys.modules[name]
    changes = []
    for attribute in ours.__replaces__:
        if also is not None and attribute not in also:
            continue
        old, new = getattr(std, attribute, _ABSENT), vars(ours)[attribute]
        # A replacement by other code stays, whether it was made before or after.
        if old is not new and (old is _ABSENT or is_original(old)):
            changes.append(_Change(std, attribute, old, new))
            package = sys.modules[_KEPT_IN[name]] if name in _KEPT_IN else None
            if package is not None and vars(package).get(attribute, _ABSENT) is old:
                changes.append(_Change(package, attribute, old, new))
    return Patched(std, tuple(changes))


def captured(plan: Mapping[str, Patched]) -> tuple[Captured, Captured]:
    """Return the modules that have imported the originals of these changes already: see `find_captured`."""
    from interlock._capture import find_captured

    originals = [change.old for patched in plan.values() for change in patched.changes]
    known = {(change.std.__name__, change.name) for patched in plan.values() for change in patched.changes}
    return find_captured(originals, known) if originals else ({}, {})


def apply(plan: Mapping[str, Patched]) -> None:
    """Make all changes. An object named after this package is named after the standard module while it is installed."""
    for patched in plan.values():
        for change in patched.changes:
            change.apply()


def undo(patched: Patched) -> None:
    """Restore every name that is still ours."""
    for change in reversed(patched.changes):
        change.undo()


def ours_and_theirs(plan: Mapping[str, Patched]) -> list[tuple[object, object]]:
    """Return each replacement, with the object that it replaces."""
    return [
        (change.new, change.old)
        for patched in plan.values()
        for change in patched.changes
        if change.old is not _ABSENT
    ]
