"""The names of `interlock.concurrent.futures`, which this module makes a mirror when it is imported."""

from __future__ import annotations

import concurrent.futures as _std
import sys

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

_PACKAGE = "interlock.concurrent.futures"

_own: dict[str, object] = {}
_later: dict[str, str] = {}

if not in_subinterpreter():
    from interlock.concurrent.futures._base import Future, as_completed, wait
    from interlock.concurrent.futures.thread import ThreadPoolExecutor

    _own = {
        "Future": Future,
        "ThreadPoolExecutor": ThreadPoolExecutor,
        "as_completed": as_completed,
        "wait": wait,
    }
    _later = {"ProcessPoolExecutor": f"{_PACKAGE}.process"}

vars(sys.modules[_PACKAGE]).update(_own, __replaces__=tuple(_own), _later=_later)
mirror(_PACKAGE, _std, own=_own, later=_later)
