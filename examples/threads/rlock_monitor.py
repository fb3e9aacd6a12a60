"""A monitor with an RLock: locked methods that call each other.

`move()` holds the lock and calls `change()` twice, which takes it again. An
RLock lets its owner in a second time; a plain Lock would block for good. An
auditor never sees a move half done, so the total it reads is always the same.
"""

import threading

MOVES = 50


class Warehouse:
    """Each public method is one atomic step for all other threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._shelves = {"left": 100, "right": 100}

    def change(self, shelf: str, amount: int) -> None:
        with self._lock:
            self._shelves[shelf] += amount

    def move(self, source: str, target: str) -> None:
        with self._lock:
            self.change(source, -1)
            self.change(target, +1)

    def stock(self) -> tuple[int, int]:
        with self._lock:
            return self._shelves["left"], self._shelves["right"]


def move_many(warehouse: Warehouse, source: str, target: str) -> None:
    for _ in range(MOVES):
        warehouse.move(source, target)


def audit(warehouse: Warehouse, totals: set[int]) -> None:
    for _ in range(MOVES):
        totals.add(sum(warehouse.stock()))


def stranger_gets(lock: threading.RLock) -> bool:
    """Return whether another thread could take the lock right now."""
    answers: list[bool] = []

    def knock() -> None:
        answers.append(lock.acquire(blocking=False))
        if answers[0]:
            lock.release()

    thread = threading.Thread(target=knock)
    thread.start()
    thread.join()
    return answers[0]


def main() -> None:
    warehouse = Warehouse()
    totals: set[int] = set()
    threads = [
        threading.Thread(target=move_many, args=(warehouse, "left", "right")),
        threading.Thread(target=move_many, args=(warehouse, "left", "right")),
        threading.Thread(target=move_many, args=(warehouse, "right", "left")),
        threading.Thread(target=audit, args=(warehouse, totals)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("left, right:", warehouse.stock())
    print("totals the auditor saw:", sorted(totals))

    plain, reentrant = threading.Lock(), threading.RLock()
    with plain:
        print("Lock lets its owner in again:", plain.acquire(blocking=False))
    with reentrant:
        print("RLock lets its owner in again:", reentrant.acquire(blocking=False))
        print("held twice, another thread gets in:", stranger_gets(reentrant))
        reentrant.release()
        print("held once, another thread gets in:", stranger_gets(reentrant))
    print("free, another thread gets in:", stranger_gets(reentrant))


if __name__ == "__main__":
    main()
