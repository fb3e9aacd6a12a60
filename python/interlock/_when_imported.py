"""Calls a function when a module has been imported, and tells standard modules from the program's own of that name."""

import _frozen_importlib
import _imp
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

_bootstrap: "Any" = _frozen_importlib  # typeshed does not know all of it

__all__ = ["WhenImported", "is_running", "is_standard", "stays_standard", "withdraw"]

_BOTH = ("threading", "queue")
_BUILT_ON: "dict[str, tuple[str, ...]]" = {
    "threading": (),
    "concurrent.futures": _BOTH,
    "concurrent.futures.process": _BOTH,
    "multiprocessing.dummy": _BOTH,
    "multiprocessing.managers": _BOTH,
    "multiprocessing.pool": _BOTH,
    "multiprocessing.queues": _BOTH,
}
"""What the standard modules, and ours, are built on. In a program that has a module of its own named like one of these,
the standard ones use that module, so they stay as they are. The modules that are not listed are built on `threading`.
"""


class WhenImported:
    """Calls ``then()`` once after the module ``name`` was imported, or at once if it already was.

    The thread that imports the module calls ``then`` right after the module's code has run; other threads that import
    the module wait until ``then`` has returned. The import statement raises what ``then`` raises, as if the module
    itself had raised it. From the first watch on, our finder is first on ``sys.meta_path``; it lets the other finders
    find the module and wraps the loader to learn of the import's end. The module and its ``__spec__`` stay the ordinary
    ones. If ``name`` is that of a standard module, a module of the program with this name does not count.
    """

    def __init__(self, name: str, then: "Callable[[], None]") -> None:
        self._name = name
        self._then = then

    def start(self) -> None:
        """Start watching, or call ``then`` if the module was already imported."""
        with _import_lock:
            _watches.setdefault(self._name, []).append(self)
            if _Finder not in sys.meta_path:
                sys.meta_path.insert(0, _Finder)
            _wrap_find_spec()
        if self._name in sys.modules and _is_meant(self._name, _spec_of(sys.modules[self._name])):
            __import__(self._name)  # waits if another thread is still importing it
            self._tell()

    def cancel(self) -> bool:
        """Stop watching. Returns False, and does nothing, if the module was already imported or was not watched."""
        with _import_lock:
            watches = _watches.get(self._name, [])
            if self not in watches:
                return False
            watches.remove(self)
            if not watches:
                del _watches[self._name]
            return True

    def _tell(self) -> None:
        if self.cancel():
            self._then()


def withdraw() -> None:
    """Take the finder off ``sys.meta_path``, and the wrapper off the import system, if nothing is watched.

    The end of the last watch would be too early: it happens during an import, and another thread or another finder that
    iterates over the list at that moment would skip a finder.
    """
    with _import_lock:
        if _watches:
            return
        if _Finder in sys.meta_path:
            sys.meta_path.remove(_Finder)
        if _bootstrap._find_spec in _wrapped:
            _bootstrap._find_spec = _wrapped.pop(_bootstrap._find_spec)


def stays_standard(name: str) -> bool:
    """Whether Interlock has to leave the standard module of this name as it is.

    The program has a module of its own under this name, or under that of a module it is built on. Or the main thread
    has ended: then executors can't register with `threading` any more, so ours can't be loaded.
    """
    if name.startswith("concurrent.futures") and "interlock.concurrent.futures" not in sys.modules:
        if getattr(sys.modules.get("threading"), "_SHUTTING_DOWN", False):
            return True
    return not all(map(is_standard, (name, *_BUILT_ON.get(name, ("threading",)))))


def is_standard(name: str) -> bool:
    """Whether ``import name`` gives the standard library's module, and not one that the program has under this name.

    The module was imported, or `name` has no dot: then, without importing it, we look what an import would find.
    """
    if name in sys.modules:
        spec = _spec_of(sys.modules[name])
    else:
        try:
            spec = _bootstrap._find_spec(name, None)
        except Exception:  # a finder of the program refuses it
            return False
    return spec is not None and _comes_from_library(name, spec.origin)


def _spec_of(module: "Any") -> "ModuleSpec | None":
    """Return a module's ``__spec__``, if it has one. It does not make a lazy module of importlib load."""
    try:
        spec = object.__getattribute__(module, "__dict__").get("__spec__")
    except (AttributeError, TypeError):  # programs may put any object into ``sys.modules``
        return None
    return spec if isinstance(spec, _bootstrap.ModuleSpec) else None


def _is_meant(name: str, spec: "ModuleSpec | None") -> bool:
    """Whether the module with this spec is the one that is watched under this name."""
    if name.partition(".")[0] not in sys.stdlib_module_names:
        return True
    return spec is not None and _comes_from_library(name, spec.origin)


def _comes_from_library(name: str, origin: "str | None") -> bool:
    """Whether a module that was loaded from `origin` is the standard library's module `name`."""
    if origin in (None, "built-in", "frozen") or getattr(sys, "frozen", False):
        return True  # no file, or a frozen program, which has the standard library in a place of its own
    path = name.replace(".", "/")
    for ending in (f"/{path}.", f"/{path}/__init__."):
        folder, found, suffix = str(origin).rpartition(ending)
        if found and "/" not in suffix:
            return _is_library(folder)
    return False


def _is_library(folder: str) -> bool:
    library = getattr(sys, "_stdlib_dir", None) or os.path.dirname(os.__file__)
    name = os.path.basename(folder)
    if folder == library or name in ("lib-dynload", f"python{sys.version_info[0]}{sys.version_info[1]}.zip"):
        return True
    try:
        return os.path.samestat(os.stat(folder), os.stat(library))  # it has two names
    except OSError:
        return False


def is_running(name: str) -> bool:
    """Whether the code of a module that is or was watched is running, so that the module is incomplete."""
    return name in _running


_running: set[str] = set()
_watches: "dict[str, list[WhenImported]]" = {}  # by the name of the module; changes under the import lock


class _ImportLock:
    """The lock that the import system holds while it asks its finders. It is reentrant, and survives a fork."""

    def __enter__(self) -> None:
        _imp.acquire_lock()

    def __exit__(self, *_: object) -> None:
        _imp.release_lock()


_import_lock = _ImportLock()


class _Finder:
    """Finds watched modules through the other finders (import system protocol)."""

    @staticmethod
    def find_spec(
        fullname: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        if fullname not in _watches:
            return None
        for finder in sys.meta_path:
            if finder is _Finder:
                continue
            find_spec: Any = getattr(finder, "find_spec", None)  # imports pass over finders without it, too
            spec: ModuleSpec | None = find_spec and find_spec(fullname, path, target)
            if spec is not None:
                _tell_after_loading(spec)
                return spec
        return None


_wrapped: "dict[Any, Any]" = {}  # by our wrapper, the function of the import system that it calls


def _wrap_find_spec() -> None:
    wrapped = _bootstrap._find_spec
    if wrapped in _wrapped:
        return

    def _find_spec(name, path, target=None):  # type: ignore[no-untyped-def]
        spec = wrapped(name, path, target)
        if name in _watches and spec is not None:
            _tell_after_loading(spec)
        return spec

    # Python leaves the import system's frames out of tracebacks. It knows them by the name of their file.
    _find_spec.__code__ = _find_spec.__code__.replace(co_filename="<frozen importlib._bootstrap>")
    _wrapped[_find_spec] = wrapped
    _bootstrap._find_spec = _find_spec


def _tell_after_loading(spec: "ModuleSpec") -> None:
    if not _is_meant(spec.name, spec):
        return
    # A loader without `exec_module` belongs to a module without code.
    if hasattr(spec.loader, "exec_module") and not isinstance(spec.loader, _Relay):
        spec.loader = _Relay(spec)  # type: ignore[assignment]


class _Relay:
    """Replaces a module's loader until the module is loaded; the loader itself may serve many modules."""

    def __init__(self, spec: "ModuleSpec") -> None:
        self._spec = spec
        self._loader: Any = spec.loader

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._loader, name)

    def __repr__(self) -> str:
        return repr(self._loader)

    @property  # type: ignore[misc]
    def __class__(self) -> "Any":
        """The loader's class, for `isinstance()`: a program may look a module up without importing it."""
        return type(self._loader)

    def exec_module(self, module: "ModuleType") -> None:
        self._spec.loader = module.__loader__ = self._loader
        name = self._spec.name
        _running.add(name)
        try:
            self._loader.exec_module(module)
        finally:
            _running.discard(name)
        if sys.modules.get(name) is module:
            for watch in tuple(_watches.get(name, ())):
                watch._tell()
