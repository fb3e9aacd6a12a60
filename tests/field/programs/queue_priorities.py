"""Priority queues of tuples, dataclasses and objects with __lt__; ties, and items that don't compare."""

import itertools
import queue
from dataclasses import dataclass, field


@dataclass(order=True)
class Job:
    priority: int
    name: str = field(compare=False)


class Reverse:
    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        return self.value > other.value


pq, counter = queue.PriorityQueue(), itertools.count()
for priority, name in ((2, "b"), (1, "a"), (2, "c"), (0, "z")):
    pq.put((priority, next(counter), name))
print([pq.get()[-1] for _ in range(4)])
for priority, name in ((3, "low"), (1, "high"), (2, "middle")):
    pq.put(Job(priority, name))
print([pq.get().name for _ in range(3)])
for value in (1, 3, 2):
    pq.put(Reverse(value))
print([pq.get().value for _ in range(3)], pq.empty())
pq.put((1, {}))
try:
    pq.put((1, {}))
except TypeError as error:
    print(error)
print(pq.qsize(), pq.queue)
