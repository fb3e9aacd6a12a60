"""`install` and `uninstall`: Interlock in place of the standard library, for a whole process.

The attributes of the real standard modules are replaced; ``sys.modules`` is not touched, so every ``import
threading``, before or after, sees the same module object. Code of the standard library that looks a name up
in its module's globals (``queue.Queue`` making a ``threading.Lock()``) gets Interlock's, too.

A rebuilt module of this package says what it replaces in ``__replaces__``. What is more than replacing names
(the class of the main thread) it does in ``_on_install()``, which runs after all names of all modules have
been replaced, and undoes in ``_on_uninstall()``, which runs before any of them is put back.
"""

from __future__ import annotations

import importlib
import os
import warnings

from interlock._capture import find_captured, running_threads
from interlock._children import Carrier
from interlock._report import InstallError, InstallReport, InterlockWarning, describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

__all__ = ["REBUILT", "install", "installed", "join_as_fork_server", "join_parent", "uninstall"]

REBUILT = ("threading", "queue")
"""The standard modules that have rebuilt names, in the order in which they are patched."""

_ABSENT = object()


class _Change:
    """One attribute of a standard module, before and after."""

    def __init__(self, name: str, old: object, new: object) -> None:
        self.name, self.old, self.new = name, old, new


class _Patched:
    """A standard module, the one that replaces names in it, and what changes."""

    def __init__(self, std: ModuleType, ours: ModuleType, changes: tuple[_Change, ...]) -> None:
        self.std, self.ours, self.changes = std, ours, changes


_active: dict[str, _Patched] = {}


def install(*, only: Iterable[str] | None = None, strict: bool = False) -> InstallReport:
    """Put Interlock in the place of the standard library in this process and its children.

    Replaces, in the real modules, every name that Interlock rebuilds. Call it first thing, before other
    modules are imported and threads started; ``interlock run`` does. A second call adds what is not
    installed yet. Objects made before go on to work. Processes started by ``multiprocessing`` are installed
    as well, by every start method; programs started by ``subprocess`` are not. The environment variable
    ``INTERLOCK=0`` turns the function off.

    Args:
        only: names of standard modules (``{"queue"}``); all that Interlock rebuilds if left out.
        strict: raise `InstallError` if a module outside the standard library has taken original objects
            before, or threads are running, instead of going on without them.

    Returns:
        A report of what was patched and what could not be reached. ``with install(): …`` uninstalls at the
        end what that call has installed.

    Raises:
        ValueError: ``only`` names a module that Interlock does not rebuild.
        InstallError: see ``strict``.
        ImportError: Interlock's own modules cannot be loaded.

    After an exception nothing has changed. Warns once, with `InterlockWarning`, if names were captured
    outside the standard library. Does not block; call it from one thread at a time.
    """
    wanted = _selection(only)
    if _turned_off():
        return InstallReport(enabled=False, modules=())
    report = _install(wanted, strict=strict)
    if report.captured:
        warnings.warn(
            "interlock.install() came too late for names that these modules had imported before; they go on "
            f"with the standard library's: {describe(report.captured)}. Install before importing them, or "
            "start the program with `interlock run`",
            InterlockWarning,
            stacklevel=2,
        )
    return report


def uninstall() -> None:
    """Put the standard library back, in this process; processes started from now on have it, too.

    Objects made by Interlock go on to work. A name that somebody else has replaced since is left to them.
    Does nothing if nothing is installed. Does not block.
    """
    _remove(tuple(_active))


def installed() -> tuple[str, ...]:
    """The standard modules that are patched in this process; empty if Interlock is not installed."""
    return tuple(name for name in REBUILT if name in _active)


def join_parent(modules: tuple[str, ...]) -> None:
    """Install in a child process what its parent has, no more and no less (see `interlock._children`)."""
    _remove(tuple(name for name in _active if name not in modules))
    if not _turned_off():
        _install(tuple(name for name in modules if name in REBUILT), strict=False)


def join_as_fork_server(modules: tuple[str, ...]) -> None:
    """The same in a fork server, whose children may find that their parent has uninstalled since."""
    _carrier.is_fork_server = True
    join_parent(modules)


def _turned_off() -> bool:
    return os.environ.get("INTERLOCK") == "0"


def _selection(only: Iterable[str] | None) -> tuple[str, ...]:
    if only is None:
        return REBUILT
    wanted = {only} if isinstance(only, str) else set(only)
    unknown = sorted(map(str, wanted.difference(REBUILT)))
    if unknown:
        raise ValueError(f"interlock does not rebuild {', '.join(unknown)}; it rebuilds {', '.join(REBUILT)}")
    return tuple(name for name in REBUILT if name in wanted)


def _install(wanted: tuple[str, ...], *, strict: bool) -> InstallReport:
    plan = {name: _prepare(name) for name in wanted if name not in _active}
    threads = running_threads()
    user, std = _captured(plan)
    if strict and (user or threads):
        raise InstallError(_refusal(user, threads), user, threads)
    _apply(plan)
    return InstallReport(
        enabled=True,
        modules=installed(),
        added=tuple(plan),
        names={name: tuple(c.name for c in patched.changes) for name, patched in plan.items()},
        captured=user,
        captured_stdlib=std,
        threads=threads,
        undo=_remove,
    )


def _prepare(name: str) -> _Patched:
    """Load both modules and compare them. A name that the standard module of this version lacks is added."""
    ours = importlib.import_module(f"interlock.{name}")
    std = importlib.import_module(name)
    changes = []
    for attribute in vars(ours)["__replaces__"]:
        old, new = getattr(std, attribute, _ABSENT), vars(ours)[attribute]
        if old is not new:
            changes.append(_Change(attribute, old, new))
    return _Patched(std, ours, tuple(changes))


def _captured(plan: dict[str, _Patched]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    originals = [change.old for patched in plan.values() for change in patched.changes]
    known = {(name, change.name) for name, patched in plan.items() for change in patched.changes}
    return find_captured(originals, known) if originals else ({}, {})


def _refusal(user: dict[str, list[str]], threads: tuple[str, ...]) -> str:
    parts = []
    if user:
        parts.append(f"names captured before by {describe(user)}")
    if threads:
        parts.append(f"threads already running: {', '.join(threads)}")
    return f"install(strict=True) changed nothing: {'; '.join(parts)}"


def _apply(plan: dict[str, _Patched]) -> None:
    """All of it, or, when something raises, nothing."""
    if not plan:
        return
    first = not _active
    _active.update(plan)
    hooked: list[_Patched] = []
    try:
        for patched in plan.values():
            for change in patched.changes:
                setattr(patched.std, change.name, change.new)
        for patched in plan.values():
            hooked.append(patched)
            _call_hook(patched, "_on_install")
        if first:
            _carrier.start()
    except BaseException:
        _undo(plan, hooked)
        raise


def _remove(names: tuple[str, ...]) -> None:
    plan = {name: _active[name] for name in names if name in _active}
    _undo(plan, list(plan.values()))


def _undo(plan: dict[str, _Patched], hooked: list[_Patched]) -> None:
    """Put everything back, however much of it fails; the first failure is raised at the end."""
    failure: BaseException | None = None
    for patched in reversed(hooked):
        try:
            _call_hook(patched, "_on_uninstall")
        except BaseException as error:
            failure = failure or error
    for name, patched in reversed(plan.items()):
        for change in reversed(patched.changes):
            if vars(patched.std).get(change.name) is not change.new:
                continue
            if change.old is _ABSENT:
                delattr(patched.std, change.name)
            else:
                setattr(patched.std, change.name, change.old)
        _active.pop(name, None)
    if not _active:
        _carrier.stop()
    if failure is not None:
        raise failure


def _call_hook(patched: _Patched, name: str) -> None:
    hook = vars(patched.ours).get(name)
    if hook is not None:
        hook()


_carrier = Carrier(installed, uninstall)
