"""Queues in one thread, in batches, and between producers and consumers."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice, repeat
from typing import Any

from case import Body, Case
from crew import together
from namespaces import Namespace

BATCH = 100


def put_get(name: str) -> Callable[[Namespace], Body]:
    """``q.put(1); q.get()`` in one thread, on the queue class of that name."""

    def prepare(ns: Namespace) -> Body:
        q = getattr(ns.queue, name)()

        def body(n: int) -> None:
            for _ in repeat(None, n):
                q.put(1)
                q.get()

        return body

    return prepare


def priority(ns: Namespace) -> Body:
    """``q.put(item); q.get()`` with 100 items queued; the items come in a fixed shuffled order."""
    q = ns.queue.PriorityQueue()
    items = random.Random(1).sample(range(10_000), 1_000)
    for item in items[:100]:
        q.put(item)

    def body(n: int) -> None:
        for item in islice(cycle(items), n):
            q.put(item)
            q.get()

    return body


def priority_of_tuples(ns: Namespace) -> Body:
    """The same with ``(number, payload)``, as most programs put them; these materialize the queue."""
    q = ns.queue.PriorityQueue()
    items = [(number, "payload") for number in random.Random(1).sample(range(10_000), 1_000)]
    for item in items[:100]:
        q.put(item)

    def body(n: int) -> None:
        for item in islice(cycle(items), n):
            q.put(item)
            q.get()

    return body


def materialized(ns: Namespace) -> Body:
    """``q.put(1); q.get()`` on a materialized queue."""
    q = ns.queue.Queue()
    with q.mutex:
        q.queue.clear()

    def body(n: int) -> None:
        for _ in repeat(None, n):
            q.put(1)
            q.get()

    return body


def with_own_put(ns: Namespace) -> Body:
    """``q.put(1); q.get()`` on a subclass with a ``_put()`` of its own."""

    class Own(ns.queue.Queue):  # type: ignore[misc,name-defined]
        def _put(self, item: Any) -> None:
            self.queue.append(item)

    q = Own()

    def body(n: int) -> None:
        for _ in repeat(None, n):
            q.put(1)
            q.get()

    return body


def in_batches(ns: Namespace) -> Body:
    """``q.put_many(100 items); q.get_many(100)``; an item is one operation."""
    q = ns.queue.Queue()
    items = list(range(BATCH))

    def body(n: int) -> None:
        for _ in repeat(None, n // BATCH):
            q.put_many(items)
            if len(q.get_many(BATCH)) != BATCH:
                raise AssertionError(f"get_many({BATCH}) gave fewer items though all were inside")

    return body


def one_by_one(ns: Namespace) -> Body:
    """100 puts, then 100 gets; an item is one operation."""
    q = ns.queue.Queue()
    items = list(range(BATCH))

    def body(n: int) -> None:
        for _ in repeat(None, n // BATCH):
            for item in items:
                q.put(item)
            for _item in items:
                q.get()

    return body


def bounded(pairs: int) -> Callable[[Namespace], Body]:
    """``pairs`` producers and as many consumers on a Queue(1000); an item is one operation."""

    def prepare(ns: Namespace) -> Body:
        q = ns.queue.Queue(1_000)

        def body(n: int) -> None:
            share = n // pairs
            together(*[partial(produce, q, share)] * pairs, *[partial(consume, q, share)] * pairs)

        return body

    return prepare


def produce(q: Any, n: int) -> None:
    """Put ``n`` items."""
    for _ in repeat(None, n):
        q.put(1)


def consume(q: Any, n: int) -> None:
    """Get ``n`` items."""
    for _ in repeat(None, n):
        q.get()


_FIFO_PEERS = ("fque", "culsans", "aiologic")
_OTHER_PEERS = ("culsans", "aiologic")

CASES = (
    Case("queue-put-get", "Queue, put + get, one thread", 18, put_get("Queue"), peers=_FIFO_PEERS),
    Case("lifo-put-get", "LifoQueue, put + get, one thread", 18, put_get("LifoQueue"), peers=_OTHER_PEERS),
    Case("priority-put-get", "PriorityQueue of ints, put + get, 100 queued", 6, priority, peers=_OTHER_PEERS),
    Case("priority-tuples", "PriorityQueue of tuples, put + get, 100 queued", 1, priority_of_tuples),
    Case("queue-opened", "Queue after q.mutex, put + get", 1, materialized),
    Case("queue-own-put", "Queue with a _put of its own, put + get", 1, with_own_put),
    Case(
        "simple-put-get",
        "SimpleQueue, put + get, one thread",
        1.0,
        put_get("SimpleQueue"),
        peers=("aiologic",),
    ),
    Case(
        "queue-1-1", "Queue(1000), 1 producer, 1 consumer", 10, bounded(1), peers=_OTHER_PEERS, least=10_000
    ),
    Case(
        "queue-4-4",
        "Queue(1000), 4 producers, 4 consumers",
        8,
        bounded(4),
        peers=_OTHER_PEERS,
        multiple=4,
        least=10_000,
    ),
    Case(
        "queue-many",
        "Queue, put_many + get_many of 100, each; ratio to Interlock's put + get",
        3,
        in_batches,
        single=one_by_one,
        multiple=BATCH,
    ),
)
