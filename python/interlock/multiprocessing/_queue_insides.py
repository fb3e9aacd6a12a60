"""Attributes of the standard queue that programs inspect, and when its code takes over from a native queue.

A native queue has its messages in the engine. A standard queue runs the standard library's code over our locks and
pipes. A queue is standard from the beginning if its class overrides parts of that code, or names them in its methods.
It becomes standard when a program sets or reads such a part while no other process has the queue; then the queue keeps
its messages.
"""

from __future__ import annotations

from _thread import RLock
from collections import deque
from types import CodeType, FunctionType, MethodType

from interlock._lifecycle import after_fork_in_child
from interlock._originals import methods_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from interlock.multiprocessing._queues import Queue

__all__ = [
    "TASK_PARTS",
    "Hook",
    "Part",
    "Room",
    "Unfinished",
    "Unsent",
    "needs_standard",
    "remember_functions",
    "wait_for_switch",
]

_PARTS = frozenset(
    {"_buffer", "_notempty", "_poll", "_recv_bytes", "_rlock", "_sem", "_send_bytes", "_wlock"}
)
_ENDS = frozenset({"_reader", "_writer"})
_FUNCTIONS = frozenset(
    {"_after_fork", "_feed", "_finalize_close", "_finalize_join", "_reset", "_start_thread"}
)
TASK_PARTS = frozenset({"_cond", "_unfinished_tasks"})
"""Additional parts of a queue whose tasks can be waited for."""

_lock: Any = RLock()
"""Held by the thread that makes a queue standard."""
after_fork_in_child(_lock._at_fork_reinit)  # another thread of the parent may have held it


def wait_for_switch() -> None:
    """Block while another thread makes a queue standard. That is short: the other thread does not wait for anything."""
    with _lock:
        pass


def look_inside(queue: Queue, name: str) -> None:
    """Make the queue standard, because a program needs its `name`. Raises AttributeError if that is not possible."""
    with _lock:
        if queue._interlock_is_standard():
            return
        if queue._interlock_has_begun():
            _switch(queue, name)
        else:  # the `__setstate__` of a derived class, which sets all parts
            queue._interlock_become_standard()


def _switch(queue: Queue, name: str) -> None:
    if queue._interlock_body is None:
        raise AttributeError(
            f"a {type(queue).__name__} has no {name}: the standard library has no such queue"
        )
    if queue._interlock_is_shared():
        raise AttributeError(
            f"{name} is part of the standard library's queue. This one is native, and other processes have it "
            "already: use what it needs before, or name it in a method of a derived class"
        )
    unfinished = queue._interlock_unfinished()
    queue._interlock_become_standard()
    left: list[Any] = []
    while one := queue._interlock_take_left():
        left += one
    while queue._interlock_task_done():
        pass
    queue._interlock_fill(left, unfinished)


def needs_standard(cls: type) -> bool:
    """Whether objects of a class run the standard library's code from the beginning."""
    if _changed_before:
        return True
    parts: frozenset[str] = _PARTS | _FUNCTIONS | cls._interlock_more_parts  # type: ignore[attr-defined]
    for base in cls.__mro__:
        own = _own_functions.get(base)
        if own is not None:
            if any(base.__dict__.get(name) is not what for name, what in own.items()):
                return True  # a function of this class has been replaced
        elif not (parts | _ENDS).isdisjoint(base.__dict__) or any(
            _uses(parts, code) for code in _codes(base)
        ):
            return True
    return False


_own_functions: dict[type, dict[str, Any]] = {}
"""The standard classes and ours, each with its functions by name; None if the class does not define that name."""
_changed_before: list[type] = []
"""The standard classes with a function that an agent had changed before Interlock was imported."""


def remember_functions(*classes: type) -> None:
    """Remember the functions of these classes, so that a later change is noticed."""
    for cls in classes:
        _own_functions[cls] = {name: cls.__dict__.get(name) for name in _FUNCTIONS}
        if cls.__module__ == "multiprocessing.queues":
            unchanged = methods_of(cls)
            if not all(unchanged.get(name, True) for name in (*_FUNCTIONS, "put", "get")):
                _changed_before.append(cls)


def _codes(cls: type) -> Iterator[CodeType]:
    for what in cls.__dict__.values():
        functions = (
            (what.fget, what.fset) if isinstance(what, property) else (getattr(what, "__func__", what),)
        )
        for function in functions:
            if isinstance(function, FunctionType):
                yield from _nested(function.__code__)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _uses(parts: frozenset[str], code: CodeType) -> bool:
    names = set(code.co_names)
    if not parts.isdisjoint(names):
        return True
    return not _ENDS.isdisjoint(names) and not _ENDS.isdisjoint(_stored(code))


def _stored(code: CodeType) -> set[str]:
    """Return the names of the attributes that a function sets."""
    from opcode import opmap

    store = opmap["STORE_ATTR"]
    steps = zip(code.co_code[::2], code.co_code[1::2], strict=True)
    # (With more than 256 names, the numbers are wider: then we assume that the function sets all of them.)
    wide = len(code.co_names) > 256
    return set(code.co_names) if wide else {code.co_names[name] for step, name in steps if step == store}


class Part:
    """An attribute of the standard queue. Reading it from a native queue gives a view, or makes the queue standard."""

    def __init__(self, name: str, view: Callable[[Any], Any] | None = None) -> None:
        self._name = name
        self._view = view

    def __get__(self, queue: Any, cls: type | None = None) -> Any:
        if queue is None:
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {self._name!r}")  # type: ignore[union-attr]
        if not queue._interlock_is_standard():
            if self._view is not None:
                return self._view(queue)
            look_inside(queue, self._name)
        try:
            return queue.__dict__[self._name]
        except KeyError:
            wait_for_switch()
        try:
            return queue.__dict__[self._name]
        except KeyError:
            raise AttributeError(f"{type(queue).__name__!r} object has no attribute {self._name!r}") from None

    def __set__(self, queue: Any, value: Any) -> None:
        look_inside(queue, self._name)
        queue.__dict__[self._name] = value

    def __delete__(self, queue: Any) -> None:
        look_inside(queue, self._name)
        del queue.__dict__[self._name]


class Hook:
    """A function of the standard library's class that its own code calls. Setting it makes the queue standard."""

    def __init__(self, name: str, function: Any, native: Callable[..., None]) -> None:
        self._name = name
        self._function = function
        self._native = native

    def __get__(self, queue: Any, cls: type | None = None) -> Any:
        if queue is None:
            return self._function
        if self._name in queue.__dict__:
            return queue.__dict__[self._name]
        is_native = queue._interlock_has_begun() and not queue._interlock_is_standard()
        return MethodType(self._native if is_native else self._function, queue)

    def __set__(self, queue: Any, value: Any) -> None:
        look_inside(queue, self._name)
        queue.__dict__[self._name] = value


class Room:
    """The `_sem` of a native queue: it shows the room left. Only `put()` and `get()` change that."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    @property
    def _semlock(self) -> Room:
        return self

    def _get_value(self) -> int:
        return self._queue._maxsize - self._queue.qsize()

    get_value = _get_value

    def _is_zero(self) -> bool:
        return self._queue.full()


class Unfinished:
    """The `_unfinished_tasks` of a native queue: their number. Only `put()` and `task_done()` change it."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    @property
    def _semlock(self) -> Unfinished:
        return self

    def _get_value(self) -> int:
        return self._queue._interlock_unfinished()

    get_value = _get_value

    def _is_zero(self) -> bool:
        return self._get_value() == 0


class Unsent(deque[object]):
    """The `_buffer` of a native queue: always empty, as `put()` sends at once. An appended object is put."""

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self._queue = queue

    def append(self, obj: object) -> None:
        """Put an object."""
        self._queue.put(obj)
