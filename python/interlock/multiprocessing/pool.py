"""The drop-in for `multiprocessing.pool`: `Pool` and `ThreadPool` on the engine."""

from __future__ import annotations

import multiprocessing.pool as _std

from interlock._originals import originals
from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.multiprocessing._thread_pool import ThreadPool

    # By name, because that package uses executors, which use this package.
    Pool = __import__("interlock._multiprocessing_pool.pool", fromlist=("Pool",)).Pool
    Pool.register(ThreadPool)
    Pool.register(originals(_std, "ThreadPool").ThreadPool)
    Pool.__module__ = ThreadPool.__module__ = "multiprocessing.pool"
    __replaces__ = ("Pool", "ThreadPool")

mirror(__name__, _std, own=__replaces__)
