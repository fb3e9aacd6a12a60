"""A queue of a manager can be sent anywhere.

An ordinary queue can be given to a process only when the process starts. A pool's processes have started before they
get their calls, so such a queue can't be an argument of a call. The queue of a manager lives in the manager's process;
only a proxy is sent, which knows where that process is.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.queues import Queue
from queue import Empty


def measure(word: str, lengths: Queue[tuple[str, int]]) -> None:
    lengths.put((word, len(word)))


def main() -> None:
    words = ["a", "proxy", "knows", "the", "way"]
    with multiprocessing.Manager() as manager, multiprocessing.Pool(2) as pool:
        lengths = manager.Queue()
        pool.starmap(measure, [(word, lengths) for word in words])
        print("in the queue:", lengths.qsize())
        print(sorted(lengths.get() for _ in words))
        try:
            lengths.get(timeout=0.01)
        except Empty:
            print("and now it is empty")

        try:
            pool.apply(measure, ("ordinary", multiprocessing.Queue()))
        except RuntimeError as error:
            print("an ordinary queue:", error)


if __name__ == "__main__":
    main()
