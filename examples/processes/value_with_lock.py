"""A number in shared memory, and the lock that comes with it.

All processes see a `Value` or an `Array`. `value += 1` reads, adds and writes: another process can get in between, and
then one of the two additions is lost. `get_lock()` returns the lock that keeps the other processes out.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.sharedctypes import Synchronized, SynchronizedArray

PROCESSES = 4
ADDITIONS = 1_000


def add(total: Synchronized[int], each: SynchronizedArray[int], place: int) -> None:
    for _ in range(ADDITIONS):
        with total.get_lock():
            total.value += 1
        # No other process writes to this place, so nothing can get in between.
        each[place] += 1


def main() -> None:
    total = multiprocessing.Value("i", 0)
    each = multiprocessing.Array("i", PROCESSES)
    processes = [multiprocessing.Process(target=add, args=(total, each, place)) for place in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print("total:", total.value)
    print("each: ", each[:])


if __name__ == "__main__":
    main()
