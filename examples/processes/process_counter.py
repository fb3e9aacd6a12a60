"""A counter that lives in a process of its own.

No other process can touch the number, so it needs no lock. The other processes send messages to a queue, and the
counter's process takes them one after the other. The answer comes back over a pipe.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue

CALLERS = 3
ADDITIONS = 500


def count(messages: Queue[tuple[str, int]], answers: Connection) -> None:
    total = 0
    while True:
        message, number = messages.get()
        if message == "add":
            total += number
        elif message == "read":
            answers.send(total)
        else:
            break


def add(number: int, messages: Queue[tuple[str, int]]) -> None:
    for _ in range(ADDITIONS):
        messages.put(("add", number))


def main() -> None:
    messages: Queue[tuple[str, int]] = multiprocessing.Queue()
    reader, writer = multiprocessing.Pipe(duplex=False)
    counter = multiprocessing.Process(target=count, args=(messages, writer))
    counter.start()
    callers = [multiprocessing.Process(target=add, args=(n, messages)) for n in range(1, CALLERS + 1)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    # Each caller's messages were in the queue when the caller ended, so they come before this message.
    messages.put(("read", 0))
    print("total:", reader.recv(), "expected:", ADDITIONS * sum(range(1, CALLERS + 1)))
    messages.put(("stop", 0))
    counter.join()
    print("the counter's process ended with", counter.exitcode)


if __name__ == "__main__":
    main()
