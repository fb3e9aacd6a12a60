"""A timer calls a function later, unless it is cancelled before.

`Timer` is a thread that waits and then calls. `join()` waits for the call, and
`cancel()` ends the waiting without one: the cancelled timer here is set to a
minute, and the program does not last that long.
"""

import time
from threading import Timer

INTERVAL = 0.03


def main() -> None:
    calls: list[str] = []
    begin = time.perf_counter()
    soon = Timer(INTERVAL, calls.append, args=("soon",))
    never = Timer(60, calls.append, args=("never",))
    soon.start()
    never.start()

    never.cancel()
    never.join()
    soon.join()
    elapsed = time.perf_counter() - begin

    print("calls:", calls)
    print("not before its time:", elapsed > INTERVAL - 0.001)
    print("cancelled timer did not hold us up:", elapsed < 60)
    print("timers alive:", soon.is_alive(), never.is_alive())


if __name__ == "__main__":
    main()
