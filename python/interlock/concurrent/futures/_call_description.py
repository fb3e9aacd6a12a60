"""Names a call in a message: its function, and its arguments in short.

A call that was lost with its worker is described from its pickle, so that submitting costs nothing extra. No code of
the program runs meanwhile: each class and function in the pickle is replaced by a class that is made here.
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
"""A larger pickle is not described."""
_LONGEST = 200
_MAPPERS = {("multiprocessing.pool", "mapstar"), ("multiprocessing.pool", "starmapstar")}
"""The functions that a `Pool` calls for chunks, with a function and the items."""


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
    """Replaces an object in a pickle. Each class in the pickle gets a subclass of its own name."""

    _interlock_name = ""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        kind = cls.__name__
        if kind == "_make_skeleton_class":  # a function of cloudpickle, like the next two
            named = [argument for argument in args if isinstance(argument, str)]
            return type(named[0] if named else kind, (_Absent,), {})
        made = super().__new__(cls)
        made._args = args
        if kind == "_make_function" and args:
            made._interlock_name = _name_of_code(args[0])
        elif kind == "_function_setstate" and len(args) == 2 and isinstance(args[0], _Absent):
            args[0]._take_name(args[1])
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
        made: _Absent = _Absent(*args)
        if self._args == ("MethodType",) and len(args) == 2:
            made._interlock_name = f"{_short(args[1])}.{_named(args[0]).rpartition('.')[2]}"
        return made

    def _take_name(self, state: Any) -> None:
        """Take over the qualified name that cloudpickle gives to the function."""
        name = state[1].get("__qualname__") if type(state) is tuple and len(state) == 2 else None
        if isinstance(name, str):
            self._interlock_name = name.rpartition("<locals>.")[2]

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        if self._interlock_name:
            return self._interlock_name
        kind = type(self).__name__
        if kind == "getattr" and len(self._args) == 2:  # a method
            return f"{_short(self._args[0])}.{self._args[1]}"
        if kind == "_rebuild_partial" and len(self._args) == 3:
            fn, args, keywords = self._args
            parts = [_named(fn), *map(_short, args), *(f"{key}={_short(it)}" for key, it in keywords.items())]
            return f"functools.partial({', '.join(parts)})"
        return f"{kind}({', '.join(map(_short, self._args))})"


def _named(fn: Any) -> str:
    return _name(fn) if isinstance(fn, type) else _short(fn)


def _name_of_code(code: Any) -> str:
    """Return the name of a code object: the second string among the arguments from which it is made."""
    texts = [part for part in getattr(code, "_args", ()) if isinstance(part, str)]
    return texts[1] if len(texts) > 1 else ""  # the file, the name, the qualified name


class _Describing(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return type(name.rpartition(".")[2], (_Absent,), {"__qualname__": name, "__module__": module})

    def persistent_load(self, pid: Any) -> Any:
        return _Absent()


def payload_text(payload: Any) -> str | None:
    """Describe a pickled call, or return None if that is not possible. Never raises."""
    try:
        fn, args, kwargs, _ = _call(payload)
        if isinstance(fn, type) and (fn.__module__, fn.__name__) in _MAPPERS:
            fn, items = args[0]
            return f"{_named(fn)} for each of {_short(items)}"
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
    """Return the replacement of the function, the arguments, and the place. Raises if that is not possible."""
    if len(payload) > _LARGEST:
        raise ValueError("it is too large")
    unpickler = _Describing(BytesIO(payload), buffers=itertools.repeat(_Absent()))
    fn, args, kwargs = unpickler.load()
    if isinstance(fn, _Absent) and type(fn).__name__ == "unplaced" and len(fn._args) == 2:
        return fn._args[0], args, kwargs, fn._args[1]
    return fn, args, kwargs, None


def parts_text(function: bytes, items: bytes, is_one: bool) -> str | None:
    """Do the same as `payload_text()` for a call whose function and arguments (or items) were pickled separately."""
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
