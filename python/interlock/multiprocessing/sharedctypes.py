"""The drop-in for `multiprocessing.sharedctypes`: its objects lie in the engine's shared memory."""

from __future__ import annotations

import multiprocessing.sharedctypes as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.multiprocessing import _values

    for _name in _values.__all__:
        globals()[_name] = _value = getattr(_values, _name)
        # A child process finds the function of a pickled object here, also where nothing is installed.
        _value.__module__ = __name__
    __replaces__ = tuple(_values.__all__)

mirror(__name__, _std, own=__replaces__)
