"""The drop-in for `multiprocessing.connection`: `Pipe` on the engine's shared memory."""

from __future__ import annotations

import multiprocessing.connection as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.multiprocessing._connections import Pipe as Pipe

    Pipe.__module__ = _std.__name__
    __replaces__ = ("Pipe",)

mirror(__name__, _std, own=__replaces__)
