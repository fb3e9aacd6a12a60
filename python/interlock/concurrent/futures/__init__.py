"""The drop-in for `concurrent.futures`: `Future`, `ThreadPoolExecutor`, `wait` and `as_completed` on the engine.

It has everything in https://docs.python.org/3/library/concurrent.futures.html. `ProcessPoolExecutor` is loaded when it
is first used.
"""

from __future__ import annotations

import concurrent.futures as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()
_later: dict[str, str] = {}

if not in_subinterpreter():
    from interlock.concurrent.futures._base import Future, as_completed, wait
    from interlock.concurrent.futures.thread import ThreadPoolExecutor

    __replaces__ = ("Future", "ThreadPoolExecutor", "as_completed", "wait")
    _later = {"ProcessPoolExecutor": "interlock.concurrent.futures.process"}

mirror(__name__, _std, own=__replaces__, later=_later)
