"""A process is killed inside `with value.get_lock()`; the others go on counting."""

import multiprocessing as mp
import sys
import threading

import watching


def hold(value, ready):
    with value.get_lock():
        value.value += 1
        ready.put("held")
        threading.Event().wait()


def count(value):
    for _ in range(1_000):
        with value.get_lock():
            value.value += 1


def main():
    value, ready = mp.Value("i", 0), mp.SimpleQueue()
    holder = mp.Process(target=hold, args=(value, ready), daemon=True)
    holder.start()
    print(ready.get())
    counters = [mp.Process(target=count, args=(value,)) for _ in range(2)]
    for counter in counters:
        counter.start()
    watching.kill(holder)
    for counter in counters:
        counter.join()
    print(value.value, [counter.exitcode for counter in counters])


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
