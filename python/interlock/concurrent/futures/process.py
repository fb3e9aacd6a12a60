"""The drop-in for `concurrent.futures.process`: `ProcessPoolExecutor` on the engine."""

from __future__ import annotations

import concurrent.futures.process as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.concurrent.futures._process_pool import ProcessPoolExecutor

    ProcessPoolExecutor.__module__ = "concurrent.futures.process"
    __replaces__ = ("ProcessPoolExecutor",)

mirror(__name__, _std, own=__replaces__)
