"""A writer of large messages is killed ten times; no message is torn, and the queue goes on."""

import multiprocessing as mp
import queue as names
import sys

import watching

SIZE = 100_000


def put(queue):
    number = 0
    while True:
        queue.put((number, bytes([number % 256]) * SIZE))
        number += 1


def put_last(queue):
    queue.put("last")


def drain(queue):
    while True:
        try:
            yield queue.get_nowait()
        except names.Empty:
            return


def main():
    queue = mp.Queue(maxsize=16)
    for count in range(1, 11):
        writer = mp.Process(target=put, args=(queue,), daemon=True)
        writer.start()
        messages = [queue.get() for _ in range(count)]
        watching.kill(writer)
        messages += drain(queue)
        numbers = [number for number, _ in messages]
        assert numbers == list(range(len(numbers))), numbers
        assert all(content == bytes([number % 256]) * SIZE for number, content in messages)
    print("nothing torn, doubled or lost")
    writer = mp.Process(target=put_last, args=(queue,))
    writer.start()
    print(queue.get())
    writer.join()


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
