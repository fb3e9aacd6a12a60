"""One of two processes that wait for an event is killed; then it is set."""

import multiprocessing as mp
import sys

import watching


def wait(event, ready):
    ready.put("ready")
    event.wait()


def main():
    event, ready = mp.Event(), mp.SimpleQueue()
    waiters = [mp.Process(target=wait, args=(event, ready)) for _ in range(2)]
    for waiter in waiters:
        waiter.start()
    print([ready.get() for _ in waiters])
    watching.until_asleep(*waiters)
    watching.kill(waiters[0])
    event.set()
    waiters[1].join()
    print("set:", event.is_set(), [waiter.exitcode for waiter in waiters])
    event.clear()
    print("cleared:", event.is_set(), event.wait(0.01))


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
