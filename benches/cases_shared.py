"""Objects that processes share: queues, pipes, locks, values, managers."""

from __future__ import annotations

import importlib
from functools import partial
from itertools import repeat
from typing import Any

from case import Body, Case
from companion import beside
from namespaces import Namespace

WRITERS, BATCH = 4, 100
KILO, MEGA = 1 << 10, 1 << 20


def context(ns: Namespace) -> Any:
    """Return a namespace's context of ``fork``."""
    if ns.processes is not None:
        return ns.processes
    prefix = "" if ns.name == "std" else f"{ns.name}."
    return importlib.import_module(f"{prefix}multiprocessing").get_context("fork")


def calls(function: Any, *arguments: object, share: int = 1) -> Body:
    """Return a body that calls ``function``, ``n // share`` times."""

    def body(n: int) -> None:
        for _ in repeat(None, n // share):
            function(*arguments)

    return body


def queue_one_way(item: object, writers: int, ns: Namespace) -> Body:
    """Some processes put, this process gets: a message is one operation."""
    queue = context(ns).Queue()
    return beside(calls(queue.get), *repeat(calls(queue.put, item, share=writers), writers))


def queue_batches(ns: Namespace) -> Body:
    """One process puts ints, this process gets them, both a hundred at a time: an int is one operation."""
    queue, numbers = context(ns).Queue(), list(range(BATCH))

    def get(n: int) -> None:
        while n > 0:
            n -= len(queue.get_many(max_messages_to_get=n) if ns.processes else queue.get_many(n))

    return beside(get, calls(queue.put_many, numbers, share=BATCH))


def queue_ping_pong(ns: Namespace) -> Body:
    """Two processes, two queues: a round trip is one operation."""
    there, back = context(ns).Queue(), context(ns).Queue()
    return beside(in_turn(there.put, back.get), in_turn(back.put, there.get, answers=True))


def pipe_ping_pong(ns: Namespace) -> Body:
    """Two processes, one pipe: a round trip is one operation."""
    left, right = context(ns).Pipe()
    return beside(in_turn(left.send, left.recv), in_turn(right.send, right.recv, answers=True))


def in_turn(put: Any, get: Any, answers: bool = False) -> Body:
    """Return one side of a game of ping-pong."""

    def serve(n: int) -> None:
        for _ in repeat(None, n):
            put(1)
            get()

    def answer(n: int) -> None:
        for _ in repeat(None, n):
            get()
            put(1)

    return answer if answers else serve


def pipe_one_way(item: object, ns: Namespace) -> Body:
    """One process sends, this process receives: a message is one operation."""
    reader, writer = context(ns).Pipe(duplex=False)
    return beside(calls(reader.recv), calls(writer.send, item))


def value(ns: Namespace) -> Body:
    """Count under the lock of a value."""
    counter = context(ns).Value("i", 0)

    def body(n: int) -> None:
        for _ in repeat(None, n):
            with counter.get_lock():
                counter.value += 1

    return body


def value_read(ns: Namespace) -> Body:
    """Read a value, under its lock."""
    number = context(ns).Value("i", 0)

    def body(n: int) -> None:
        for _ in repeat(None, n):
            number.value  # noqa: B018

    return body


def value_write(ns: Namespace) -> Body:
    """Write a value, under its lock."""
    number = context(ns).Value("d", 0)

    def body(n: int) -> None:
        for _ in repeat(None, n):
            number.value = 1.5

    return body


def value_make(ns: Namespace) -> Body:
    """Make a value with its lock, and drop it."""
    return calls(context(ns).Value, "i")


def array_read(ns: Namespace) -> Body:
    """Read an item of an array, under its lock."""
    array = context(ns).Array("i", 10)

    def body(n: int) -> None:
        for _ in repeat(None, n):
            array[3]

    return body


def array_write(ns: Namespace) -> Body:
    """Write an item of an array, under its lock."""
    array = context(ns).Array("i", 10)

    def body(n: int) -> None:
        for _ in repeat(None, n):
            array[3] = 1

    return body


def pair(kind: str, ns: Namespace) -> Body:
    """Acquire a lock that is free, and release it."""
    lock = getattr(context(ns), kind)()

    def body(n: int) -> None:
        for _ in repeat(None, n):
            lock.acquire()
            lock.release()

    return body


def with_statement(kind: str, ns: Namespace) -> Body:
    """Enter the ``with`` statement of a lock that is free, and leave it."""
    lock = getattr(context(ns), kind)()

    def body(n: int) -> None:
        for _ in repeat(None, n):
            with lock:
                pass

    return body


def event(ns: Namespace) -> Body:
    """Set an event, wait for it, clear it."""
    flag = context(ns).Event()

    def body(n: int) -> None:
        for _ in repeat(None, n):
            flag.set()
            flag.wait()
            flag.clear()

    return body


def condition_ping_pong(ns: Namespace) -> Body:
    """Two processes take turns on one condition: both turns are one operation."""
    condition = context(ns).Condition()
    turn = context(ns).RawValue("i", 0)

    def play(me: int, n: int) -> None:
        for _ in repeat(None, n):
            with condition:
                while turn.value != me:
                    condition.wait()
                turn.value = 1 - me
                condition.notify()

    return beside(partial(play, 0), partial(play, 1))


def barrier_cycle(ns: Namespace) -> Body:
    """Two processes meet at one barrier: a meeting is one operation."""
    meet = calls(context(ns).Barrier(2).wait)
    return beside(meet, meet)


def manager_dict(ns: Namespace) -> Body:
    """Set an entry of a manager's dict, and get it."""
    shared = context(ns).Manager().dict()

    def body(n: int) -> None:
        for _ in repeat(None, n):
            shared["key"] = 1
            shared["key"]

    return body


def manager_list(ns: Namespace) -> Body:
    """Append to a manager's list."""
    return calls(context(ns).Manager().list().append, 1)


TEXT = b"x" * KILO
LARGE = b"x" * MEGA

_PEERS = ("faster-fifo", "multiprocess")

CASES = (
    Case("mp-queue-int", "mp.Queue, ints, 1 to 1", 12, partial(queue_one_way, 1, 1), _PEERS, sample_ms=100),
    Case("mp-queue-1k", "mp.Queue, 1 KB, 1 to 1", 12, partial(queue_one_way, TEXT, 1), _PEERS, sample_ms=100),
    Case(
        "mp-queue-bytes",
        "mp.Queue, 1 KB of bytes, 1 to 1",
        12,
        partial(queue_one_way, bytes(KILO), 1),
        ("faster-fifo", "multiprocess", "zeroq"),
        sample_ms=100,
    ),
    Case(
        "mp-queue-batches",
        "mp.Queue, put_many + get_many of 100 ints, each",
        1,
        queue_batches,
        ("faster-fifo",),
        multiple=BATCH,
        sample_ms=100,
        single=partial(queue_one_way, 1, 1),
    ),
    Case(
        "mp-queue-1m",
        "mp.Queue, 1 MB, 1 to 1",
        15,
        partial(queue_one_way, LARGE, 1),
        (*_PEERS, "py-sharedmemory"),
        sample_ms=100,
    ),
    Case(
        "mp-queue-writers",
        "mp.Queue, ints, 4 to 1",
        12,
        partial(queue_one_way, 1, WRITERS),
        _PEERS,
        multiple=WRITERS,
        sample_ms=100,
    ),
    Case("mp-queue-ping-pong", "mp.Queue ping-pong", 4, queue_ping_pong, _PEERS, sample_ms=100),
    Case("mp-pipe-ping-pong", "mp.Pipe ping-pong", 4, pipe_ping_pong, sample_ms=100),
    Case("mp-pipe-1m", "mp.Pipe, 1 MB", 3, partial(pipe_one_way, LARGE), sample_ms=100),
    Case("mp-value", "mp.Value += 1 under get_lock()", 3, value),
    Case("mp-value-read", "mp.Value read", 1, value_read),
    Case("mp-value-write", "mp.Value write", 1, value_write),
    Case("mp-value-make", "mp.Value made and dropped", 1, value_make),
    Case("mp-array-read", "mp.Array item read", 1, array_read),
    Case("mp-array-write", "mp.Array item written", 1, array_write),
    Case("mp-lock", "mp.Lock acquire + release", 1.5, partial(pair, "Lock")),
    Case("mp-rlock", "mp.RLock acquire + release", 1.5, partial(pair, "RLock")),
    Case("mp-semaphore", "mp.Semaphore acquire + release", 1.5, partial(pair, "Semaphore")),
    Case("mp-lock-with", "with mp.Lock", 1.5, partial(with_statement, "Lock")),
    Case("mp-semaphore-with", "with mp.Semaphore", 1, partial(with_statement, "Semaphore")),
    Case("mp-event", "mp.Event set + wait + clear", 8, event),
    Case("mp-condition", "mp.Condition ping-pong", 4, condition_ping_pong, sample_ms=100),
    Case("mp-barrier", "mp.Barrier of 2", 4, barrier_cycle, sample_ms=100),
    Case("mp-manager-dict", "mp.Manager dict set + get", 4, manager_dict),
    Case("mp-manager-list", "mp.Manager list append", 4, manager_list),
)
