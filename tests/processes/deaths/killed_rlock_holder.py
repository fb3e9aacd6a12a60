"""A process that holds a recursive lock three times is killed: the next one holds it once."""

import multiprocessing as mp
import sys
import threading

import watching


def hold(lock, ready):
    for _ in range(3):
        lock.acquire()
    ready.put("held three times")
    threading.Event().wait()


def can_acquire(lock, ready):
    ready.put(lock.acquire(block=False))


def main():
    lock, ready = mp.RLock(), mp.SimpleQueue()
    holder = mp.Process(target=hold, args=(lock, ready), daemon=True)
    holder.start()
    print(ready.get())
    watching.kill(holder)
    print("acquired:", lock.acquire(), lock.acquire())
    for _ in range(3):
        other = mp.Process(target=can_acquire, args=(lock, ready))
        other.start()
        print("another process can acquire it:", ready.get())
        other.join()
        try:
            lock.release()
        except AssertionError as error:
            print(error)


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
