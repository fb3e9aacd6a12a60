"""How calls, results and exceptions travel between a process pool and its workers.

Everything is pickled as `multiprocessing` pickles it. Objects that it refuses (a lambda, a class made in a function)
are pickled by value if `cloudpickle` is installed. In an interactive session, a function or class of the main module
travels by name and by value: a worker that was forked after its definition uses its own, any other worker takes the
value.

A worker imports this module first of all, so modules that only errors need are imported when an error occurs.

An exception travels in parts: its pickle, and facts about it that can be read without unpickling. So an exception that
can't be pickled, or unpickled, arrives as an `interlock.RemoteError` with its type's name, its message and its
traceback.
"""

from __future__ import annotations

import sys
from collections import ChainMap
from functools import cache
from io import BytesIO, TextIOWrapper
from multiprocessing.reduction import ForkingPickler
from operator import attrgetter
from pickle import dumps as _plainly
from types import BuiltinFunctionType, FunctionType, ModuleType, NoneType

from interlock._remote_error import nearest_builtin, stand_in
from interlock.multiprocessing._pickling import QUEUES, dump, dump_by, loads
from interlock.multiprocessing._pickling import packed as dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock._task_error_classes import TransportError

__all__ = [
    "call_lost",
    "dump_alone",
    "dump_call",
    "dump_exception",
    "dump_result",
    "load_exception",
    "result_lost",
]

_modules = sys.modules
_ATOMS = frozenset({bool, float, int, str, NoneType})
"""Types that need no reducer: the plain pickler does the same for them, and is faster."""


def _is_plain(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the plain pickler makes the same pickle of a call: a function with a name, and simple arguments."""
    kind = type(fn)
    if kind is not FunctionType and (kind is not BuiltinFunctionType or type(fn.__self__) is not ModuleType):  # type: ignore[attr-defined]
        return False
    return not kwargs and _ATOMS.issuperset(map(type, args))


def dump_call(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Pickle a call. Raises the pickler's exception, with a note that names the path to the part to blame."""
    call = fn, args, kwargs
    try:
        payload = _plainly(call) if _is_plain(fn, args, kwargs) else dump(call, QUEUES)
    except Exception as error:
        by_value = _by_value(call)
        if by_value is not None:
            return by_value
        _blame(error, {"fn": fn, "args": args, "kwargs": kwargs})
        raise
    if hasattr(_modules["__main__"], "__file__"):
        return payload
    parts: Any = (payload,) if type(payload) is bytes else payload[0]
    if not any(b"__main__" in part for part in parts):
        return payload
    return _with_values(call) or payload


def call_lost(error: BaseException) -> TransportError:
    """Return the error of a call that this worker could not unpickle."""
    lost = _lost("the worker could not unpickle the call, which did not run", error)
    lost.__cause__ = error
    return lost


def dump_result(result: object) -> Any:
    """Pickle a result, in a worker. Raises the pickler's exception, with a note that names the result's type."""
    try:
        return dump(result, QUEUES)
    except Exception as error:
        by_value = _by_value(result)
        if by_value is not None:
            return by_value
        error.add_note(
            f"The call has returned, but its result, of type {_type_name(result)}, can't be sent back."
        )
        _blame(error, {"result": result})
        raise


def result_lost(error: BaseException) -> TransportError:
    """Return the error of a call whose result could not be unpickled, in the process that waits for it."""
    lost = _lost("the call has returned, but its result could not be unpickled", error)
    lost.__cause__ = error
    return lost


def dump_exception(error: BaseException) -> bytes:
    """Pickle an exception with the text of its traceback, in a worker. Never raises; releases the frames."""
    try:
        from traceback import format_exception

        text = "".join(format_exception(error))
    except BaseException as failure:
        text = f"<the traceback could not be formatted: {type(failure).__name__}>\n"
    return _dumped_with(error, text)


def dump_alone(error: BaseException) -> bytes:
    """Do the same for an exception without a traceback; it gets no cause."""
    return _dumped_with(error, None)


def _dumped_with(error: BaseException, text: str | None) -> bytes:
    try:
        error.__traceback__ = None
        return dumps((*_dumped(error), nearest_builtin(error), _type_name(error), _message(error), text))
    except BaseException as failure:  # out of memory, perhaps
        reason = f"{type(failure).__name__} while it was pickled"
        return dumps(
            (None, reason, "Exception", "builtins.Exception", "an exception that could not be sent", "")
        )


def load_exception(data: Any, cause: Any = None, strictly: bool = False) -> BaseException:
    """Unpickle an exception, in the process that waits for the result. Raises nothing of its own, unless `strictly`.

    If there is a text of the worker's traceback, `cause` makes the exception's `__cause__` from it. `cause` is the
    class that the standard library uses for that in its pool; the default is the one of its executor.
    """
    try:
        pickled, reason, builtin, type_name, message, text = loads(data)
    except Exception as failure:
        if strictly:
            raise
        pickled, reason, text = None, repr(failure), ""
        builtin, type_name, message = "Exception", "builtins.Exception", "an exception that could not be read"
    error = None
    if pickled is not None:
        try:
            error = loads(pickled)
        except Exception as failure:
            if strictly:
                raise
            reason = f"it can't be unpickled ({_type_name(failure)}: {_message(failure)})"
        else:
            if not isinstance(error, BaseException):
                reason = f"its pickle makes an object of type {_type_name(error)}"
                error = None
    if error is None:
        error = stand_in(builtin, type_name, message, text or "", reason)
    if cause is None:
        from concurrent.futures.process import _RemoteTraceback as cause
    if text is not None:
        error.__cause__ = cause(f'\n"""\n{text}"""')
    return error


def _lost(what: str, error: BaseException) -> TransportError:
    from interlock._task_error_classes import TransportError

    return TransportError(f"{what}: {_type_name(error)}: {_message(error)}")


def _dumped(error: BaseException) -> tuple[bytes | None, str]:
    try:
        return dumps(error), ""
    except BaseException as failure:
        reason = f"it can't be pickled ({_type_name(failure)}: {_message(failure)})"
        return _by_value(error), reason


def _type_name(thing: object) -> str:
    kind = type(thing)
    return f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:
        return "<its message could not be formatted>"


def _blame(error: Exception, parts: dict[str, Any]) -> None:
    """Add notes to the error that give the path to the part that can't be pickled."""
    from interlock.multiprocessing._culprit import note_culprit

    try:
        is_function = note_culprit(error, parts)
    except Exception:  # raised by the program's objects while their parts were read
        return
    if is_function and _cloudpickle() is None:
        error.add_note("If cloudpickle is installed, such functions and classes are sent by value.")


def _cloudpickle() -> Any:
    """Return the module, or None if it is not installed."""
    try:
        import cloudpickle
    except ImportError:
        return None
    return cloudpickle


def _by_value(thing: object) -> bytes | None:
    """Pickle an object with functions and classes by value; return None if that is not possible either."""
    cloudpickle = _cloudpickle()
    if cloudpickle is None:
        return None
    buffer = BytesIO()
    try:
        _pickler_by_value(cloudpickle.CloudPickler)(buffer).dump(thing)
    except Exception:
        return None
    return buffer.getvalue()


@cache
def _pickler_by_value(base: Any) -> Any:
    """Return a class of picklers derived from cloudpickle's that can also pickle what `multiprocessing` can pickle.

    It refuses objects that would arrive as another type: cloudpickle turns an open file into a `StringIO`, and a
    memoryview into bytes.
    """
    own, *others = base.dispatch_table.maps
    refused = dict.fromkeys((TextIOWrapper, memoryview), _plain_reduction)
    known = ChainMap({**own, **refused}, ForkingPickler._extra_reducers, *others)  # type: ignore[attr-defined]
    return type("_PicklerByValue", (base,), {"dispatch_table": known})


def _plain_reduction(thing: object) -> Any:
    return thing.__reduce_ex__(5)  # raises TypeError


def _with_values(thing: object) -> Any:
    """Pickle an object, with functions and classes of the main module by name and value; None if that fails."""
    cloudpickle = _cloudpickle()
    if cloudpickle is None:
        return None
    try:
        return dump_by(_pickler_with_values(cloudpickle.CloudPickler), thing)
    except Exception:
        return None


@cache
def _pickler_with_values(base: Any) -> Any:
    by_value = _pickler_by_value(base)

    def reduced(_: Any, obj: Any) -> Any:
        if (
            not isinstance(obj, (FunctionType, type))
            or obj.__module__ != "__main__"
            or _in_main_module(obj.__qualname__) is not obj
        ):
            return NotImplemented
        buffer = BytesIO()
        by_value(buffer).dump(obj)
        return _of_main_module, (obj.__qualname__, type(obj).__name__, buffer.getvalue())

    return type("_PicklerWithValues", (ForkingPickler,), {"reducer_override": reduced})


def _of_main_module(name: str, kind: str, value: bytes) -> Any:
    """Return the object of this name in the worker's main module, or else unpickle the value."""
    found = _in_main_module(name)
    return found if type(found).__name__ == kind else loads(value)


def _in_main_module(name: str) -> Any:
    try:
        return attrgetter(name)(_modules["__main__"])
    except AttributeError:
        return None
