"""Tells the family of processes when a child has started, and how it has ended."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Announcing", "announcing", "families"]


class _Families(dict[int, "Any"]):
    """The families that this process is in, by their inodes. It makes its objects in the first that it can hand on."""


families = _Families()


class Announcing:
    """A ``Popen`` that tells the family when its process has started, and how it has ended."""

    _interlock_places: dict[int, Any]

    @property
    def pid(self) -> int:
        try:
            return self.__dict__["pid"]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'pid'") from None

    @pid.setter
    def pid(self, pid: int) -> None:
        self.__dict__["pid"] = pid
        for place in self.__dict__.pop("_interlock_places", {}).values():
            place.started(pid)

    @property
    def returncode(self) -> int | None:
        return self.__dict__["returncode"]  # type: ignore[no-any-return]

    @returncode.setter
    def returncode(self, code: int | None) -> None:
        self.__dict__["returncode"] = code
        if code is not None and "pid" in self.__dict__:
            self._announce_end(code)

    def _announce_end(self, code: int) -> None:
        for family in families.values():
            family.has_ended(self.pid, code)


def announcing(popen: type) -> type:
    """Return a class that does what ``popen`` does, and announces its process."""
    if popen not in _classes:
        names = {"__module__": popen.__module__, "__qualname__": popen.__qualname__}
        _classes[popen] = type(popen.__name__, (popen, Announcing), names)
    return _classes[popen]


_classes: dict[type, type] = {}
