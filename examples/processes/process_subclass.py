"""Subclassing `Process`: `run()` is what the process does.

The object exists twice: in the caller, and as a copy in the new process. Changes that `run()` makes to the copy do not
come back, so the result has to be sent. `__init__()` runs in the caller and has to call `Process.__init__()`.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.queues import SimpleQueue


class Summer(multiprocessing.Process):
    """Adds up numbers in a process of its own."""

    def __init__(self, numbers: range, answers: SimpleQueue[int]) -> None:
        super().__init__(name=f"sum up to {numbers[-1]}")
        self.numbers = numbers
        self.answers = answers
        self.total = 0

    def run(self) -> None:
        self.total = sum(self.numbers)
        self.answers.put(self.total)


def main() -> None:
    answers: SimpleQueue[int] = multiprocessing.SimpleQueue()
    for last in (10, 100, 1000):
        summer = Summer(range(1, last + 1), answers)
        summer.start()
        answer = answers.get()
        summer.join()
        print(f"{summer.name}: {answer} was sent, {summer.total} is in the caller's object")


if __name__ == "__main__":
    main()
