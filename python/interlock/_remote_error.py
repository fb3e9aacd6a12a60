"""The stand-in for an exception of another process that can't be pickled or unpickled."""

from __future__ import annotations

import builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["RemoteError"]


class RemoteError(Exception):
    """Stands in for an exception that a worker process raised and that can't be pickled, or unpickled in this process.

    Its class has the name of the original one, is derived from this class, and from the built-in exception from which
    the original one is derived: ``except ValueError`` catches the stand-in for a subclass of `ValueError`. Its `str()`
    is that of the original. Attributes: `type_name` (module and name of the original class), `message`, `traceback`
    (text), and `reason`: why the original is not here.
    """

    __module__ = "interlock"
    type_name = traceback = reason = ""
    _base = "Exception"

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        facts = self._base, self.type_name, self.message, self.traceback, self.reason
        return stand_in, facts, self.__dict__


def nearest_builtin(error: BaseException) -> str:
    """Return the name of the built-in class from which the class of an exception is derived."""
    return next(kind.__name__ for kind in type(error).__mro__ if _is_builtin(kind))


def _is_builtin(kind: type) -> bool:
    return getattr(builtins, kind.__name__, None) is kind


def stand_in(base: str, type_name: str, message: str, traceback: str, reason: str) -> RemoteError:
    """Make the stand-in for an exception whose class is derived from the built-in class `base`."""
    module, _, name = type_name.rpartition(".")
    kind = getattr(builtins, base, Exception)
    bases = (RemoteError,) if kind in (Exception, BaseException) else (RemoteError, kind)
    names = {"__module__": module, "__qualname__": name, "__doc__": RemoteError.__doc__}
    try:
        error: RemoteError = type(name, bases, names)(message)
    except Exception:  # exception groups and Unicode errors need special arguments
        error = type(name, (RemoteError,), names)(message)
    error._base, error.type_name, error.traceback, error.reason = base, type_name, traceback, reason
    error.add_note(f"This stands in for the worker's exception, which could not be brought here: {reason}")
    return error
