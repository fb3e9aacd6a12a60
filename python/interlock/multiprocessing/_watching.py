"""One thread waits for queues that processes share, for those that can't: tasks of event loops, and `select`.

It waits for all of them, runs while there are any, and a second longer. It takes nothing out of a queue.
"""

from __future__ import annotations

import os
from _thread import RLock
from threading import Thread

from interlock._interlock import QueueWatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar, Protocol

    from interlock._interlock import SharedQueue

    class Line(Protocol):
        """What waits for one side of a queue."""

        @property
        def queue(self) -> SharedQueue:
            """The queue, as the engine knows it."""

        @property
        def is_put(self) -> bool:
            """Whether it waits for room, not for an object."""

        def is_gone(self) -> bool:
            """Whether it does not wait any more. Takes no lock."""

        def tell(self) -> None:
            """The queue is ready: called once, by the thread that waits, which watches the line no more."""


__all__ = ["Watcher"]


class Watcher:
    """A thread that waits for the queues of lines, and tells these. There is another one for every 127 lines."""

    _lock = RLock()  # the collector may end a task of a closed loop anywhere, and that removes a line
    _all: ClassVar[list[Watcher]] = []
    _pid = 0

    def __init__(self) -> None:
        self._watch = QueueWatch()
        self._lines: dict[Line, None] = {}
        self._watched: list[Line] = []
        self._was_called = False
        Thread(target=self._watch.run, args=(self._choose,), name="QueueWatcherThread", daemon=True).start()

    @classmethod
    def add(cls, line: Line) -> Watcher:
        """Watch a line, until it is told or removed."""
        if cls._pid != os.getpid():  # the threads stayed in the parent, one of them maybe with the lock
            cls._lock, cls._all, cls._pid = RLock(), [], os.getpid()
        with cls._lock:
            for watcher in cls._all:
                if len(watcher._lines) < QueueWatch.MOST:
                    break
            else:
                watcher = cls()
                cls._all.append(watcher)
            watcher._lines[line] = None
        watcher.look()
        return watcher

    def remove(self, line: Line) -> None:
        """Watch a line no more."""
        with self._lock:
            self._lines.pop(line, None)
        self.look()

    def look(self) -> None:
        """Have the thread find lines that have come, or are gone. Takes no lock."""
        self._was_called = True
        self._watch.call()

    def _choose(self, ready: list[int]) -> list[tuple[SharedQueue, bool]] | None:
        """Tell the lines that are ready, and return what to wait for now, or None if no line has come for a second."""
        with self._lock:
            lines = list(self._lines)  # a copy, as the collector may remove lines meanwhile
            gone = [line for line in lines if line.is_gone()]
            told = [line for line in map(self._watched.__getitem__, ready) if line in self._lines]
            for line in (*told, *gone):
                self._lines.pop(line, None)
            was_called, self._was_called = self._was_called, False
            if not self._watched and not self._lines and not was_called:
                self._all.remove(self)
                return None
            self._watched = list(self._lines)
        for line in told:
            line.tell()
        return [(line.queue, line.is_put) for line in self._watched]
