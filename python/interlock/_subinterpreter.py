"""Whether this is a subinterpreter, where the engine cannot be loaded (PyO3 modules refuse it)."""

from __future__ import annotations


def in_subinterpreter() -> bool:
    """Whether the calling code runs in an interpreter other than the main one. Does not block."""
    try:
        from _thread import _is_main_interpreter  # type: ignore[attr-defined]  # from 3.12 on
    except ImportError:
        pass
    else:
        return not _is_main_interpreter()
    try:
        import _xxsubinterpreters as _interpreters  # type: ignore[import-not-found]
    except ImportError:
        return False
    return _number(_interpreters.get_current()) != _number(_interpreters.get_main())


def _number(interpreter: object) -> int:
    """The number of an interpreter, from the int, object or tuple that this version returns for it."""
    return int(interpreter[0] if isinstance(interpreter, tuple) else interpreter)  # type: ignore[arg-type]
