"""Threads that start the processes of `run_many()`.

A thread that starts a process is suspended until the new process has executed its program, which takes long on a busy
machine. Meanwhile other threads can start more processes, and the calling thread serves the running ones.
"""

from __future__ import annotations

import os
import sys
import threading

from interlock._descriptors import above_standard
from interlock._interlock import SimpleQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Starters", "start"]


def start(command: Any, how: dict[str, Any]) -> Any:
    """Start a process, by the `Popen` that a program may have replaced."""
    return sys.modules["interlock.subprocess"].Popen(command, **how)


class Starters:
    """Some threads that take requests and give answers. For each answer they write one byte into a pipe.

    They note each started process in `alive`, by the number of its command. No signal handler (Ctrl-C) runs in these
    threads, so no process is forgotten.
    """

    def __init__(self, alive: dict[int, Any]) -> None:
        self._alive = alive
        self._is_over = False
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._pipe = list(os.pipe())
        for place, number in enumerate(self._pipe):
            self._pipe[place] = above_standard(number)
        self.doorbell, self._bell = self._pipe

    def begin(self, count: int) -> None:
        """Start `count` threads."""
        for number in range(count):
            thread = threading.Thread(target=self._serve, name=f"run_many-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def ask(self, number: int, command: Any, how: dict[str, Any]) -> None:
        """Make a thread start this command. Does not block."""
        self._requests.put((number, command, how))

    def answers(self) -> list[tuple[int, Any]]:
        """Return the new answers: the numbers of commands, each with its process or the exception.

        Does not block, because it is called when the doorbell is readable.
        """
        return [self._answers.get() for _ in os.read(self.doorbell, 4096)]

    def end(self) -> None:
        """End the threads, which start no more processes. Blocks until they have ended.

        Can be called again if Ctrl-C has ended it.
        """
        self._is_over = True
        for _ in self._threads:
            self._requests.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        while self._pipe:
            os.close(self._pipe.pop())

    def _serve(self) -> None:
        while (request := self._requests.get()) is not None and not self._is_over:
            number, command, how = request
            try:
                answer = self._alive[number] = start(command, how)
            except BaseException as error:
                answer = error
            del request, command, how
            self._answers.put((number, answer))
            del answer
            os.write(self._bell, b"x")
