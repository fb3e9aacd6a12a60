"""Subclass `Thread` and override `run()`.

A subclass keeps the input and the result of the work together on the thread
object. `__init__` must call `super().__init__()` first, and the caller still
calls `start()`: calling `run()` directly would work in the caller's thread.
"""

import threading


class SumThread(threading.Thread):
    """Adds up the whole numbers from 1 to `limit` in its own thread."""

    def __init__(self, limit: int) -> None:
        super().__init__(name=f"sum-to-{limit}")
        self.limit = limit
        self.total = 0
        self.ran_in = ""

    def run(self) -> None:
        self.total = sum(range(1, self.limit + 1))
        self.ran_in = threading.current_thread().name


def main() -> None:
    threads = [SumThread(limit) for limit in (10, 100, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
        print(f"{thread.name}: {thread.total} (ran in {thread.ran_in})")

    direct = SumThread(5)
    direct.run()
    print(f"run() without start(): {direct.total} (ran in {direct.ran_in})")


if __name__ == "__main__":
    main()
