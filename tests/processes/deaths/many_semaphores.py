"""2,000 semaphores in a process that may have 64 open files."""

import multiprocessing as mp
import os
import resource
import sys


def release_all(semaphores):
    for semaphore in semaphores:
        semaphore.release()


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    semaphores = [mp.Semaphore(1)]
    before = len(os.listdir("/proc/self/fd"))
    semaphores += [mp.Semaphore(0) for _ in range(2_000)]
    print("more open files:", len(os.listdir("/proc/self/fd")) - before)
    semaphores[0].acquire()
    child = mp.Process(target=release_all, args=(semaphores,))
    child.start()
    child.join()
    print(child.exitcode, all(semaphore.acquire(block=False) for semaphore in semaphores))


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
