"""A program puts 10 MB that nobody takes, and ends."""

import multiprocessing as mp
import sys


def main():
    queue = mp.Queue()
    for _ in range(10):
        queue.put(b"x" * 2**20)
    print("the end")


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
