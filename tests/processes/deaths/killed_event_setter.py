"""A process that sets and clears an event without end is killed twenty times: the event goes on working."""

import multiprocessing as mp
import sys

import watching


def flicker(event, ready):
    ready.put("ready")
    while True:
        event.set()
        event.clear()


def wait(event, go_on):
    while not go_on.is_set():
        event.wait()


def main():
    event, go_on, ready = mp.Event(), mp.Event(), mp.SimpleQueue()
    waiter = mp.Process(target=wait, args=(event, go_on), daemon=True)
    waiter.start()
    for _ in range(20):
        setter = mp.Process(target=flicker, args=(event, ready), daemon=True)
        setter.start()
        ready.get()
        watching.kill(setter)
        event.set()
        assert event.wait()
        event.clear()
        assert not event.is_set()
    go_on.set()
    event.set()
    waiter.join()
    print("set:", event.is_set(), "the waiter's exit code:", waiter.exitcode)


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
