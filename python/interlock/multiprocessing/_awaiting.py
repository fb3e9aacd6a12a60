"""Tasks of event loops wait for queues that processes share.

Another process can't call into an event loop. So a thread of this process waits for the queue (`_watching`). It takes
nothing out of the queue; it gives a task its turn to try.
"""

from __future__ import annotations

from asyncio import get_running_loop
from collections import deque
from contextlib import suppress

from interlock.multiprocessing._watching import Watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Callable
    from typing import Any

    from interlock.multiprocessing._queues import Queue

__all__ = ["when_possible"]


async def when_possible(
    queue: Queue, is_put: bool, attempt: Callable[[], Any], refused: type[Exception]
) -> Any:
    """Call `attempt()` until it does not raise `refused`, and return its result.

    Between two attempts it suspends the task, not the event loop.
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
    """The tasks of one event loop that wait for one side of a queue. They take turns, one task at a time.

    Only the thread of the loop uses the attributes that change.
    """

    def __init__(self, queue: Queue, is_put: bool, loop: AbstractEventLoop) -> None:
        self.queue, self.is_put, self.loop = queue, is_put, loop
        self._waiting: deque[Future[None]] = deque()
        self._on_turn = 0
        self._watcher: Watcher | None = None

    async def turn(self, is_first: bool) -> None:
        """Wait until an attempt may succeed. After the attempt, the caller has to call `end_turn()`."""
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
                with suppress(ValueError):  # give_turn() has removed it
                    self._waiting.remove(mine)
                self._rest()
            raise

    def is_gone(self) -> bool:
        """Whether no task can wait here any more: the loop is closed."""
        return self.loop.is_closed()

    def tell(self) -> None:
        """Pass on that the queue is ready. The watching thread calls this."""
        with suppress(RuntimeError):  # the loop is closed, and its tasks are gone
            self.loop.call_soon_threadsafe(self.give_turn)

    def give_turn(self) -> None:
        """Give the next task its turn, as the queue is ready. Called in the loop."""
        self._watcher = None
        while self._waiting and not self._on_turn:
            mine = self._waiting.popleft()
            if not mine.done():
                self._on_turn += 1
                mine.set_result(None)
        self._rest()

    def end_turn(self) -> None:
        """Note that the task has made its attempt, or gives up its turn."""
        self._on_turn -= 1
        self._watch()

    def _watch(self) -> None:
        if self._on_turn or self._watcher is not None or self.loop.is_closed():
            return
        if self._waiting:
            self._watcher = Watcher.add(self)
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
