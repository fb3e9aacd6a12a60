"""The drop-in for `multiprocessing.sharedctypes`: its objects lie in the engine's shared memory."""

from __future__ import annotations

import multiprocessing.sharedctypes as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.multiprocessing._values import (
        Array as Array,
    )
    from interlock.multiprocessing._values import (
        RawArray as RawArray,
    )
    from interlock.multiprocessing._values import (
        RawValue as RawValue,
    )
    from interlock.multiprocessing._values import (
        Synchronized as Synchronized,
    )
    from interlock.multiprocessing._values import (
        SynchronizedArray as SynchronizedArray,
    )
    from interlock.multiprocessing._values import (
        SynchronizedBase as SynchronizedBase,
    )
    from interlock.multiprocessing._values import (
        SynchronizedString as SynchronizedString,
    )
    from interlock.multiprocessing._values import (
        Value as Value,
    )
    from interlock.multiprocessing._values import (
        copy as copy,
    )
    from interlock.multiprocessing._values import (
        make_property as make_property,
    )
    from interlock.multiprocessing._values import (
        synchronized as synchronized,
    )

    _own = (
        Array,
        RawArray,
        RawValue,
        Synchronized,
        SynchronizedArray,
        SynchronizedBase,
        SynchronizedString,
        Value,
        copy,
        make_property,
        synchronized,
    )
    for _each in _own:
        # A child process finds the functions that a pickle names here, even if nothing is installed.
        _each.__module__ = __name__
    __replaces__ = tuple(_each.__name__ for _each in _own)

mirror(__name__, _std, own=__replaces__)
