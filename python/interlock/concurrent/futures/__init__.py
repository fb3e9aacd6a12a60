"""The drop-in for `concurrent.futures`: `Future`, `ThreadPoolExecutor`, `wait` and `as_completed` on the engine.

It has everything in https://docs.python.org/3/library/concurrent.futures.html. `ProcessPoolExecutor` is loaded when it
is first used. So is all the rest in a child process that is unpickling its work: a worker of a pool imports modules of
this package, and needs none of these names.
"""

from __future__ import annotations

import sys

from interlock._passthrough import mirror_later

mirror_later(__name__, "interlock.concurrent.futures._names")


def _is_unpickling_its_work() -> bool:
    # The variable, which is not there yet while another thread imports the module: the function is, and fails.
    process = getattr(sys.modules.get("multiprocessing.process"), "_current_process", None)
    return hasattr(process, "_inheriting")


if not _is_unpickling_its_work():
    import interlock.concurrent.futures._names
