"""A process forks while another thread holds a lock of processes: the child gets it when that thread releases it.

Whoever forks is warned, with the names of the thread and the lock.
"""

import multiprocessing as mp
import sys
import threading
import warnings


def hold(lock, held, enough):
    with lock:
        held.set()
        enough.wait()


def acquire(lock, ready):
    ready.put("forked")
    with lock:
        ready.put("acquired")


def nothing():
    pass


def fork(lock, task, *args):
    """Start a child while a thread holds the lock; return the warnings, the child, and how to end the thread."""
    held, enough = threading.Event(), threading.Event()
    thread = threading.Thread(target=hold, args=(lock, held, enough), name="the one that holds")
    thread.start()
    held.wait()
    child = mp.Process(target=task, args=args)
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        child.start()
    return [str(each.message) for each in given], child, lambda: (enough.set(), thread.join())


def main():
    lock, ready = mp.Lock(), mp.SimpleQueue()
    told, child, release = fork(lock, acquire, lock, ready)
    print(ready.get())
    release()
    print(ready.get())
    child.join()
    print("warned of a lock of processes:", any("the one that holds" in line for line in told))

    told, child, release = fork(threading.Lock(), nothing)
    release()
    child.join()
    print("warned of a lock of threads:", any("the one that holds" in line for line in told))


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
