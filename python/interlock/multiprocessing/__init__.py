"""The drop-in for `multiprocessing`: its functions make Interlock's objects, which survive the death of a process."""

import multiprocessing as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing import *

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from types import MethodType

    from interlock.multiprocessing.context import _default_context

    # As in the standard module, these are methods of the default context.
    _own = {
        name: getattr(_default_context, name)
        for name in _std.__all__
        if name == "Process" or isinstance(getattr(_std, name), MethodType)
    }
    _own["LifoQueue"] = _default_context.LifoQueue  # the standard module lacks this name and the next
    _own["PriorityQueue"] = _default_context.PriorityQueue
    globals().update(_own)
    __replaces__ = tuple(_own)

mirror(__name__, _std, own=__replaces__)
