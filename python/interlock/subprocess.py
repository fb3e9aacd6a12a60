"""The drop-in for `subprocess`: `Popen` on the engine, and the functions that run commands with it.

It has everything in https://docs.python.org/3/library/subprocess.html. What is not listed in ``__replaces__`` is the
standard library's own.
"""

from __future__ import annotations

import subprocess as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

__replaces__: tuple[str, ...] = ()
_own: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock._commands.functions import standard_functions
    from interlock._commands.popen import Popen

    __replaces__ = ("Popen",)
    # The standard functions use the `Popen` of their module. So they are replaced here, and not when installed.
    _functions = standard_functions(__name__)
    globals().update(_functions)
    _own = tuple(_functions)

mirror(__name__, _std, own=(*__replaces__, *_own))
