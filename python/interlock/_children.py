"""Carries the installation to the child processes of ``multiprocessing``.

A forked child inherits it. A child that starts as a new interpreter installs Interlock before it imports the program's
main module. The instruction to do so is in two places:

* The preparation data (spawn, forkserver), which a child unpickles first, hold an object that installs when it is
  unpickled. They name the modules that are installed when the parent starts the child, no matter when the fork server
  started.
* The command line of the fork server, because the server may import the main module for all its children. If the
  parent has uninstalled since, the child undoes the installation that it inherits.

Both run `_JOIN`, which needs only this package in the child and finds it where the parent found it.
Interlock leaves other programs started through ``subprocess`` alone.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Carrier"]

_JOIN = """\
import sys
root, modules = {root!r}, {modules!r}
lacking = root not in sys.path
if lacking:
    sys.path.append(root)
try:
    from interlock._install import {join}
    {join}(modules)
except ImportError as error:
    import warnings
    warnings.warn(f"this child process continues without Interlock, which its parent uses: {{error}}",
                  RuntimeWarning)
finally:
    if lacking:
        sys.path.remove(root)
"""
_FORKSERVER = "from multiprocessing.forkserver import main; "
_KEY = "interlock"  # in the preparation data


class Carrier:
    """Makes every child process install what ``installed()`` names when the child is started.

    A child of a fork server (`is_fork_server`) calls ``uninstall()`` if its parent has nothing installed.
    """

    def __init__(self, installed: Callable[[], tuple[str, ...]], uninstall: Callable[[], None]) -> None:
        self._installed = installed
        self._uninstall = uninstall
        self.is_fork_server = False
        self._patched: list[tuple[Any, str, Any, Any]] = []

    def unpatch(self) -> None:
        """Undo the patches, except where other code has patched since."""
        while self._patched:
            module, name, original, wrapper = self._patched.pop()
            if getattr(module, name) is wrapper:
                setattr(module, name, original)

    def patch(self) -> None:
        """Patch ``multiprocessing``, which has been imported by now."""
        from multiprocessing import spawn, util

        self._wrap(spawn, "get_preparation_data", self._preparation_data)
        self._wrap(util, "spawnv_passfds", self._spawnv_passfds)
        if self.is_fork_server:
            self._wrap(spawn, "prepare", self._prepare)

    def _wrap(self, module: Any, name: str, around: Callable[..., Any]) -> None:
        import functools  # here, so that programs without child processes do not load it

        original = getattr(module, name)
        wrapper = functools.wraps(original)(functools.partial(around, original))
        setattr(module, name, wrapper)
        self._patched.append((module, name, original, wrapper))

    def _preparation_data(self, original: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
        data = original(*args)
        modules = self._installed()
        if modules:
            data[_KEY] = _Joining(modules)
        return data

    def _prepare(self, original: Callable[..., None], data: dict[str, Any]) -> None:
        if _KEY not in data:
            self._uninstall()
        original(data)

    def _spawnv_passfds(self, original: Callable[..., int], path: Any, args: list[Any], passfds: Any) -> int:
        modules = self._installed()
        # Under -bb, comparing arguments that are bytes with a string would raise.
        texts = [arg if isinstance(arg, str) else "" for arg in args]
        if modules and "-c" in texts:
            at = texts.index("-c") + 1
            # The text before the marker differs from version to version.
            before, server, after = args[at].partition(_FORKSERVER)
            if server:
                join = f"exec({_join_code('join_as_fork_server', modules)!r}, {{}}); "
                args = [*args[:at], f"{before}{server}{join}{after}", *args[at + 1 :]]
        return original(path, args, passfds)


class _Joining:
    """Installs when it is unpickled."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        self._code = _join_code("join_parent", modules)

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self._code, {})


def _join_code(join: str, modules: tuple[str, ...]) -> str:
    """Return the code that makes a new interpreter install ``modules``, as its parent did."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return _JOIN.format(root=root, join=join, modules=modules)
