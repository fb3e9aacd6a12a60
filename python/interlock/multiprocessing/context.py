"""The drop-in for `multiprocessing.context`: contexts that make Interlock's objects and start its processes.

They derive from the standard ones, and share the start method that was chosen there.
"""

from __future__ import annotations

import multiprocessing.context as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from interlock.multiprocessing.synchronize import Lock

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():

    class _Context(_std.BaseContext):
        """What all contexts of ours make."""

        def Lock(self, on_owner_death: Literal["warn", "raise", "ignore"] = "warn") -> Lock:
            """Returns a non-recursive lock object"""
            from interlock.multiprocessing.synchronize import Lock

            return Lock(ctx=self.get_context(), on_owner_death=on_owner_death)

        def get_context(self, method: str | None = None) -> Any:
            if method is None:
                return self
            return _concrete_contexts[super().get_context(method)._name]

    class Process(_std.Process):
        @staticmethod
        def _Popen(process_obj: Any) -> Any:
            return _default_context.get_context().Process._Popen(process_obj)

    class ForkProcess(_std.ForkProcess):
        @staticmethod
        def _Popen(process_obj: Any) -> Any:
            from interlock.multiprocessing.popen_fork import Popen

            return Popen(process_obj)

    class ForkContext(_Context, _std.ForkContext):
        Process = ForkProcess

    class SpawnContext(_Context, _std.SpawnContext):
        pass

    class ForkServerContext(_Context, _std.ForkServerContext):
        pass

    class DefaultContext(_Context, _std.DefaultContext):
        """The context behind the functions of `interlock.multiprocessing`: that of the chosen start method."""

        Process = Process

        def __init__(self) -> None:
            pass  # the state is the standard library's

        def get_context(self, method: str | None = None) -> Any:
            chosen = _std._default_context.get_context(method)
            return _concrete_contexts[chosen._name]

        def set_start_method(self, method: str | None, force: bool = False) -> None:
            _std._default_context.set_start_method(method, force)

        def get_start_method(self, allow_none: bool = False) -> str | None:
            return _std._default_context.get_start_method(allow_none)  # type: ignore[no-any-return]

    _concrete_contexts = {
        "fork": ForkContext(),
        "spawn": SpawnContext(),
        "forkserver": ForkServerContext(),
    }
    _default_context = DefaultContext()
    __replaces__ = (
        "DefaultContext",
        "ForkContext",
        "ForkProcess",
        "ForkServerContext",
        "Process",
        "SpawnContext",
        "_concrete_contexts",
        "_default_context",
    )

mirror(__name__, _std, own=__replaces__)
