"""The drop-in for `multiprocessing.popen_fork`: `Popen` tells the family of processes how its process ended."""

from __future__ import annotations

import multiprocessing.popen_fork as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock._originals import originals
    from interlock.multiprocessing._family import Announcing

    class Popen(originals(_std, "Popen").Popen, Announcing):  # type: ignore[misc]
        __doc__ = Announcing.__doc__

    __replaces__ = ("Popen",)

mirror(__name__, _std, own=__replaces__)
