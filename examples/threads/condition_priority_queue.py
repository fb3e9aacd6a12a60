"""A blocking priority queue made of a heap and a condition.

The heap keeps the most urgent entry first, and the condition makes `get()` wait
while the heap is empty. A running number breaks ties, so that entries of equal
priority leave in the order in which they were put.
"""

import heapq
import itertools
from threading import Condition, Thread


class UrgentFirst:
    def __init__(self) -> None:
        self._not_empty = Condition()
        self._heap: list[tuple[int, int, str]] = []
        self._numbers = itertools.count()

    def put(self, priority: int, text: str) -> None:
        with self._not_empty:
            heapq.heappush(self._heap, (priority, next(self._numbers), text))
            self._not_empty.notify()

    def get(self) -> str:
        with self._not_empty:
            self._not_empty.wait_for(lambda: self._heap)
            return heapq.heappop(self._heap)[2]

    def __len__(self) -> int:
        with self._not_empty:
            return len(self._heap)


def main() -> None:
    queue = UrgentFirst()
    entries = [(5, "sweep the floor"), (1, "put out the fire"), (3, "answer the phone")]
    producers = [Thread(target=queue.put, args=entry) for entry in entries]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join()
    queue.put(3, "open the door")

    while queue:
        print("next:", queue.get())

    received: list[str] = []
    consumer = Thread(target=lambda: received.append(queue.get()))
    consumer.start()
    print("received while the queue is empty:", received)
    queue.put(9, "go home")
    consumer.join()
    print("received after a put:", received)


if __name__ == "__main__":
    main()
