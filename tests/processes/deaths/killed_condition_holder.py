"""A process that holds a condition's lock is killed; the waiters are notified by another one."""

import multiprocessing as mp
import sys
import threading

import watching


def wait(condition, journal):
    with condition:
        journal.put("waits")
        condition.wait()
    journal.put("notified")


def hold(condition, journal):
    with condition:
        journal.put("holds")
        threading.Event().wait()


def main():
    condition, journal = mp.Condition(), mp.SimpleQueue()
    waiters = [mp.Process(target=wait, args=(condition, journal)) for _ in range(2)]
    for waiter in waiters:
        waiter.start()
    print(journal.get(), journal.get())
    holder = mp.Process(target=hold, args=(condition, journal), daemon=True)
    holder.start()
    print(journal.get())
    watching.kill(holder)
    with condition:
        condition.notify_all()
    print(journal.get(), journal.get())
    for waiter in waiters:
        waiter.join()
    print([waiter.exitcode for waiter in waiters])


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
