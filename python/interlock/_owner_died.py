"""The warning and the error of a lock whose owner, another process, died while it held it."""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["OwnerDiedError", "OwnerDiedWarning"]


class _NamesTheDead(Exception):
    """The common part of the warning and the error."""

    def __init__(
        self,
        message: str,
        pid: int | None = None,
        process_name: str | None = None,
        exitcode: int | None = None,
    ) -> None:
        super().__init__(message)
        self.pid, self.process_name, self.exitcode = pid, process_name, exitcode

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (*self.args, self.pid, self.process_name, self.exitcode)


class OwnerDiedWarning(_NamesTheDead, RuntimeWarning):
    """A process died while it held a lock, which the caller holds now. The data under the lock may be inconsistent.

    Issued once for each death. Attributes: `pid`, `process_name` and `exitcode` of the dead process, as `Process` has
    them (a signal is a negative number); None where that is not known.
    """

    __module__ = "interlock"


class OwnerDiedError(_NamesTheDead, RuntimeError):
    """A process died while it held a lock that was made with ``on_owner_death="raise"``.

    The caller has not acquired the lock, and no process can, until one has repaired the data under the lock and calls
    the lock's `recover()`. The attributes are those of `OwnerDiedWarning`.
    """

    __module__ = "interlock"


def describe(pid: int | None, process_name: str | None, exitcode: int | None) -> str:
    """Name a dead process in a sentence."""
    if pid is None:
        return "a process"
    known = [repr(process_name)] if process_name else []
    if exitcode is not None:
        known.append(_end(exitcode))
    return f"process {pid} ({', '.join(known)})" if known else f"process {pid}"


def _end(exitcode: int) -> str:
    if exitcode >= 0:
        return f"exit code {exitcode}"
    try:
        return f"killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"killed by signal {-exitcode}"


def warn(what: str, pid: int | None, process_name: str | None, exitcode: int | None) -> None:
    """Warn the caller of the method that acquired the dead process's lock."""
    import warnings

    message = f"{describe(pid, process_name, exitcode)} died while it held this {what}"
    warnings.warn(OwnerDiedWarning(message, pid, process_name, exitcode), stacklevel=2)


def error(what: str, pid: int | None, process_name: str | None, exitcode: int | None) -> OwnerDiedError:
    """Return the error of a lock that no process can acquire before it is recovered."""
    message = (
        f"{describe(pid, process_name, exitcode)} died while it held this {what}; call its recover() first"
    )
    return OwnerDiedError(message, pid, process_name, exitcode)


def warn_of_lost_permits(lost: int) -> None:
    """Warn the caller of a semaphore's `acquire()` that permits are lost for good."""
    import warnings

    message = f"permits of this semaphore were lost with processes that died: {lost} in all"
    warnings.warn(OwnerDiedWarning(message), stacklevel=2)


def barrier_message(pid: int | None, process_name: str | None, exitcode: int | None) -> str:
    """Say why a barrier is broken."""
    return f"{describe(pid, process_name, exitcode)} died while it waited at this barrier"
