"""A process that holds 10,000 locks is killed; it may have 64 open files."""

import multiprocessing as mp
import resource
import sys
import threading

import watching


def hold_all(locks, ready):
    for lock in locks:
        lock.acquire()
    ready.put("held")
    threading.Event().wait()


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    locks, ready = [mp.Lock() for _ in range(10_000)], mp.SimpleQueue()
    holder = mp.Process(target=hold_all, args=(locks, ready), daemon=True)
    holder.start()
    print(ready.get(), any(lock.acquire(block=False) for lock in locks))
    watching.kill(holder)
    print("acquired:", all(lock.acquire() for lock in locks))
    print("twice:", any(lock.acquire(block=False) for lock in locks))


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
