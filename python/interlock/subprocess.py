"""The drop-in for `subprocess`: `Popen` on the engine, and the functions that run commands with it.

It has everything in https://docs.python.org/3/library/subprocess.html. Every name that is not listed in
``__replaces__`` is the standard library's own.
"""

import subprocess as _std

from interlock._passthrough import mirror as _mirror
from interlock._subinterpreter import in_subinterpreter as _in_subinterpreter

__replaces__: tuple[str, ...] = ()
_own: tuple[str, ...] = ()
_later: dict[str, str] = {}

# For programs that list the module's namespace. Reading a name gives the standard module's current value.
globals().update({_name: getattr(_std, _name) for _name in _std.__all__})

if not _in_subinterpreter():
    from interlock._commands.functions import standard_functions as _standard_functions
    from interlock._commands.popen import Popen

    __replaces__ = ("Popen",)
    # The standard functions use the `Popen` of their module. So they are replaced here, but not by `install()`.
    _functions = _standard_functions(__name__)
    globals().update(_functions)
    # New names are only here: the standard module lists its names in `__all__`, and programs check that list.
    _own = tuple(_functions)
    _later = {"ManyResult": "interlock._commands.running", "run_many": "interlock._commands.many"}

_mirror(__name__, _std, own=(*__replaces__, *_own), later=_later)
