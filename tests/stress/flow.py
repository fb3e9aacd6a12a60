"""Producers and consumers at one queue, and checks of the items that come out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from interlock import queue, threading

from tests.stress.crew import LIMIT, SEED, Crew, chance, eventually

Item = tuple[int, int, int]
"""A priority, a producer, and the number of the producer's item."""

STOP: Item = (1 << 40, -1, -1)


class Flow:
    """Passes items from producers to consumers through `q`, with random methods."""

    def __init__(self, q: Any, items: int, producers: int = 8, consumers: int = 8) -> None:
        self.q = q
        self.producers, self.consumers = producers, consumers
        self.each = max(items // producers, 20)
        self.sequences: list[list[Item]] = [[] for _ in range(consumers)]
        self.simple = isinstance(q, queue.SimpleQueue)

    def run(self, lookers: int = 0) -> None:
        """Pass all items; if there are lookers, they look inside meanwhile."""
        makers, crew = Crew(threading.Thread), Crew(threading.Thread)
        for number in range(self.producers):
            makers.add(self._produce, number)
        for number in range(self.consumers):
            crew.add(self._consume, number)
        for _ in range(lookers):
            crew.add(self._open)
        crew.start()
        makers.run()
        if self.simple:
            for _ in range(self.consumers):
                self.q.put(STOP)
        else:
            self.q.join()
            assert self.q.unfinished_tasks == 0
            self.q.shutdown()
        crew.join()

    def _open(self) -> None:
        total = self.each * self.producers
        eventually(lambda: sum(map(len, self.sequences)) > total // 3, "a third of the items")
        for _ in range(20):
            with self.q.mutex:
                assert self.q._qsize() == len(self.q.queue)
                assert self.q.unfinished_tasks >= len(self.q.queue)

    def _produce(self, me: int) -> None:
        dice, put = chance("producer", me), self.q.put
        items = iter([(dice.randrange(1000), me, number) for number in range(self.each)])
        for item in items:
            way = dice.randrange(4)
            if way == 0 and not self.simple:
                more = [item, *(next(items, None) for _ in range(dice.randrange(12)))]
                self._put_many([one for one in more if one is not None], dice)
            elif way == 1:
                self._until_put(item)
            elif way == 2:
                put(item, True, LIMIT)
            else:
                put(item)

    def _put_many(self, items: list[Item], dice: random.Random) -> None:
        while items:
            try:
                self.q.put_many(items, timeout=dice.choice([None, 50, 0.0001]))
                return
            except queue.Full as full:
                items = full.remaining  # type: ignore[attr-defined]

    def _until_put(self, item: Item) -> None:
        while True:
            try:
                return self.q.put(item, True, 0.0002)
            except queue.Full:
                pass

    def _consume(self, me: int) -> None:
        dice, mine = chance("consumer", me), self.sequences[me]
        while True:
            try:
                got = self._some(dice)
            except queue.Empty:
                continue
            except queue.ShutDown:
                return
            if STOP in got:
                return
            mine.extend(got)
            if not self.simple:
                for _ in got:
                    self.q.task_done()

    def _some(self, dice: random.Random) -> list[Item]:
        way, q = dice.randrange(5), self.q
        if way == 0 and not self.simple:
            most = dice.randrange(1, 20)
            got: list[Item] = q.get_many(most, timeout=dice.choice([None, 0.001]))
            assert 1 <= len(got) <= most
            return got
        if way == 1:
            return [q.get_nowait()]
        if way == 2:
            return [q.get(True, dice.choice([0, 0.0001, 50]))]
        return [q.get()]

    def check(self) -> None:
        """Check that each item came out once, and to each consumer in its producer's order, if there is one."""
        said = f"INTERLOCK_SEED={SEED}"
        got = Counter((maker, number) for mine in self.sequences for _, maker, number in mine)
        sent = Counter((maker, number) for maker in range(self.producers) for number in range(self.each))
        assert got == sent, f"{said}: lost {list(sent - got)[:5]}, doubled {list(got - sent)[:5]}"
        assert self.q.empty(), said
        if not isinstance(self.q, (queue.LifoQueue, queue.PriorityQueue)):
            for mine in self.sequences:
                self._check_order(mine, said)

    def _check_order(self, mine: list[Item], said: str) -> None:
        last = dict.fromkeys(range(self.producers), -1)
        for _, maker, number in mine:
            assert last[maker] < number, f"{said}: {number} of producer {maker} came after {last[maker]}"
            last[maker] = number


def passes(make: Callable[[], Any], items: int, lookers: int = 0) -> None:
    """Pass items through a fresh queue and check them."""
    flow = Flow(make(), items)
    flow.run(lookers)
    flow.check()
