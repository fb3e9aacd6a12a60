"""Processes do not share memory, as threads do.

The child has its own copy of the list. It can change the copy; the parent's list stays the same. To show something to
the parent, the child has to send it: here over a pipe.
"""

import multiprocessing
import threading
from multiprocessing.connection import Connection


def append_four(numbers: list[int]) -> None:
    numbers.append(4)
    print("  while it runs:", numbers)


def append_and_send(numbers: list[int], connection: Connection) -> None:
    numbers.append(4)
    connection.send(numbers)


def main() -> None:
    numbers = [1, 2, 3]
    print("a process:")
    process = multiprocessing.Process(target=append_four, args=(numbers,))
    process.start()
    process.join()
    print("  afterwards:", numbers)

    print("a process that sends its list:")
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=append_and_send, args=(numbers, sender))
    process.start()
    received = receiver.recv()
    process.join()
    print("  received:", received, "still here:", numbers)

    print("a thread:")
    thread = threading.Thread(target=append_four, args=(numbers,))
    thread.start()
    thread.join()
    print("  afterwards:", numbers)


if __name__ == "__main__":
    main()
