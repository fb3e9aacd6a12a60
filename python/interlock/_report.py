"""The report, the warning and the error of `interlock.install`."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

__all__ = ["InstallError", "InstallReport", "InterlockWarning"]

_NONE: Mapping[str, Sequence[str]] = MappingProxyType({})


class InterlockWarning(RuntimeWarning):
    """Part of the program keeps using the standard library although it could use Interlock."""


class InstallError(RuntimeError):
    """`install(strict=True)` could not reach everything; nothing was changed.

    Attributes:
        captured: modules that had already imported original objects, and the names, as in `InstallReport`.
        threads: names of the threads that were running.
    """

    def __init__(
        self, message: str, captured: Mapping[str, Sequence[str]] = _NONE, threads: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.captured = captured
        self.threads = threads


class InstallReport(SimpleNamespace):
    """The result of one call of `install`; used as a context manager, it undoes that call at the end.

    Attributes:
        enabled: False if ``INTERLOCK=0`` in the environment turned `install` off, or see ``left_to``.
        left_to: "gevent" or "eventlet" if it has patched the process, and `install` has changed nothing; else None.
        modules: the standard modules that are installed now, including those in ``pending``.
        added: the modules that this call installed.
        pending: the modules in ``modules`` that had not been imported when the call returned. Interlock patches each
            when it is imported, before any other code can see it.
        names: the patched names of each module in ``added`` that is not pending.
        shadowed: the names under which the program had imported a module of its own (a ``queue.py``). Interlock
            leaves such a module, and the standard modules that are built on its name, as they are.
        captured: the modules outside the standard library that had already imported original objects
            (``from threading import Lock``), each with the names under which it holds them. These names keep
            the originals; to have them replaced, install earlier.
        captured_stdlib: the same for the standard library's own modules, which continue to work with the
            standard library's objects.
        threads: names of the threads, other than the main and the calling one, that were running.
    """

    enabled: bool
    left_to: str | None
    modules: tuple[str, ...]
    added: tuple[str, ...]
    pending: tuple[str, ...]
    names: Mapping[str, Sequence[str]]
    shadowed: tuple[str, ...]
    captured: Mapping[str, Sequence[str]]
    captured_stdlib: Mapping[str, Sequence[str]]
    threads: tuple[str, ...]

    def __init__(
        self,
        *,
        enabled: bool,
        modules: tuple[str, ...],
        added: tuple[str, ...] = (),
        pending: tuple[str, ...] = (),
        names: Mapping[str, Sequence[str]] = _NONE,
        shadowed: tuple[str, ...] = (),
        captured: Mapping[str, Sequence[str]] = _NONE,
        captured_stdlib: Mapping[str, Sequence[str]] = _NONE,
        threads: tuple[str, ...] = (),
        left_to: str | None = None,
        undo: Callable[[tuple[str, ...]], None] = lambda added: None,
    ) -> None:
        super().__init__(
            enabled=enabled,
            left_to=left_to,
            modules=modules,
            added=added,
            pending=pending,
            names=names,
            shadowed=shadowed,
            captured=captured,
            captured_stdlib=captured_stdlib,
            threads=threads,
        )
        self.__undo = undo

    def __enter__(self) -> Self:
        """Return this report. The modules are already installed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Uninstall the modules that this call installed, and no others. Does not block."""
        self.__undo(self.added)

    def __str__(self) -> str:
        if self.left_to is not None:
            return f"nothing installed: {self.left_to} has patched this process"
        if not self.enabled:
            return "interlock is turned off (INTERLOCK=0)"
        lines = [f"installed: {', '.join(self.modules) or 'nothing'}"]
        if self.pending:
            lines.append(f"patched when imported: {', '.join(self.pending)}")
        if self.shadowed:
            lines.append(f"modules of the program itself, left alone: {', '.join(self.shadowed)}")
        if self.captured:
            lines.append(f"already imported: {describe(self.captured)}")
        if self.captured_stdlib:
            lines.append(f"already imported in the standard library: {describe(self.captured_stdlib)}")
        if self.threads:
            lines.append(f"threads already running: {', '.join(self.threads)}")
        return "\n".join(lines)


def refusal(captured: Mapping[str, Sequence[str]], threads: Sequence[str]) -> str:
    """The message of an `InstallError`."""
    parts = []
    if captured:
        parts.append(f"original names already imported by {describe(captured)}")
    if threads:
        parts.append(f"threads already running: {', '.join(threads)}")
    return f"install(strict=True) changed nothing: {'; '.join(parts)}"


def describe(captured: Mapping[str, Sequence[str]], limit: int = 10) -> str:
    """List the modules with their names in one line, at most ``limit`` of them."""
    parts = [f"{module} ({', '.join(names)})" for module, names in captured.items()]
    if len(parts) > limit:
        parts[limit:] = [f"and {len(parts) - limit} more"]
    return ", ".join(parts)
