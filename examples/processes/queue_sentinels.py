"""Three workers on one queue, stopped by sentinels.

Each worker takes jobs until it meets None, so the program puts one None per worker after the last
job. The results may come in any order; the program knows how many there are, and sorts them.

It takes all results before it joins the workers: in the standard library, a worker ends only when all results that it
has put were taken.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.queues import Queue

WORKERS = 3
JOBS = range(2, 42)


def smallest_factor(number: int) -> int:
    return next(factor for factor in range(2, number + 1) if number % factor == 0)


def work(jobs: Queue[int | None], results: Queue[tuple[int, int]]) -> None:
    while (number := jobs.get()) is not None:
        results.put((number, smallest_factor(number)))


def main() -> None:
    jobs: Queue[int | None] = multiprocessing.Queue(maxsize=8)
    results: Queue[tuple[int, int]] = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(jobs, results)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for number in JOBS:
        jobs.put(number)
    for _ in workers:
        jobs.put(None)
    factors = dict(results.get() for _ in JOBS)
    for worker in workers:
        worker.join()
    print("primes:", [number for number in sorted(factors) if factors[number] == number])
    print("smallest factors of 33, 35, 39:", [factors[number] for number in (33, 35, 39)])
    print("left in the queues:", jobs.empty(), results.empty())


if __name__ == "__main__":
    main()
