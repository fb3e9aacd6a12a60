"""A queue of 15 jobs for three workers.

The queue does all the locking. The workers are daemons in an endless loop.
They call `task_done()` after each job, so `jobs.join()` returns only when all
jobs are done, not just taken. The program then ends without stopping the
workers.
"""

from queue import Queue
from threading import Thread

JOBS = 15
WORKERS = 3


def work(jobs: Queue[int], results: Queue[tuple[int, int]]) -> None:
    while True:
        number = jobs.get()
        results.put((number, number * number))
        jobs.task_done()


def main() -> None:
    jobs: Queue[int] = Queue()
    results: Queue[tuple[int, int]] = Queue()
    workers = [Thread(target=work, args=(jobs, results), daemon=True) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for number in range(1, JOBS + 1):
        jobs.put(number)
    jobs.join()

    print("jobs left:", jobs.qsize())
    print("results:", results.qsize())
    squares = dict(results.get() for _ in range(JOBS))
    print("squares:", [squares[number] for number in sorted(squares)])
    print("workers still waiting for more:", sum(worker.is_alive() for worker in workers))


if __name__ == "__main__":
    main()
