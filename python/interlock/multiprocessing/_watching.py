"""One thread waits for queues that processes share, on behalf of code that can't block: event loops and `select`.

The thread runs as long as there are queues to wait for, and a second longer. It takes nothing out of a queue.
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
        """An object that waits for one side of a queue."""

        @property
        def queue(self) -> SharedQueue:
            """The queue, as the engine knows it."""

        @property
        def is_put(self) -> bool:
            """Whether it waits for room, not for an object."""

        def is_gone(self) -> bool:
            """Whether it no longer waits. Takes no lock."""

        def tell(self) -> None:
            """React when the queue is ready. The watching thread calls this once, and then stops watching the line."""


__all__ = ["Watcher"]


class Watcher:
    """A thread that waits for the queues of lines, and notifies the lines. There is one thread for every 127 lines."""

    _lock = RLock()  # the collector may end a task of a closed loop at any point, which removes a line
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
        """Watch a line until it is notified or removed."""
        if cls._pid != os.getpid():  # the threads stayed in the parent, where one may hold the lock
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
        """Stop watching a line."""
        with self._lock:
            self._lines.pop(line, None)
        self.look()

    def look(self) -> None:
        """Make the thread look for new lines and lines that are gone. Takes no lock."""
        self._was_called = True
        self._watch.call()

    def _choose(self, ready: list[int]) -> list[tuple[SharedQueue, bool]] | None:
        """Notify the ready lines. Return the queues to wait for, or None if there was no line for a second."""
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
