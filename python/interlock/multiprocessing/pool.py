"""The drop-in for `multiprocessing.pool`: `ThreadPool` on the engine. `Pool` is the standard library's."""

from __future__ import annotations

import multiprocessing.pool as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.multiprocessing._thread_pool import ThreadPool

    ThreadPool.__module__ = "multiprocessing.pool"
    __replaces__ = ("ThreadPool",)

mirror(__name__, _std, own=__replaces__)
