"""Tasks of event loops wait for queues that processes share.

Another process can't call into an event loop. So one thread of this process waits in its place, for all queues that
tasks wait for: it runs while there are such tasks, and a second longer. It takes nothing out of a queue; it gives a
task its turn to try.
"""

from __future__ import annotations

import os
from _thread import RLock
from asyncio import get_running_loop
from collections import deque
from contextlib import suppress
from threading import Thread

from interlock._interlock import QueueWatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Callable
    from typing import Any, ClassVar

    from interlock.multiprocessing._queues import Queue

__all__ = ["when_possible"]


async def when_possible(
    queue: Queue, is_put: bool, attempt: Callable[[], Any], refused: type[Exception]
) -> Any:
    """Return what `attempt()` does as soon as it does not raise `refused`.

    Suspends the task meanwhile, not its event loop.
    """
    try:
        return attempt()
    except refused:
        line = _line(queue, is_put)
    is_first = False
    while True:
        await line.turn(is_first)
        try:
            return attempt()
        except refused:
            is_first = True  # another process was faster
        finally:
            line.end_turn()


def _line(queue: Queue, is_put: bool) -> _Line:
    key = get_running_loop(), is_put
    line = queue._interlock_lines.get(key)
    if line is None:
        line = queue._interlock_lines[key] = _Line(queue, is_put, key[0])
    return line


class _Line:
    """The tasks of one event loop that wait for one side of a queue. One at a time has its turn.

    All but the attributes that never change belongs to the thread of the loop.
    """

    def __init__(self, queue: Queue, is_put: bool, loop: AbstractEventLoop) -> None:
        self.queue, self.is_put, self.loop = queue, is_put, loop
        self._waiting: deque[Future[None]] = deque()
        self._on_turn = 0
        self._watcher: _Watcher | None = None

    async def turn(self, is_first: bool) -> None:
        """Wait until it is worth a try. The caller says when it has tried, by `end_turn()`."""
        self.queue._interlock_lines.setdefault((self.loop, self.is_put), self)
        mine: Future[None] = self.loop.create_future()
        if is_first:
            self._waiting.appendleft(mine)
        else:
            self._waiting.append(mine)
        try:
            self._watch()
            await mine
        except BaseException:
            if mine.done() and not mine.cancelled():
                self.end_turn()
            else:
                with suppress(ValueError):  # give_turn() has dropped it
                    self._waiting.remove(mine)
                self._rest()
            raise

    def give_turn(self) -> None:
        """The queue is ready: called in the loop."""
        self._watcher = None
        while self._waiting and not self._on_turn:
            mine = self._waiting.popleft()
            if not mine.done():
                self._on_turn += 1
                mine.set_result(None)
        self._rest()

    def end_turn(self) -> None:
        """The task has tried, or will not."""
        self._on_turn -= 1
        self._watch()

    def _watch(self) -> None:
        if self._on_turn or self._watcher is not None or self.loop.is_closed():
            return
        if self._waiting:
            self._watcher = _Watcher.add(self)
        else:
            self._rest()

    def _rest(self) -> None:
        """Forget the line if no task needs it."""
        if self._waiting or self._on_turn:
            return
        if self._watcher is not None:
            self._watcher.remove(self)
            self._watcher = None
        key = self.loop, self.is_put
        if self.queue._interlock_lines.get(key) is self:
            del self.queue._interlock_lines[key]


class _Watcher:
    """A thread that waits for the queues of lines, and tells these. There is another one for every 127 lines."""

    _lock = RLock()  # the collector may end a task of a closed loop anywhere, and that removes a line
    _all: ClassVar[list[_Watcher]] = []
    _pid = 0

    def __init__(self) -> None:
        self._watch = QueueWatch()
        self._lines: dict[_Line, None] = {}
        self._watched: list[_Line] = []
        Thread(target=self._watch.run, args=(self._choose,), name="QueueWatcherThread", daemon=True).start()

    @classmethod
    def add(cls, line: _Line) -> _Watcher:
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
        watcher._watch.call()
        return watcher

    def remove(self, line: _Line) -> None:
        """Watch a line no more."""
        with self._lock:
            self._lines.pop(line, None)
        self._watch.call()

    def _choose(self, ready: list[int]) -> list[tuple[Queue, bool]] | None:
        """Tell the lines that are ready, and return what to wait for now, or None if no line has come for a second."""
        with self._lock:
            told = [line for line in map(self._watched.__getitem__, ready) if line in self._lines]
            gone = [line for line in self._watched if line.loop.is_closed()]
            for line in (*told, *gone):
                self._lines.pop(line, None)
            if not self._watched and not self._lines:
                self._all.remove(self)
                if not self._lines:
                    return None
                self._all.append(self)
            self._watched = list(self._lines)
        for line in told:
            _tell(line)
        return [(line.queue, line.is_put) for line in self._watched]


def _tell(line: _Line) -> None:
    with suppress(RuntimeError):  # the loop is closed, and its tasks gone
        line.loop.call_soon_threadsafe(line.give_turn)
