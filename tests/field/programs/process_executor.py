"""ProcessPoolExecutor beside ThreadPoolExecutor, with one wait() over the futures of both."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait


def work(number):
    return number, os.getpid()


def fail():
    raise ValueError("in the child")


def main():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as processes, ThreadPoolExecutor(2) as threads:
        futures = [pool.submit(work, n) for n, pool in enumerate((processes, threads, processes))]
        print(len(wait(futures, 60).done), sorted(f.result()[0] for f in as_completed(futures)))
        print([future.result()[1] == os.getpid() for future in futures])
        print(repr(processes.submit(fail).exception(60)), list(processes.map(abs, [-1, -2], timeout=60)))


if __name__ == "__main__":
    main()
