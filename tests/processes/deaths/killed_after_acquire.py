"""A permit that was taken by `acquire()` may belong to another process now: it stays taken, and is counted as lost."""

import multiprocessing as mp
import sys
import threading

import watching


def take(semaphore, ready):
    semaphore.acquire()
    ready.put("taken")
    threading.Event().wait()


def main():
    semaphore, ready = mp.Semaphore(2), mp.SimpleQueue()
    taker = mp.Process(target=take, args=(semaphore, ready), daemon=True)
    taker.start()
    print(ready.get())
    watching.kill(taker)
    print(semaphore.acquire(), semaphore.acquire(timeout=0.05), "lost:", semaphore.lost_permits)
    semaphore.release()
    print(semaphore.acquire(timeout=0.05))


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
