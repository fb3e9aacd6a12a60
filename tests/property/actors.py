"""Threads that do what they are told, one thing at a time: ownership needs more than one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tests.property.twins import Outcome, outcome

LIMIT = 20.0


class Actor:
    """A thread of the standard library that makes calls for others and hands the outcome back."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            self._outcomes.put(outcome(*call))

    def __call__(self, call: Callable[..., Any], *args: Any) -> Outcome:
        """The outcome of a call made by this thread."""
        self._calls.put((call, *args))
        return self._outcomes.get(timeout=LIMIT)

    def leave(self) -> None:
        """End the thread."""
        self._calls.put(None)


class Cast:
    """Two actors."""

    def __enter__(self) -> list[Actor]:
        self.actors = [Actor(), Actor()]
        return self.actors

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in self.actors:
            actor.leave()
