"""Threads that wait, with their results in order."""

from __future__ import annotations

import threading as std_threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIMIT = 60


class Crew:
    """Threads that wait; each is known to wait before the next begins."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self._threads: list[std_threading.Thread] = []

    def start(self, call: Callable[[], Any]) -> None:
        """Let a thread make this call, which waits; its result or exception is added to `said`."""

        def run() -> None:
            try:
                said = call()
            except Exception as error:
                said = type(error).__name__
            self.said.append(said)

        thread = std_threading.Thread(target=run)
        thread.start()
        self._threads.append(thread)
        self._until_asleep(thread)

    @staticmethod
    def _until_asleep(thread: std_threading.Thread) -> None:
        """Wait until the thread sleeps, and keeps sleeping although it could get the interpreter."""
        end, last, seen = time.monotonic() + LIMIT, "", 0
        while seen < 3 and thread.is_alive():
            assert time.monotonic() < end, "it does not sleep"
            time.sleep(0.001)  # sleep: between two looks
            status = _read(Path(f"/proc/self/task/{thread.native_id}/status"))
            look = "".join(
                line for line in status.splitlines() if line.startswith(("State", "volu", "nonvol"))
            )
            seen = seen + 1 if look == last and "State:\tS" in look else 0
            last = look

    def until(self, number: int) -> list[Any]:
        """Return the results when there are so many."""
        end = time.monotonic() + LIMIT
        while len(self.said) < number:
            assert time.monotonic() < end, self.said
            time.sleep(0.0005)  # sleep: between two looks
        return list(self.said)

    def end(self) -> list[Any]:
        """Return the results when all threads have one."""
        for thread in self._threads:
            thread.join(LIMIT)
            assert not thread.is_alive()
        return self.said


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the thread has ended
        return ""
