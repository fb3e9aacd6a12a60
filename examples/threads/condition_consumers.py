"""One producer, many consumers, a condition between them.

The consumers sleep until there is an item or the shelf is closed. One item
wakes one consumer (`notify`), closing wakes them all (`notify_all`). Any
consumer may get any item, but each item is taken exactly once.
"""

from collections import deque
from threading import Condition, Thread

ITEMS = 12
CONSUMERS = 4


class Shelf:
    def __init__(self) -> None:
        self._changed = Condition()
        self._items: deque[int] = deque()
        self._closed = False

    def put(self, item: int) -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self) -> int | None:
        """Return the next item, or None once the shelf is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            return self._items.popleft() if self._items else None


def produce(shelf: Shelf) -> None:
    for item in range(1, ITEMS + 1):
        shelf.put(item)
    shelf.close()


def consume(shelf: Shelf, taken: list[int], ended: list[str], name: str) -> None:
    while (item := shelf.take()) is not None:
        taken.append(item)
    ended.append(name)


def main() -> None:
    shelf = Shelf()
    taken: list[int] = []
    ended: list[str] = []
    threads = [
        Thread(target=consume, args=(shelf, taken, ended, f"consumer {n}")) for n in range(1, CONSUMERS + 1)
    ]
    threads.append(Thread(target=produce, args=(shelf,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("taken:", sorted(taken))
    print("ended:", ", ".join(sorted(ended)))
    print("each item exactly once:", sorted(taken) == list(range(1, ITEMS + 1)))


if __name__ == "__main__":
    main()
