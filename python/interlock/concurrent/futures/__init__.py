"""The drop-in for `concurrent.futures`: `Future`, `ThreadPoolExecutor`, `wait` and `as_completed` on the engine.

It has everything in https://docs.python.org/3/library/concurrent.futures.html. All of it is loaded when a name of this
package is first used, `ProcessPoolExecutor` when that one is. A worker process imports modules of this package, and
needs none of these names.
"""

from __future__ import annotations

from interlock._passthrough import mirror_later

mirror_later(__name__, "interlock.concurrent.futures._names")
