"""The first of two waiters at a condition is killed; one notification wakes the other one."""

import multiprocessing as mp
import sys

import watching


def wait(name, condition, journal):
    with condition:
        journal.put(name)
        condition.wait()
        journal.put(f"{name} notified")


def main():
    condition, journal, waiters = mp.Condition(), mp.SimpleQueue(), []
    for name in ("first", "second"):
        waiters.append(mp.Process(target=wait, args=(name, condition, journal)))
        waiters[-1].start()
        print(journal.get())
        with condition:  # free: the waiter is in line
            pass
    watching.kill(waiters[0])
    with condition:
        condition.notify()
    print(journal.get())
    waiters[1].join()
    with condition:
        condition.notify_all()
        print("timed wait:", condition.wait(0.01))


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
