"""One of three workers dies of one job. Only that job is lost, and no result that was put before."""

import multiprocessing as mp
import os
import signal
import sys

JOBS = 300


def work(jobs, results):
    for job in iter(jobs.get, None):
        if job == JOBS // 2:
            os.kill(os.getpid(), signal.SIGKILL)
        results.put(job)


def main():
    jobs, results = mp.Queue(), mp.Queue()
    workers = [mp.Process(target=work, args=(jobs, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for job in range(JOBS):
        jobs.put(job)
    for _ in range(2):
        jobs.put(None)
    for worker in workers:
        worker.join()
    done = sorted(results.get() for _ in range(JOBS - 1))
    print("missing:", sorted(set(range(JOBS)) - set(done)), "more:", not results.empty())
    print(sorted(worker.exitcode for worker in workers))


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
