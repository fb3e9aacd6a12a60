"""`multiprocessing.dummy.Process`: a thread of the engine that looks like a process."""

from __future__ import annotations

import multiprocessing.dummy as _std
import threading as _std_threading
import weakref

from interlock.threading import Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

__all__ = ["DummyProcess"]

# If Interlock was installed when the standard module was imported, its class is made from ours already.
_bases: Any = (_std.DummyProcess,) if issubclass(_std.DummyProcess, Thread) else (Thread, _std.DummyProcess)


class DummyProcess(*_bases):  # type: ignore[misc]
    """A thread with the interface of a process."""

    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] = {},
    ) -> None:
        """Make a process that will call `target(*args, **kwargs)` in a thread."""
        Thread.__init__(self, group, target, name, args, kwargs)
        self._pid = None
        self._children: weakref.WeakKeyDictionary[Any, None] = weakref.WeakKeyDictionary()
        self._start_called = False
        self._parent = _std_threading.current_thread()

    def start(self) -> None:
        """Start the thread. Raises RuntimeError in another thread than the one that made it."""
        current = _std_threading.current_thread()
        if self._parent is not current:
            raise RuntimeError(f"Parent is {self._parent!r} but current_process is {current!r}")
        self._start_called = True
        children = getattr(current, "_children", None)
        if children is not None:
            children[self] = None
        Thread.start(self)

    @property
    def exitcode(self) -> int | None:
        """0 when the thread has ended, None before. Never blocks."""
        return 0 if self._start_called and not self.is_alive() else None


DummyProcess.__module__ = "multiprocessing.dummy"
