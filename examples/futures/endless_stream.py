"""Back-pressure: an endless stream of work, from which the pool takes only a limited number of calls ahead.

`map(buffersize=…)` takes an item from the stream when the program takes a result, so the stream may
be endless. `max_pending=…` limits the calls that wait for a worker, from all submitters together:
`submit()` then waits for room, or raises `queue.Full`.
"""

from collections.abc import Iterator
from itertools import count, islice
from queue import Full
from threading import Event

from interlock.concurrent.futures import ThreadPoolExecutor

AHEAD = 4


def square(number: int) -> int:
    return number * number


def stream(taken: list[int]) -> Iterator[int]:
    for number in count():
        taken.append(number)
        yield number


def by_map() -> None:
    taken: list[int] = []
    with ThreadPoolExecutor(2) as executor:
        results = executor.map(square, stream(taken), buffersize=AHEAD)
        print("map: taken before the first result:", len(taken))
        print("the first ten squares:", list(islice(results, 10)))
        print("never more than four ahead:", len(taken) <= 10 + AHEAD)


def by_waiting() -> None:
    most = 0
    with ThreadPoolExecutor(2, max_pending=AHEAD) as executor:
        for number in range(1_000):
            executor.submit(square, number)
            most = max(most, executor.stats().waiting)
    print("submit waits: of 1000 calls never more than four in the queue:", most <= AHEAD)


def by_refusing() -> None:
    gate = Event()
    refused = 0
    with ThreadPoolExecutor(1, max_pending=AHEAD, block=False) as executor:
        running = executor.submit(gate.wait)
        while not running.running():
            pass
        for number in range(10):
            try:
                executor.submit(square, number)
            except Full:
                refused += 1
        gate.set()
    print("submit refuses:", refused, "of 10 calls")


def main() -> None:
    by_map()
    by_waiting()
    by_refusing()


if __name__ == "__main__":
    main()
