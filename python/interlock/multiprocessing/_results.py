"""The results that a native `ThreadPool` returns: instances of the standard library's classes, on the engine.

They are native like their pool. Materializing a result materializes its pool as well: the result is then in the pool's
`_cache`, and gets its value as the standard library's results do.
"""

from __future__ import annotations

from types import SimpleNamespace

from interlock._interlock import AsyncResult, ResultIterator
from interlock._native_classes import fresh, make_native, ways_in
from interlock._originals import originals

TYPE_CHECKING = False
if TYPE_CHECKING:
    import multiprocessing.pool as _std
    from collections.abc import Callable
    from typing import Any
else:
    from multiprocessing import pool

    _std = originals(pool, "ApplyResult", "IMapIterator", "IMapUnorderedIterator", "MapResult")

__all__ = ["ApplyResult", "IMapIterator", "IMapUnorderedIterator", "MapResult"]


class ApplyResult(AsyncResult, _std.ApplyResult):  # type: ignore[type-arg]
    """The result of `apply_async()`, an `AsyncResult`."""

    __dict__, __setattr__, __delattr__, __reduce_ex__ = ways_in


class MapResult(AsyncResult, _std.MapResult):  # type: ignore[type-arg]
    """The result of `map_async()` and `starmap_async()`: a list."""

    __dict__, __setattr__, __delattr__, __reduce_ex__ = ways_in


class IMapIterator(ResultIterator, _std.IMapIterator):  # type: ignore[misc,type-arg]
    """The results of `imap()`, in the order of the items."""

    __dict__, __setattr__, __delattr__, __reduce_ex__ = ways_in


class IMapUnorderedIterator(ResultIterator, _std.IMapUnorderedIterator):  # type: ignore[misc,type-arg]
    """The results of `imap_unordered()`, as they arrive."""

    __dict__, __setattr__, __delattr__, __reduce_ex__ = ways_in


def _of_pool(pool: Any, made: dict[str, Any]) -> dict[str, Any]:
    made["_pool"] = pool
    if pool is not None:
        pool._interlock_materialize()
        made["_cache"] = pool._cache
    return made


def _of_call(std: type, result: Any, *sizes: int) -> dict[str, Any]:
    nowhere = SimpleNamespace(_cache={})
    answer, origin = result._interlock_answer(), result._interlock_origin()
    if answer is None and origin is not None:
        pool, callbacks, values = origin
        made = _of_pool(pool, fresh(std, nowhere, *sizes, *callbacks))
        if values is not None:
            made["_value"] = values
        return made
    # The call is done. A standard result has no pool any more then, either.
    made = _of_pool(None, fresh(std, nowhere, *sizes, None, None))
    answer = result._interlock_answer()
    if answer is not None:
        made["_success"], made["_value"] = answer
        made["_event"].set()
    return made


_StdApplyResult, _StdMapResult = _std.ApplyResult, _std.MapResult


def _of_apply(result: Any, _: bool) -> dict[str, Any]:
    return _of_call(_StdApplyResult, result)


def _of_map(result: Any, _: bool) -> dict[str, Any]:
    chunksize, _left = result._interlock_progress() or (0, 0)
    return _of_call(_StdMapResult, result, chunksize, 0)


def _of_iterator(std: type) -> Callable[[Any, bool], dict[str, Any]]:
    def attributes(iterator: Any, _: bool) -> dict[str, Any]:
        return _of_pool(iterator._interlock_pool(), fresh(std, SimpleNamespace(_cache={})))

    return attributes


def _finish(result: Any, pool: Any, succeeded: bool, value: Any) -> None:
    """Deliver the value of a materialized result; the engine calls this when the call is done."""
    pool._outqueue.put((result._job, 0, (succeeded, value)))


def _finish_map(result: Any, pool: Any, succeeded: bool, value: Any) -> None:
    """Do the same for a map: deliver at once all chunks that were not done when the result was materialized."""
    result._interlock_materialize()  # another thread may be materializing it
    size = result._chunksize
    for number in range(result._number_left):
        chunk = value[number * size : (number + 1) * size] if succeeded else value
        pool._outqueue.put((result._job, number, (succeeded, chunk)))


def _part(look: str, name: str, place: int) -> Callable[[Any], Any]:
    """Return a reader of a native result's attribute. It takes the attribute from what the method `look` returns.

    If that is None, reading materializes the result.
    """

    def read(result: Any) -> Any:
        parts = getattr(result, look)()
        if parts is None:
            result._interlock_materialize()
            return getattr(result, name)
        return parts[place]

    return read


_of_both = {
    "_pool": None,
    "_event": None,
    "_job": None,
    "_cache": None,
    "_callback": None,
    "_error_callback": None,
    "_success": _part("_interlock_answer", "_success", 0),
    "_value": _part("_interlock_answer", "_value", 1),
}
_of_chunks = {
    "_chunksize": _part("_interlock_progress", "_chunksize", 0),
    "_number_left": _part("_interlock_progress", "_number_left", 1),
}
make_native(ApplyResult, _std.ApplyResult, _of_apply, _of_both, (), finish=_finish)
make_native(MapResult, _std.MapResult, _of_map, _of_both | _of_chunks, (), finish=_finish_map)
for _class, _like in ((IMapIterator, _std.IMapIterator), (IMapUnorderedIterator, _std.IMapUnorderedIterator)):
    make_native(
        _class,
        _like,
        _of_iterator(_like),
        {
            "_pool": None,
            "_cond": None,
            "_job": None,
            "_cache": None,
            "_items": None,
            "_unsorted": None,
            "_length": lambda iterator: iterator._interlock_counts()[0],
            "_index": lambda iterator: iterator._interlock_counts()[1],
        },
        (),
    )
