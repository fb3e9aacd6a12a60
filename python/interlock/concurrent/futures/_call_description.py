"""Names a call in a message: its function, and its arguments in short.

A call that was lost with its worker is described from its pickle, so that submitting costs nothing for that. Nothing of
the program runs meanwhile: each class and function in the pickle is represented by a class that is made here.
"""

from __future__ import annotations

import itertools
import pickle
from io import BytesIO
from reprlib import Repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["call_text", "parts_text", "payload_place", "payload_text"]

_LARGEST = 1 << 20
"""The arguments of a larger pickle are not looked at."""
_LONGEST = 200


class _Short(Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = 60

    def repr_instance(self, instance: Any, level: int) -> str:
        if isinstance(instance, type) and issubclass(instance, _Absent):
            return instance.__name__
        return super().repr_instance(instance, level)

    repr_type = repr_instance


_short = _Short().repr


def call_text(fn: object, args: Any = (), kwargs: Any = None) -> str:
    """Describe a call: ``resize('a.png', width=100)``. Never raises."""
    try:
        parts = [_short(argument) for argument in args]
        parts.extend(f"{name}={_short(argument)}" for name, argument in (kwargs or {}).items())
        text = ", ".join(parts)
    except Exception:
        text = "…"
    return f"{_name(fn)}({text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'})"


def _name(fn: object) -> str:
    try:
        name = getattr(fn, "__qualname__", None) or getattr(fn, "_interlock_name", None) or _short(fn)
        return str(name)
    except Exception:
        return object.__repr__(fn)


class _Absent:
    """What an object of a pickle is represented by: an instance of a subclass that has the name of its class."""

    _interlock_name = ""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls)
        made._args = args
        if cls.__name__ in ("_make_function", "_make_skeleton_class") and args:  # of cloudpickle
            named = [argument for argument in args if isinstance(argument, str)]
            made._interlock_name = named[0] if named else ""
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    _args: tuple[Any, ...] = ()

    def __setstate__(self, state: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        pass

    def extend(self, items: Any) -> None:
        pass

    def add(self, item: Any) -> None:
        pass

    def __setitem__(self, key: Any, item: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> _Absent:
        return _Absent()

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        if self._interlock_name:
            return self._interlock_name
        kind = type(self).__name__
        if kind == "getattr" and len(self._args) == 2:  # a method
            return f"{_short(self._args[0])}.{self._args[1]}"
        return f"{kind}({', '.join(map(_short, self._args))})"


class _Describing(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return type(name.rpartition(".")[2], (_Absent,), {"__qualname__": name, "__module__": module})

    def persistent_load(self, pid: Any) -> Any:
        return _Absent()


def payload_text(payload: Any) -> str | None:
    """Describe a pickled call, or return None if that is not possible. Never raises."""
    try:
        fn, args, kwargs, _ = _call(payload)
        if not isinstance(fn, type):
            fn = _Named(repr(fn))
        return call_text(fn, args, kwargs)
    except Exception:
        return None


def payload_place(payload: Any) -> str | None:
    """Return where a pickled call was submitted, if that was noted (`_worker_process.payload`). Never raises."""
    try:
        return _call(payload)[3]
    except Exception:
        return None


def _call(payload: Any) -> tuple[Any, Any, Any, str | None]:
    """Return what stands for the function, the arguments, and the place. Raises if that is not possible."""
    if len(payload) > _LARGEST:
        raise ValueError("it is too large")
    unpickler = _Describing(BytesIO(payload), buffers=itertools.repeat(_Absent()))
    fn, args, kwargs = unpickler.load()
    if isinstance(fn, _Absent) and type(fn).__name__ == "unplaced" and len(fn._args) == 2:
        return fn._args[0], args, kwargs, fn._args[1]
    return fn, args, kwargs, None


def parts_text(function: bytes, items: bytes, is_one: bool) -> str | None:
    """Do the same for a call whose function and arguments, or whose function and items, were pickled apart."""
    try:
        fn, args = (_Describing(BytesIO(part)).load() for part in (function, items))
        if not isinstance(fn, type):
            fn = _Named(repr(fn))
        return call_text(fn, args) if is_one else f"{_name(fn)} for each of {_short(args)}"
    except Exception:
        return None


class _Named:
    def __init__(self, name: str) -> None:
        self._interlock_name = name
