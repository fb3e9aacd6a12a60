"""Six workers with results of 262 KB are joined before the results are taken."""

import multiprocessing as mp
import sys


def put(number, queue):
    queue.put((number, bytes([number]) * 262_144))


def main():
    queue = mp.Queue()
    workers = [mp.Process(target=put, args=(number, queue)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print("joined:", [worker.exitcode for worker in workers])
    results = sorted(queue.get() for _ in workers)
    print("whole:", results == [(number, bytes([number]) * 262_144) for number in range(6)])


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
