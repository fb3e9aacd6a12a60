"""The drop-in for `concurrent.futures.thread`: `ThreadPoolExecutor` on the engine."""

from __future__ import annotations

import concurrent.futures.thread as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.concurrent.futures._thread_pool import ThreadPoolExecutor

    ThreadPoolExecutor.__module__ = "concurrent.futures.thread"
    __replaces__ = ("ThreadPoolExecutor",)

mirror(__name__, _std, own=__replaces__)
