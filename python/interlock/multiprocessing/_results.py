"""What the methods of a `ThreadPool` give back: instances of the standard library's classes, on the engine."""

from __future__ import annotations

import multiprocessing.pool as _std

from interlock._interlock import AsyncResult, Gathered

__all__ = ["ApplyResult", "IMapIterator", "IMapUnorderedIterator", "MapResult"]


class ApplyResult(AsyncResult, _std.ApplyResult):  # type: ignore[type-arg]
    """The result of `apply_async()`, an `AsyncResult`."""


class MapResult(AsyncResult, _std.MapResult):  # type: ignore[type-arg]
    """The result of `map_async()` and `starmap_async()`: a list."""


class IMapIterator(Gathered, _std.IMapIterator):  # type: ignore[misc,type-arg]
    """The results of `imap()`, in the order of the items."""


class IMapUnorderedIterator(Gathered, _std.IMapUnorderedIterator):  # type: ignore[misc,type-arg]
    """The results of `imap_unordered()`, as they come."""


for _class in (ApplyResult, MapResult, IMapIterator, IMapUnorderedIterator):
    _class.__module__ = "multiprocessing.pool"
