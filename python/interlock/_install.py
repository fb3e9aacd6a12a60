"""`install` and `uninstall`: Interlock in place of the standard library, for a whole process.

`install` replaces attributes of the real standard modules. It does not touch ``sys.modules``, so every ``import
threading``, before or after, sees the same module object. Code of the standard library that looks a name up
in its module's globals (``queue.Queue`` making a ``threading.Lock()``) gets Interlock's, too.

`install` imports no standard module. One that the program has not imported yet is pending: Interlock patches it as
soon as its own code has run, before any other code can see it. Pending modules count as installed.

The modules of this package list the names that they replace in ``__replaces__``.

``interlock run`` loads this module before each program, and most programs need few of the modules that an installation
may need. So nothing is imported here before it is needed, not even `__future__`.
"""

import os
import sys

from interlock._when_imported import WhenImported, is_running, is_standard, stays_standard, withdraw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any

    from interlock._capture import Captured
    from interlock._children import Carrier
    from interlock._green_threads import Watch
    from interlock._patches import Patched
    from interlock._report import InstallReport

__all__ = [
    "REPLACED",
    "install",
    "install_at_start",
    "installed",
    "join_as_fork_server",
    "join_parent",
    "served",
    "turned_off",
    "uninstall",
]

_MODULES = {
    "threading": ("threading",),
    "queue": ("queue", "_queue"),
    "subprocess": ("subprocess",),
    "concurrent.futures": ("concurrent.futures._base", "concurrent.futures.thread", "concurrent.futures"),
    "concurrent.futures.process": ("concurrent.futures.process",),
    "multiprocessing.pool": ("multiprocessing.pool",),
    "multiprocessing.dummy": ("multiprocessing.dummy.connection", "multiprocessing.dummy"),
    "multiprocessing.connection": ("multiprocessing.connection",),
    "multiprocessing.managers": ("multiprocessing.managers",),
    "multiprocessing.queues": ("multiprocessing.queues",),
    "multiprocessing.synchronize": ("multiprocessing.synchronize",),
    "multiprocessing.shared_memory": ("multiprocessing.shared_memory",),
    "multiprocessing.sharedctypes": ("multiprocessing.sharedctypes",),
    "multiprocessing.popen_fork": ("multiprocessing.popen_fork",),
    "multiprocessing.popen_spawn_posix": ("multiprocessing.popen_spawn_posix",),
    "multiprocessing.forkserver": ("multiprocessing.forkserver",),
    "multiprocessing.popen_forkserver": ("multiprocessing.popen_forkserver",),
}
"""Each replaced module, and the modules that `install` patches once it has been imported, in this order."""

REPLACED = tuple(_MODULES)
"""The standard modules in which Interlock replaces names, as programs import them."""

_PARTS = {
    "threading": ("interlock._native_classes", "interlock._lock_classes"),
    "queue": ("interlock._queue_errors", "interlock._materialized_queue_extras", "interlock._queue_classes"),
    "subprocess": (
        "interlock._commands.exchange",
        "interlock._commands.functions",
        "interlock._commands.popen",
        "interlock._commands.running",
        "interlock._commands.many",
    ),
    "concurrent.futures.process": (
        "interlock._task_error_classes",
        "interlock._worker_process.transport",
        "interlock._worker_process.worker",
        "interlock.concurrent.futures._process_errors",
        "interlock.concurrent.futures._process_crew",
        "interlock.concurrent.futures._process_pool",
    ),
    "multiprocessing.pool": (
        "interlock.multiprocessing._results",
        "interlock.multiprocessing._core",
        "interlock.multiprocessing._thread_pool",
    ),
    "multiprocessing.connection": ("interlock.multiprocessing._connections",),
    "multiprocessing.managers": ("interlock.multiprocessing._managers",),
    "multiprocessing.queues": (
        "interlock.multiprocessing._standard_queues",
        "interlock.multiprocessing._queues",
    ),
    "multiprocessing.synchronize": (
        "interlock.multiprocessing._locks",
        "interlock.multiprocessing._conditions",
    ),
    "multiprocessing.sharedctypes": ("interlock.multiprocessing._values",),
}
"""Modules of ours that import the standard module, and may be the first to import it."""

_OFF = ("0", "off", "false", "no")


class _Pending:
    """A standard module that Interlock will patch once the program has imported it.

    Our own module, or a part of it, may be the importer, and is then still incomplete. So we try again at the end of
    each of these imports.
    """

    def __init__(self, name: str) -> None:
        modules = (name, _ours(name), *_PARTS.get(name, ()))
        self._watches = [WhenImported(module, lambda: _patch_pending(name)) for module in modules]

    def start(self) -> None:
        # In reverse order: the other watches are needed only if the first one finds our module half imported.
        for watch in reversed(self._watches):
            watch.start()

    def cancel(self) -> None:
        for watch in self._watches:
            watch.cancel()


_active: "dict[str, Patched]" = {}
_pending: "dict[str, _Pending]" = {}


def turned_off() -> bool:
    """Whether ``INTERLOCK`` is 0, off, false or no, in upper or lower case. Any other value leaves Interlock on."""
    return os.environ.get("INTERLOCK", "").strip().lower() in _OFF


def install(*, only: "Iterable[str] | None" = None, strict: bool = False) -> "InstallReport":
    """Replace the standard library's classes with Interlock's in this process and its children.

    Replaces, in the real modules, every name that Interlock provides, unless other code has replaced it before. Call it
    first thing, before the program imports other modules and starts threads, as ``interlock run`` does. It imports none
    of the standard modules: one that is not imported yet is patched as soon as any thread imports it. A second call
    adds the modules that are not installed yet. Objects made before continue to work. Processes started by
    ``multiprocessing`` use Interlock too, with every start method; programs started by ``subprocess`` do not. The
    environment variable ``INTERLOCK=0`` turns the function off. The function changes nothing in a program that gevent
    or eventlet has patched. When one of them begins to patch, Interlock uninstalls everything and prints a line on
    standard error.

    Args:
        only: names of standard modules (``{"queue"}``); every module that Interlock replaces if left out.
        strict: raise `InstallError` if a module outside the standard library has already imported original objects,
            or threads are running, instead of continuing without them.

    Returns:
        A report that says what was installed and what could not be reached. ``with install(): …`` uninstalls at the
        end what that call installed.

    Raises:
        ValueError: ``only`` names a module that Interlock does not replace.
        InstallError: see ``strict``.
        ImportError: Interlock's own modules cannot be loaded. If a module of ours fails only while it loads for a
            pending module, a line on standard error says so, and the standard module stays as it is.

    After an exception nothing has changed. Warns once, with `InterlockWarning`, if modules outside the standard
    library have already imported original names. Does not block; call it from one thread at a time.
    """
    wanted = _selection(only)
    off = turned_off()
    patcher = None if off else _left_to()
    enabled = not off and patcher is None
    if enabled:
        _find_engine()  # first: without the engine, the rest of the package may be missing, too
    from interlock._report import InstallReport

    if not enabled:
        return InstallReport(enabled=False, modules=(), left_to=patcher)
    added, captured, captured_stdlib, threads = _install(wanted, strict=strict)
    _warn(captured)
    return InstallReport(
        enabled=True,
        modules=installed(),
        added=added,
        pending=tuple(name for name in REPLACED if name in _pending),
        names={name: _patched_names(name) for name in added if name in _active},
        shadowed=tuple(name for name in REPLACED if name in sys.modules and not is_standard(name)),
        captured=captured,
        captured_stdlib=captured_stdlib,
        threads=threads,
        undo=_remove,
    )


def install_at_start() -> str:
    """Do what `install()` does, before the program begins, without a report.

    Returns the file of the extension module, or "" if nothing is installed.
    """
    if turned_off() or _left_to() is not None:
        return ""
    file = _find_engine()
    _, captured, _, _ = _install(REPLACED, strict=False)
    _warn(captured)
    return file


def uninstall() -> None:
    """Restore the standard library in this process and in processes started from now on.

    Objects made by Interlock continue to work. A name that other code has replaced since keeps that replacement. Does
    nothing if nothing is installed. Does not block.
    """
    _remove(REPLACED)


def installed() -> tuple[str, ...]:
    """Return the standard modules that are patched in this process, or will be when they are imported.

    Empty if Interlock is not installed. Does not block.
    """
    return tuple(name for name in REPLACED if name in _active or name in _pending)


def join_parent(modules: tuple[str, ...]) -> None:
    """Install in a child process exactly what its parent has installed (see `interlock._children`)."""
    _remove(tuple(name for name in installed() if name not in modules))
    if not turned_off() and _who_has_patched() is None:
        _find_engine()
        _install(tuple(name for name in modules if name in REPLACED), strict=False)


def join_as_fork_server(modules: tuple[str, ...]) -> None:
    """Do the same in a fork server, whose children may find that their parent has uninstalled since."""
    _carrier().is_fork_server = True
    join_parent(modules)


def served() -> bool:
    """Whether this process is a fork server that has joined its parent, or a child of one."""
    return "carrier" in _parts and _carrier().is_fork_server


def _step_aside(patcher: str) -> None:
    """Leave the process to gevent or eventlet, which is about to patch it, as if nothing had been installed.

    Restores the names that other modules have imported from us since, and replaces unlocked locks in the standard
    library's modules with new ones. Objects that the program has made remain Interlock's.
    """
    if not installed():
        return
    _say(f"{patcher} patches this program, so it continues with the standard library")
    from interlock._capture import replace_everywhere, replace_free_locks
    from interlock._patches import ours_and_theirs

    pairs = ours_and_theirs(_active)
    uninstall()
    replace_everywhere(pairs)
    engine = sys.modules.get("interlock._interlock")
    if engine is not None:
        import _thread

        replace_free_locks({engine.Lock: _thread.allocate_lock, engine.RLock: _thread.RLock})


def _say(sentence: str) -> None:
    if sys.stderr is not None:
        print(f"interlock: {sentence}", file=sys.stderr, flush=True)


def _who_has_patched() -> "str | None":
    """The name of the library of green threads that has patched this process, or None."""
    if "gevent.monkey" in sys.modules or "eventlet.patcher" in sys.modules:
        from interlock._green_threads import who_has_patched

        return who_has_patched()
    return None


def _left_to() -> "str | None":
    """Do the same, and print a line if there is such a library."""
    patcher = _who_has_patched()
    if patcher is not None:
        _say(f"{patcher} has patched this program already; it stays with the standard library")
    return patcher


def _warn(captured: "Captured") -> None:
    """Warn the caller's caller."""
    if not captured:
        return
    import warnings

    from interlock._report import InterlockWarning, describe

    warnings.warn(
        "interlock.install() was called too late: these modules already imported the standard classes and will "
        f"keep using them: {describe(captured)}. Install before importing them. `interlock run` does, "
        "unless code that runs before every program imports them",
        InterlockWarning,
        stacklevel=3,
    )


def _selection(only: "Iterable[str] | None") -> tuple[str, ...]:
    if only is None:
        return REPLACED
    wanted = {only} if isinstance(only, str) else set(only)
    unknown = sorted(map(str, wanted.difference(REPLACED)))
    if unknown:
        raise ValueError(
            f"interlock does not replace {', '.join(unknown)}; it replaces {', '.join(REPLACED)}"
        )
    return tuple(name for name in REPLACED if name in wanted)


def _install(
    wanted: tuple[str, ...], *, strict: bool
) -> "tuple[tuple[str, ...], Captured, Captured, tuple[str, ...]]":
    """Install. Return the added modules, user and standard modules that hold originals, and the running threads."""
    for name in tuple(_pending):
        _patch_pending(name)  # in case it was imported while our finder was removed
    before = installed()
    added = tuple(name for name in wanted if name not in before)
    # Everything that can raise comes first. Importing one of the modules may import another of them.
    plan: dict[str, Patched] = {}
    for name in added:
        if name in sys.modules and not stays_standard(name):
            __import__(_ours(name))
            plan |= _compare(name)
    user, std = _captured(plan)
    threads = _running_threads()
    if strict and (user or threads):
        from interlock._report import InstallError, refusal

        raise InstallError(refusal(user, threads), user, threads)
    _apply(plan)
    try:
        for name in added:
            if name not in plan:
                _pending[name] = _Pending(name)
                _pending[name].start()
        if added and not before:
            _begin_watching()
    except BaseException:
        _remove(added)
        raise
    return added, user, std, threads


def _patched_names(name: str) -> tuple[str, ...]:
    patched = (_active[module] for module in _MODULES[name] if module in _active)
    return tuple(dict.fromkeys(change.name for one in patched for change in one.changes))


def _ours(name: str) -> str:
    return f"interlock.{name}"


def _find_engine() -> str:
    """Return the file of the extension module, or raise ImportError now and not when a pending module is patched."""
    engine = "interlock._interlock"
    if engine in sys.modules:
        if sys.modules[engine] is not None:
            return sys.modules[engine].__file__ or ""
    else:
        path = sys.modules["interlock"].__path__
        for finder in tuple(sys.meta_path):
            find_spec = getattr(finder, "find_spec", None)  # imports pass over finders without it, too
            spec = find_spec and find_spec(engine, path)
            if spec is not None:
                return spec.origin or ""
    raise ImportError(f"there is no {engine} for this interpreter", name=engine)


def _compare(name: str) -> "dict[str, Patched]":
    from interlock._patches import compare

    return compare(_MODULES[name])


def _patch_pending(name: str) -> None:
    """Patch a pending module if it has been imported; called after an import of that module or of ours."""
    if sys.modules.get(name) is None or any(is_running(part) for part in _PARTS.get(name, ())):
        return  # we are called again at the end of the part's import
    if stays_standard(name):
        return
    try:
        __import__(_ours(name))  # if this is its first import, the end of that import patches it
        if not _is_complete(sys.modules[_ours(name)]):
            return  # this thread, or one waiting for it, is importing it: called again after that
        pending = _pending.pop(name, None)
        if pending is not None:
            pending.cancel()
            _apply(_compare(name))
    except BaseException as error:
        _remove((name,))
        if not isinstance(error, Exception):
            raise
        # The program imports the standard module, which is there.
        _say(f"the standard {name} stays in use: {type(error).__name__}: {error}")


def _is_complete(ours: "ModuleType") -> bool:
    return hasattr(type(ours), "__interlock_std__")  # mirror() is a module's last statement


def _captured(plan: "dict[str, Patched]") -> "tuple[Captured, Captured]":
    if not plan:
        return {}, {}
    from interlock._patches import captured

    return captured(plan)


def _running_threads() -> tuple[str, ...]:
    if "threading" not in sys.modules:
        return ()
    from interlock._capture import running_threads

    return running_threads()


def _apply(plan: "dict[str, Patched]") -> None:
    """Apply all changes, or none of them if one raises."""
    if not plan:
        return
    from interlock._patches import apply

    _active.update(plan)
    try:
        apply(plan)
    except BaseException:
        _undo(plan)
        raise


def _remove(names: tuple[str, ...]) -> None:
    for name in names:
        pending = _pending.pop(name, None)
        if pending is not None:
            pending.cancel()
    modules = (module for name in names for module in _MODULES[name])
    _undo({module: _active[module] for module in modules if module in _active})


def _undo(plan: "dict[str, Patched]") -> None:
    """Restore every name that is still ours."""
    if plan:
        from interlock._patches import undo

        for name, patched in reversed(plan.items()):
            undo(patched)
            _active.pop(name, None)
    if not installed():
        _stop_watching()
        withdraw()


_parts: "dict[str, Any]" = {}
"""Parts that most programs do not need, as far as they were needed so far."""


def _carrier() -> "Carrier":
    from interlock._children import Carrier

    return _parts.setdefault("carrier", Carrier(installed, uninstall))  # type: ignore[no-any-return]


def _green_threads() -> "Watch":
    from interlock._green_threads import Watch

    return _parts.setdefault("green threads", Watch(_step_aside))  # type: ignore[no-any-return]


_watches = (
    WhenImported("multiprocessing.spawn", lambda: _carrier().patch()),
    WhenImported("gevent.events", lambda: _green_threads().subscribe()),
    WhenImported("eventlet.patcher", lambda: _green_threads().wrap()),
)


def _begin_watching() -> None:
    for watch in _watches:
        watch.start()


def _stop_watching() -> None:
    for watch in _watches:
        watch.cancel()
    if "carrier" in _parts:
        _carrier().unpatch()
