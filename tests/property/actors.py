"""Threads that make calls for a test, one at a time: tests of ownership need more than one thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tests.property.twins import Outcome, outcome

LIMIT = 60.0


class Actor:
    """A thread of the standard library that makes calls for others and returns the outcome."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            self._outcomes.put(outcome(*call))

    def __call__(self, call: Callable[..., Any], *args: Any) -> Outcome:
        """Make a call in this thread and return its outcome."""
        self._calls.put((call, *args))
        return self._outcomes.get(timeout=LIMIT)

    def leave(self) -> None:
        """End the thread."""
        self._calls.put(None)


class Cast:
    """Return two actors."""

    def __enter__(self) -> list[Actor]:
        self.actors = [Actor(), Actor()]
        return self.actors

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in self.actors:
            actor.leave()
