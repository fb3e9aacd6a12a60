"""The functions of `subprocess`, for a module with another `Popen`."""

from __future__ import annotations

import subprocess as _std
import sys
from types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["standard_functions"]

_NAMES = ("call", "check_call", "check_output", "getoutput", "getstatusoutput", "run")


def standard_functions(module: str) -> dict[str, Any]:
    """Return the standard functions that run commands, as functions of another module, whose names they use.

    If a program has replaced one of them by a function of its own, that function is returned unchanged.
    """
    names = _Names(module)
    found = {name: getattr(_std, name) for name in _NAMES}
    return {name: _moved(what, names, module) for name, what in found.items() if type(what) is FunctionType}


def _moved(function: FunctionType, names: _Names, module: str) -> FunctionType:
    if function.__globals__ is not vars(_std) or function.__closure__:
        return function
    ours = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    ours.__kwdefaults__ = function.__kwdefaults__
    ours.__annotations__ = function.__annotations__
    ours.__doc__ = function.__doc__
    ours.__module__ = module
    return ours


class _Names(dict[str, "Any"]):
    """The attributes of a module, including those of its class, as globals of a function."""

    def __init__(self, module: str) -> None:
        super().__init__(__builtins__=vars(_std)["__builtins__"], __name__=module)
        self._module = module

    def __missing__(self, name: str) -> Any:
        try:
            return getattr(sys.modules[self._module], name)
        except AttributeError:
            raise KeyError(name) from None
