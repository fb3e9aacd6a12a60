"""What is left when a process is killed while it holds a lock.

With the standard library, nothing good: the lock stays locked, and each later `acquire()` waits for ever. Interlock's
lock belongs to the process that holds it, so it is free when that process is gone. The next caller acquires it, with a
warning: the data under the lock may be inconsistent. A lock that is made with `on_owner_death="raise"` raises an error
instead, until a process has repaired the data and calls `recover()`.

With the `Lock` of the standard library, `acquire(timeout=…)` returns False after the timeout, and without a timeout it
never returns.
"""

from __future__ import annotations

import warnings
from multiprocessing.queues import SimpleQueue

import interlock
from interlock import multiprocessing
from interlock.multiprocessing.synchronize import Lock

PATIENCE = 20  # seconds: far more than the example needs


def hold(lock: Lock, ready: SimpleQueue[str]) -> None:
    lock.acquire()
    ready.put("it is mine")
    multiprocessing.Event().wait()


def kill_a_holder(lock: Lock) -> int:
    ready: SimpleQueue[str] = multiprocessing.SimpleQueue()
    holder = multiprocessing.Process(target=hold, args=(lock, ready), name="holder")
    holder.start()
    print("the holder says:", ready.get())
    print("the lock is free:", lock.acquire(block=False))
    holder.kill()
    holder.join()
    return holder.pid or 0


def next_caller_gets_it() -> None:
    lock = multiprocessing.Lock()
    pid = kill_a_holder(lock)
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        print("acquired after its death:", lock.acquire(timeout=PATIENCE))
    for each in given:
        print("a warning:", str(each.message).replace(str(pid), "PID"))
    lock.release()


def until_recovered() -> None:
    lock = multiprocessing.Lock(on_owner_death="raise")
    pid = kill_a_holder(lock)
    try:
        lock.acquire(timeout=PATIENCE)
    except interlock.OwnerDiedError as error:
        print("an error:", str(error).replace(str(pid), "PID"))
    lock.recover()
    print("acquired after recover():", lock.acquire(timeout=PATIENCE))
    lock.release()


def main() -> None:
    next_caller_gets_it()
    until_recovered()


if __name__ == "__main__":
    main()
