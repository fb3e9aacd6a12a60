"""What a process puts is there, also if the process ends at once and without any cleaning up."""

import multiprocessing as mp
import os
import sys


def put(queue):
    for number in range(1_000):
        queue.put(number)
    os._exit(7)


def main():
    queue = mp.Queue()
    writer = mp.Process(target=put, args=(queue,))
    writer.start()
    writer.join()
    print("exit code:", writer.exitcode)
    print("all there:", [queue.get() for _ in range(1_000)] == list(range(1_000)), queue.empty())


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
