"""Finds the part of an object that can't be pickled."""

from __future__ import annotations

from types import FunctionType, MethodType

from interlock.multiprocessing._pickling import packed as dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["note_culprit"]

_PROTOCOL = 4
_DEEPEST = 100
"""The most steps of a path: an object that is nested too deeply to be pickled has no culprit."""


def note_culprit(error: Exception, items: dict[str, Any]) -> bool:
    """Add a note to an error of pickling named items: the path to the deepest part that can't be pickled.

    Returns whether that part is a function or a class. This pickles the parts one by one, so it takes several times as
    long as pickling the items.
    """
    name = next((name for name, item in items.items() if not _can_be_pickled(item)), None)
    if name is None:
        return False
    path, culprit = _deepest(name, items[name])
    error.add_note(f"What can't be pickled is {path}, of type {type(culprit).__name__}.")
    return isinstance(culprit, (FunctionType, type))


def _deepest(path: str, culprit: Any) -> tuple[str, Any]:
    seen = {id(culprit): culprit}
    while len(seen) < _DEEPEST:
        for step, part in _parts(culprit):
            if id(part) not in seen and not _can_be_pickled(part):
                path, culprit = path + step, part
                seen[id(part)] = part
                break
        else:
            break
    return path + _locals(culprit), culprit


def _can_be_pickled(part: object) -> bool:
    try:
        dumps(part)
    except Exception:
        return False
    return True


def _locals(culprit: object) -> str:
    """Return what to add to the path for a function or class that was made inside a function."""
    is_local = isinstance(culprit, (FunctionType, type)) and "<locals>" in culprit.__qualname__
    return ".<locals>" if is_local else ""


def _parts(whole: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of an object that its pickle contains, each with the path to it."""
    kind = type(whole)
    if kind is dict:
        yield from _items(whole.items())
    elif kind in (list, tuple):
        yield from ((f"[{index}]", part) for index, part in enumerate(whole))
    elif kind in (set, frozenset):
        yield from ((".<element>", part) for part in whole)
    elif kind is MethodType:
        yield ".__self__", whole.__self__
        yield ".__func__", whole.__func__
    elif not isinstance(whole, (type, FunctionType)):
        yield from _reduced(whole)


def _items(items: Any) -> Iterator[tuple[str, Any]]:
    for key, part in items:
        yield f".<key {key!r:.60}>", key
        yield f"[{key!r:.60}]", part


def _reduced(whole: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of an object that reduces itself: mostly its attributes."""
    try:
        reduced = whole.__reduce_ex__(_PROTOCOL)
    except Exception:
        return
    if not isinstance(reduced, tuple):
        return
    _, args, state, elements, items = (*reduced, None, None, None)[:5]
    states = state if isinstance(state, tuple) else (state,)
    if all(isinstance(attributes, (dict, type(None))) for attributes in states):
        for attributes in states:
            yield from ((f".{name}", part) for name, part in (attributes or {}).items())
    else:
        yield ".<state>", state
    yield from ((f"[{index}]", part) for index, part in enumerate(elements or ()))
    yield from _items(items or ())
    # A base class that reduces itself passes its contents as arguments.
    yield from ((f".<argument {index}>", part) for index, part in enumerate(args))
