"""Stop a background thread with a flag and `join(timeout)`.

A thread can't be killed from outside: it has to check a flag and return by itself. `join(timeout)` returns None whether
the thread has ended or not; `is_alive()` then tells which.
"""

import threading


class Ticker:
    """Ticks in the background until the flag is set."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.ticked_thrice = threading.Event()
        self.ticks = 0

    def run(self) -> None:
        while not self.stop.wait(timeout=0.001):
            self.ticks += 1
            if self.ticks == 3:
                self.ticked_thrice.set()


def main() -> None:
    ticker = Ticker()
    thread = threading.Thread(target=ticker.run, name="ticker")
    thread.start()
    ticker.ticked_thrice.wait()

    thread.join(timeout=0.02)
    print("alive before the flag is set:", thread.is_alive())

    ticker.stop.set()
    thread.join(timeout=10)
    print("alive after the flag is set:", thread.is_alive())
    print("ticked at least three times:", ticker.ticks >= 3)


if __name__ == "__main__":
    main()
