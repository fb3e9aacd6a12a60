"""The process classes of the three start methods, for contexts of ours: the standard ones, started by our `Popen`."""

from __future__ import annotations

from multiprocessing import context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ForkProcess", "ForkServerProcess", "SpawnProcess"]


class ForkProcess(context.ForkProcess):
    """A process that is started by fork."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from interlock.multiprocessing.popen_fork import Popen

        return Popen(process_obj)


class SpawnProcess(context.SpawnProcess):
    """A process that is started as a fresh interpreter."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from interlock.multiprocessing.popen_spawn_posix import Popen

        return Popen(process_obj)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Arrive in the child as an object of the standard class, because only the parent needs the additions of ours.

        So a child whose function needs nothing of Interlock does not load it. That saves a tenth of its run time.
        """
        reduced: Any = super().__reduce_ex__(protocol)
        standard = context.SpawnProcess  # ours, after `install()`
        if reduced[1] == (SpawnProcess,) and standard.__module__ == context.__name__:
            return object.__new__, (standard,), *reduced[2:]
        return reduced


class ForkServerProcess(context.ForkServerProcess):
    """A process that is started by the fork server."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from interlock.multiprocessing.popen_forkserver import Popen

        return Popen(process_obj)
