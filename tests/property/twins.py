"""Naive twins of the queues, for one thread: simple models of the standard library's, without regard for speed.

`shutdown` is that of Python 3.13 on every version; `put_many` and `get_many` are Interlock's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from interlock import queue

Outcome = tuple[str, Any]


def outcome(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Outcome:
    """Return what a call returns or raises, in a form that compares."""
    try:
        return "returned", call(*args, **kwargs)
    except Exception as error:
        return f"raised {type(error).__module__}.{type(error).__name__}", getattr(
            error, "remaining", str(error)
        )


class Twin:
    """A queue; the order is "fifo", "lifo", "heap" or "set" (which keeps no item twice)."""

    def __init__(self, order: str, maxsize: int = 0) -> None:
        self.order = order
        self.maxsize = maxsize
        self.items: list[Any] = []
        self.unfinished_tasks = 0
        self.is_shutdown = False

    def qsize(self) -> int:
        return len(self.items)

    def empty(self) -> bool:
        return not self.items

    def full(self) -> bool:
        return 0 < self.maxsize <= len(self.items)

    def put(self, item: Any) -> None:
        """Do what put_nowait() and put(timeout=0) do."""
        if self.is_shutdown:
            raise queue.ShutDown
        if self.full():
            raise queue.Full
        if self.order != "set" or item not in self.items:
            self.items.append(item)
        self.unfinished_tasks += 1

    def get(self) -> Any:
        """Do what get_nowait() and get(timeout=0) do."""
        if not self.items:
            raise queue.ShutDown if self.is_shutdown else queue.Empty
        if self.order == "heap":
            self.items.sort()
        return self.items.pop(-1 if self.order == "lifo" else 0)

    def put_many(self, items: Iterable[Any]) -> None:
        left = list(items)
        while left:
            try:
                self.put(left[0])
            except (queue.Full, queue.ShutDown) as error:
                error.remaining = left  # type: ignore[union-attr]
                raise
            del left[0]

    def get_many(self, most: int) -> list[Any]:
        got = [self.get()]
        while self.items and len(got) < most:
            got.append(self.get())
        return got

    def task_done(self) -> None:
        if self.unfinished_tasks <= 0:
            raise ValueError("task_done() called too many times")
        self.unfinished_tasks -= 1

    def shutdown(self, immediate: bool = False) -> None:
        self.is_shutdown = True
        if immediate:
            self.unfinished_tasks = max(self.unfinished_tasks - len(self.items), 0)
            self.items.clear()

    def clear(self) -> None:
        """Clear the queue as programs do under the mutex: the tasks of the items stay unfinished."""
        self.items.clear()
