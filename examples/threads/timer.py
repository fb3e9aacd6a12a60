"""A timer calls a function later, unless it is cancelled first.

`Timer` is a thread that waits and then makes a call. `join()` waits for the call; `cancel()` ends the wait without a
call. The cancelled timer here is set to one minute, but the program ends much earlier.
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
    print("cancelled timer did not delay the program:", elapsed < 60)
    print("timers alive:", soon.is_alive(), never.is_alive())


if __name__ == "__main__":
    main()
