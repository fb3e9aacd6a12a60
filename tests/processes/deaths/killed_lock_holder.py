"""The holder of a lock is killed while another process waits for it."""

import multiprocessing as mp
import sys
import threading

import watching


def hold(lock, ready):
    lock.acquire()
    ready.put("held")
    threading.Event().wait()


def acquire(lock, ready):
    ready.put("ready")
    with lock:
        ready.put("acquired")


def main():
    for make in (mp.Lock, mp.RLock):
        lock, ready = make(), mp.SimpleQueue()
        holder = mp.Process(target=hold, args=(lock, ready), daemon=True)
        holder.start()
        print(ready.get())
        waiter = mp.Process(target=acquire, args=(lock, ready))
        waiter.start()
        print(ready.get())
        watching.until_asleep(waiter)
        watching.kill(holder)
        print(ready.get())
        waiter.join()
        print(waiter.exitcode, lock.acquire(block=False))
        lock.release()


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
