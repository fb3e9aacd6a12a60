"""What `interlock.install` tells: its report, its warning and its error."""

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
    """Part of the program goes on with the standard library where it could use Interlock."""


class InstallError(RuntimeError):
    """`install(strict=True)` could not reach everything; nothing was changed.

    Attributes:
        captured: user modules and the original objects that they took, as in `InstallReport`.
        threads: names of the threads that were running.
    """

    def __init__(
        self, message: str, captured: Mapping[str, Sequence[str]] = _NONE, threads: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.captured = captured
        self.threads = threads


class InstallReport(SimpleNamespace):
    """The outcome of one call of `install`; as a context manager it takes that call back at the end.

    Attributes:
        enabled: False if `install` was turned off by ``INTERLOCK=0`` in the environment, or see ``left_to``.
        left_to: "gevent" or "eventlet" if it has patched the process, and `install` has changed nothing; else None.
        modules: the standard modules that are installed now, those in ``pending`` included.
        added: those that this call installed.
        pending: those in ``modules`` that had not been imported when the call returned. They are patched when they are
            imported, before any other code can see them.
        names: the patched names of each module in ``added`` that is not pending.
        captured: the modules outside the standard library that had taken original objects before
            (``from threading import Lock``), each with the names that it holds them under. These names stay
            as they are: install earlier to have them replaced.
        captured_stdlib: the same for the standard library's own modules. They go on to work, on the
            standard library's objects.
        threads: names of the threads, other than the main and the calling one, that were running.
    """

    enabled: bool
    left_to: str | None
    modules: tuple[str, ...]
    added: tuple[str, ...]
    pending: tuple[str, ...]
    names: Mapping[str, Sequence[str]]
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
            captured=captured,
            captured_stdlib=captured_stdlib,
            threads=threads,
        )
        self.__undo = undo

    def __enter__(self) -> Self:
        """Return the report. The modules are installed already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take back what this call installed; what was installed before it stays. Does not block."""
        self.__undo(self.added)

    def __str__(self) -> str:
        if self.left_to is not None:
            return f"nothing installed: {self.left_to} has patched this process"
        if not self.enabled:
            return "interlock is turned off (INTERLOCK=0)"
        lines = [f"installed: {', '.join(self.modules) or 'nothing'}"]
        if self.pending:
            lines.append(f"patched when imported: {', '.join(self.pending)}")
        if self.captured:
            lines.append(f"captured before: {describe(self.captured)}")
        if self.captured_stdlib:
            lines.append(f"captured in the standard library: {describe(self.captured_stdlib)}")
        if self.threads:
            lines.append(f"threads already running: {', '.join(self.threads)}")
        return "\n".join(lines)


def describe(captured: Mapping[str, Sequence[str]], limit: int = 10) -> str:
    """Name the modules and their names in one line, the first ``limit`` of them."""
    parts = [f"{module} ({', '.join(names)})" for module, names in captured.items()]
    if len(parts) > limit:
        parts[limit:] = [f"and {len(parts) - limit} more"]
    return ", ".join(parts)
