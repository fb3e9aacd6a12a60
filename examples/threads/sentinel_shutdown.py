"""Shut workers down with a sentinel in the queue.

The sentinels come after the last job, so the workers do all jobs before they
stop. The program puts one sentinel per worker, since each worker takes exactly
one. A unique object cannot be mistaken for a job, not even for a job that is
None.
"""

from queue import Queue
from threading import Lock, Thread
from typing import Final

WORKERS = 3
STOP: Final = object()


class Ledger:
    def __init__(self) -> None:
        self.lock = Lock()
        self.jobs: list[str] = []
        self.stopped: list[str] = []


def work(name: str, jobs: Queue[object], ledger: Ledger) -> None:
    while (job := jobs.get()) is not STOP:
        with ledger.lock:
            ledger.jobs.append(f"job {job}")
    with ledger.lock:
        ledger.stopped.append(name)


def main() -> None:
    jobs: Queue[object] = Queue(maxsize=2)
    ledger = Ledger()
    workers = [Thread(target=work, args=(f"worker {n}", jobs, ledger)) for n in range(1, WORKERS + 1)]
    for worker in workers:
        worker.start()
    for job in (1, 2, 3, None, 4, 5):
        jobs.put(job)
    for _ in workers:
        jobs.put(STOP)
    for worker in workers:
        worker.join()
    print("done:", ", ".join(sorted(ledger.jobs)))
    print("stopped:", ", ".join(sorted(ledger.stopped)))
    print("left in the queue:", jobs.qsize())


if __name__ == "__main__":
    main()
