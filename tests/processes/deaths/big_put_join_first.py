"""One message of 1 MB is put, and the writer is joined before anything is taken."""

import multiprocessing as mp
import sys


def put(queue):
    queue.put(b"x" * 2**20)


def main():
    queue = mp.Queue()
    writer = mp.Process(target=put, args=(queue,))
    writer.start()
    writer.join()
    print("joined:", writer.exitcode)
    print("then taken:", len(queue.get()))


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
