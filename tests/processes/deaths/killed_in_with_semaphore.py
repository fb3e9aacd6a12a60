"""A process is killed inside `with semaphore`: its permit comes back."""

import multiprocessing as mp
import sys
import threading

import watching


def hold(semaphore, ready):
    with semaphore:
        ready.put("taken")
        threading.Event().wait()


def main():
    for make in (mp.Semaphore, mp.BoundedSemaphore):
        semaphore, ready = make(2), mp.SimpleQueue()
        holder = mp.Process(target=hold, args=(semaphore, ready), daemon=True)
        holder.start()
        print(ready.get())
        watching.kill(holder)
        print(semaphore.acquire(), semaphore.acquire(), semaphore.acquire(block=False))


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
