"""`install` and `uninstall`: Interlock in place of the standard library, for a whole process.

The attributes of the real standard modules are replaced; ``sys.modules`` is not touched, so every ``import
threading``, before or after, sees the same module object. Code of the standard library that looks a name up
in its module's globals (``queue.Queue`` making a ``threading.Lock()``) gets Interlock's, too.

A module that has not been imported yet is not imported for it: it is pending, and patched when its own code has
run, before any other code can see it. Pending modules count as installed.

A rebuilt module of this package says what it replaces in ``__replaces__``.
"""

from __future__ import annotations

import sys

from interlock._capture import find_captured, replace_everywhere, replace_free_locks, running_threads
from interlock._children import Carrier
from interlock._green_threads import Watch, who_has_patched
from interlock._report import InstallError, InstallReport, InterlockWarning, describe
from interlock._switch import turned_off
from interlock._when_imported import WhenImported, is_running, withdraw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

__all__ = ["REBUILT", "install", "installed", "join_as_fork_server", "join_parent", "served", "uninstall"]

_MODULES = {
    "threading": ("threading",),
    "queue": ("queue", "_queue"),
    "concurrent.futures": ("concurrent.futures._base", "concurrent.futures.thread", "concurrent.futures"),
    "multiprocessing.pool": ("multiprocessing.pool",),
    "multiprocessing.dummy": ("multiprocessing.dummy.connection", "multiprocessing.dummy"),
}
"""What is rebuilt, and the modules that are patched when it has been imported, in this order."""

REBUILT = tuple(_MODULES)
"""The standard modules that have rebuilt names, by the names under which programs know them."""

_ALSO_IN = {"_queue": ("queue", ("SimpleQueue",))}
"""Modules that have names of another one, too: of which, and the names."""

_PARTS = {
    "threading": ("interlock._native", "interlock._lock_classes"),
    "queue": ("interlock._queue_errors", "interlock._materialized_queue", "interlock._queue_classes"),
    "multiprocessing.pool": (
        "interlock.multiprocessing._results",
        "interlock.multiprocessing._core",
        "interlock.multiprocessing._thread_pool",
    ),
}
"""The modules of a rebuilt one that import the standard module themselves, which may be its first import."""

_ABSENT = object()


class _Change:
    """One attribute of a standard module, before and after."""

    def __init__(self, name: str, old: object, new: object) -> None:
        self.name, self.old, self.new = name, old, new


class _Patched:
    """A standard module, and what changes in it."""

    def __init__(self, std: ModuleType, changes: tuple[_Change, ...]) -> None:
        self.std, self.changes = std, changes


class _Pending:
    """A standard module that is going to be patched when it has been imported.

    Our module, or a part of it, may be what imports it, and is not complete then: so the end of each of these imports
    is a time to try.
    """

    def __init__(self, name: str) -> None:
        modules = (name, _ours(name), *_PARTS.get(name, ()))
        self._watches = [WhenImported(module, lambda: _patch_pending(name)) for module in modules]

    def start(self) -> None:
        # Backwards: the others are needed only if the first finds our module half-way.
        for watch in reversed(self._watches):
            watch.start()

    def cancel(self) -> None:
        for watch in self._watches:
            watch.cancel()


_active: dict[str, _Patched] = {}
_pending: dict[str, _Pending] = {}


def install(*, only: Iterable[str] | None = None, strict: bool = False) -> InstallReport:
    """Put Interlock in the place of the standard library in this process and its children.

    Replaces, in the real modules, every name that Interlock rebuilds and nobody has replaced before. Call it first
    thing, before other modules are imported and threads started; ``interlock run`` does. Imports none of the standard
    modules: one that has not been imported yet is patched as soon as it is, by whatever thread. A second call adds
    what is not installed yet. Objects made before go on to work. Processes started by ``multiprocessing`` are installed
    as well, by every start method; programs started by ``subprocess`` are not. The environment variable
    ``INTERLOCK=0`` turns the function off. In a program that gevent or eventlet has patched it changes nothing, and
    when one of them begins to patch, everything is uninstalled; a line on standard error says so.

    Args:
        only: names of standard modules (``{"queue"}``); all that Interlock rebuilds if left out.
        strict: raise `InstallError` if a module outside the standard library has taken original objects
            before, or threads are running, instead of going on without them.

    Returns:
        A report of what was installed and what could not be reached. ``with install(): …`` uninstalls at the
        end what that call has installed.

    Raises:
        ValueError: ``only`` names a module that Interlock does not rebuild.
        InstallError: see ``strict``.
        ImportError: Interlock's own modules cannot be loaded. What fails only in the loading is raised by the import
            of a pending module, which is no longer installed then.

    After an exception nothing has changed. Warns once, with `InterlockWarning`, if names were captured
    outside the standard library. Does not block; call it from one thread at a time.
    """
    wanted = _selection(only)
    if turned_off():
        return InstallReport(enabled=False, modules=())
    patcher = who_has_patched()
    if patcher is not None:
        _say(f"{patcher} has patched this program already; it stays with the standard library")
        return InstallReport(enabled=False, modules=(), left_to=patcher)
    report = _install(wanted, strict=strict)
    if report.captured:
        import warnings  # here, with what else most programs never need: start-up counts

        warnings.warn(
            "interlock.install() was called too late: these modules already imported the standard classes and will "
            f"keep using them: {describe(report.captured)}. Install before importing them. `interlock run` does, "
            "unless what runs before every program imports them",
            InterlockWarning,
            stacklevel=2,
        )
    return report


def uninstall() -> None:
    """Put the standard library back, in this process; processes started from now on have it, too.

    Objects made by Interlock go on to work. A name that somebody else has replaced since is left to them.
    Does nothing if nothing is installed. Does not block.
    """
    _remove(REBUILT)


def installed() -> tuple[str, ...]:
    """The standard modules that are patched in this process, or will be when they are imported.

    Empty if Interlock is not installed.
    """
    return tuple(name for name in REBUILT if name in _active or name in _pending)


def join_parent(modules: tuple[str, ...]) -> None:
    """Install in a child process what its parent has, no more and no less (see `interlock._children`)."""
    _remove(tuple(name for name in installed() if name not in modules))
    if not turned_off() and who_has_patched() is None:
        _install(tuple(name for name in modules if name in REBUILT), strict=False)


def join_as_fork_server(modules: tuple[str, ...]) -> None:
    """The same in a fork server, whose children may find that their parent has uninstalled since."""
    _carrier.is_fork_server = True
    join_parent(modules)


def served() -> bool:
    """Whether this process is a fork server that has joined its parent, or a child of one."""
    return _carrier.is_fork_server


def _step_aside(patcher: str) -> None:
    """Leave the process to gevent or eventlet, which are about to patch it: all is as if nothing had been installed.

    Names that other modules have taken from us since are put back, and locks of the standard library's modules that
    are free are made anew. Objects that the program has made stay ours.
    """
    if not installed():
        return
    _say(f"{patcher} patches this program, which therefore goes on with the standard library")
    pairs = [
        (change.new, change.old)
        for patched in _active.values()
        for change in patched.changes
        if change.old is not _ABSENT
    ]
    uninstall()
    replace_everywhere(pairs)
    engine = sys.modules.get("interlock._interlock")
    if engine is not None:
        import _thread

        replace_free_locks({engine.Lock: _thread.allocate_lock, engine.RLock: _thread.RLock})


def _say(sentence: str) -> None:
    if sys.stderr is not None:
        print(f"interlock: {sentence}", file=sys.stderr, flush=True)


def _selection(only: Iterable[str] | None) -> tuple[str, ...]:
    if only is None:
        return REBUILT
    wanted = {only} if isinstance(only, str) else set(only)
    unknown = sorted(map(str, wanted.difference(REBUILT)))
    if unknown:
        raise ValueError(f"interlock does not rebuild {', '.join(unknown)}; it rebuilds {', '.join(REBUILT)}")
    return tuple(name for name in REBUILT if name in wanted)


def _install(wanted: tuple[str, ...], *, strict: bool) -> InstallReport:
    _find_engine()
    for name in tuple(_pending):
        _patch_pending(name)  # if it was imported past our finder, which somebody had taken away
    before = installed()
    added = tuple(name for name in wanted if name not in before)
    # First what can raise. The import of one module may be that of another one.
    plan: dict[str, _Patched] = {}
    for name in added:
        if name in sys.modules:
            __import__(_ours(name))
            plan |= _compare(name)
    threads = running_threads()
    user, std = _captured(plan)
    if strict and (user or threads):
        raise InstallError(_refusal(user, threads), user, threads)
    _apply(plan)
    try:
        for name in added:
            if name not in plan:
                _pending[name] = _Pending(name)
                _pending[name].start()
        if added and not before:
            _carrier.start()
            _watch.start()
    except BaseException:
        _remove(added)
        raise
    return InstallReport(
        enabled=True,
        modules=installed(),
        added=added,
        pending=tuple(name for name in REBUILT if name in _pending),
        names={name: _patched_names(name) for name in added if name in _active},
        captured=user,
        captured_stdlib=std,
        threads=threads,
        undo=_remove,
    )


def _patched_names(name: str) -> tuple[str, ...]:
    patched = (_active[module] for module in _MODULES[name] if module in _active)
    return tuple(dict.fromkeys(change.name for one in patched for change in one.changes))


def _ours(name: str) -> str:
    return f"interlock.{name}"


def _find_engine() -> None:
    """Raise ImportError now if a pending module cannot be patched later for lack of an extension module."""
    engine = "interlock._interlock"
    if engine in sys.modules:
        missing = sys.modules[engine] is None
    else:
        path = sys.modules["interlock"].__path__
        missing = not any(finder.find_spec(engine, path) for finder in tuple(sys.meta_path))
    if missing:
        raise ImportError(f"there is no {engine} for this interpreter", name=engine)


def _compare(name: str) -> dict[str, _Patched]:
    """What changes in a module and its parts. A name that the standard module of this version lacks is added."""
    return {module: _differences(module) for module in _MODULES[name]}


def _differences(name: str) -> _Patched:
    from interlock._originals import is_original

    other, also = _ALSO_IN.get(name, (name, None))
    __import__(_ours(other))
    ours, std = sys.modules[_ours(other)], sys.modules[name]
    changes = []
    for attribute in vars(ours)["__replaces__"]:
        if also is not None and attribute not in also:
            continue
        old, new = getattr(std, attribute, _ABSENT), vars(ours)[attribute]
        # What somebody has put there before is left there, as what somebody puts there later.
        if old is not new and (old is _ABSENT or is_original(old)):
            changes.append(_Change(attribute, old, new))
    return _Patched(std, tuple(changes))


def _patch_pending(name: str) -> None:
    """Patch a pending module if it has been imported; called when it has, or our module has."""
    if sys.modules.get(name) is None or any(is_running(part) for part in _PARTS.get(name, ())):
        return  # the end of the part's import is another occasion
    try:
        __import__(_ours(name))  # patches it itself, when it is imported by this
        if not _is_complete(sys.modules[_ours(name)]):
            return  # this thread, or one that waits for this one, is importing it: its end is another occasion
        pending = _pending.pop(name, None)
        if pending is not None:
            pending.cancel()
            _apply(_compare(name))
    except BaseException:
        _remove((name,))
        raise


def _is_complete(ours: ModuleType) -> bool:
    return hasattr(type(ours), "__interlock_std__")  # mirror() is a module's last statement


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
    _active.update(plan)
    try:
        for patched in plan.values():
            for change in patched.changes:
                setattr(patched.std, change.name, change.new)
    except BaseException:
        _undo(plan)
        raise


def _remove(names: tuple[str, ...]) -> None:
    for name in names:
        pending = _pending.pop(name, None)
        if pending is not None:
            pending.cancel()
    modules = (module for name in names for module in _MODULES[name])
    plan = {module: _active[module] for module in modules if module in _active}
    _undo(plan)


def _undo(plan: dict[str, _Patched]) -> None:
    """Put everything back that is still ours."""
    for name, patched in reversed(plan.items()):
        for change in reversed(patched.changes):
            if vars(patched.std).get(change.name) is not change.new:
                continue
            if change.old is _ABSENT:
                delattr(patched.std, change.name)
            else:
                setattr(patched.std, change.name, change.old)
        _active.pop(name, None)
    if not installed():
        _carrier.stop()
        _watch.stop()
        withdraw()


_carrier = Carrier(installed, uninstall)
_watch = Watch(_step_aside)
