"""A semaphore lets at most three of nine workers in at a time.

Inside, the workers meet at a barrier for three, so that there really are three at once: the highest number seen is then
exactly the limit. While the three are inside, one more attempt without waiting fails.
"""

import threading

LIMIT = 3
WORKERS = 9


class Office:
    def __init__(self) -> None:
        self.slots = threading.Semaphore(LIMIT)
        self.full = threading.Barrier(LIMIT, action=self.knock)
        self.lock = threading.Lock()
        self.inside = self.highest = self.served = self.refused = 0

    def knock(self) -> None:
        """Run once for every three workers, while they are inside."""
        if self.slots.acquire(blocking=False):
            self.slots.release()
        else:
            self.refused += 1

    def visit(self) -> None:
        with self.slots:
            with self.lock:
                self.inside += 1
                self.highest = max(self.highest, self.inside)
            self.full.wait()
            with self.lock:
                self.inside -= 1
                self.served += 1


def main() -> None:
    office = Office()
    workers = [threading.Thread(target=office.visit) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print("workers served:", office.served)
    print("highest number inside at once:", office.highest)
    print("attempts refused while full:", office.refused)
    print("still inside:", office.inside)


if __name__ == "__main__":
    main()
