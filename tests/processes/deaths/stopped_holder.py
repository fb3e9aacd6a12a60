"""A process that is stopped (SIGSTOP) is not dead: it keeps its lock, and releases it when it is continued."""

import multiprocessing as mp
import os
import signal
import sys

import watching


def hold(lock, go, ready):
    with lock:
        ready.put("held")
        go.wait()
    ready.put("released")


def main():
    lock, go, ready = mp.Lock(), mp.Event(), mp.SimpleQueue()
    holder = mp.Process(target=hold, args=(lock, go, ready), daemon=True)
    holder.start()
    print(ready.get())
    os.kill(holder.pid, signal.SIGSTOP)
    watching.until_state("T", holder)
    go.set()
    print("acquired while it is stopped:", lock.acquire(timeout=0.3))
    os.kill(holder.pid, signal.SIGCONT)
    print(ready.get())
    print("acquired:", lock.acquire())
    holder.join()
    print(holder.exitcode)


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
