"""A process ends in some way while it holds a lock, or becomes another program: the next one gets the lock."""

import multiprocessing as mp
import os
import signal
import sys


def hold_and(end, lock, ready):
    lock.acquire()
    ready.put("held")
    end()


def back():
    pass


def by_status():
    sys.exit(3)


def at_once():
    os._exit(4)


def by_fault():
    os.kill(os.getpid(), signal.SIGSEGV)


def by_another_program():
    os.execv("/bin/sleep", ["sleep", "1000"])


def main():
    for end in (back, by_status, at_once, by_fault, by_another_program):
        for make in (mp.Lock, mp.RLock):
            lock, ready = make(), mp.SimpleQueue()
            child = mp.Process(target=hold_and, args=(end, lock, ready), daemon=True)
            child.start()
            assert ready.get() == "held"
            if end is not by_another_program:
                child.join()
            print(end.__name__, "acquired:", lock.acquire(), child.exitcode)
            child.kill()
            child.join()


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
