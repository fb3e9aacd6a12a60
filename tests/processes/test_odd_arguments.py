"""Odd buffers, timeouts and bounds do what they do in the standard library."""

from __future__ import annotations

import array
import multiprocessing as theirs
from typing import TYPE_CHECKING, Any

import pytest
from interlock import multiprocessing as ours

if TYPE_CHECKING:
    from collections.abc import Callable

NAN = float("nan")


def outcome(function: Callable[[], Any]) -> tuple[str, ...]:
    try:
        return ("returned", repr(function()))
    except Exception as error:
        return (type(error).__name__, str(error))


def shown(function: Callable[[Any], Any]) -> None:
    """Check that a function has the same outcome with both packages."""
    assert outcome(lambda: function(ours)) == outcome(lambda: function(theirs))


BUFFERS: dict[str, Callable[[], Any]] = {
    "read-only": lambda: bytes(8),
    "read-only, too short": lambda: b"12",
    "every second byte": lambda: memoryview(bytearray(16))[::2],
    "two bytes": lambda: memoryview(bytearray(4))[::2],
    "bytes": lambda: bytearray(8),
    "integers": lambda: array.array("i", [-1] * 4),
    "a table": lambda: memoryview(bytearray(12)).cast("B", (3, 4)),
    "a string": lambda: "text",
}


@pytest.mark.parametrize("buffer", BUFFERS.values(), ids=BUFFERS)
@pytest.mark.parametrize("offset", [0, 1, 3, 4, 5, 13, 16, 17, -1])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 8])
def test_what_is_received_into_a_buffer(buffer: Callable[[], Any], offset: int, size: int) -> None:
    def receive(package: Any) -> Any:
        receiver, sender = package.Pipe(False)
        into = buffer()
        sender.send_bytes(b"12345678"[:size])
        sender.send_bytes(b"next")
        received = outcome(lambda: receiver.recv_bytes_into(into, offset))
        return received, bytes(into, "utf-8") if isinstance(into, str) else bytes(into), receiver.recv_bytes()

    shown(receive)


@pytest.mark.parametrize("size", [3, 200_000, 200_003])
@pytest.mark.parametrize("offset", [0, 2, 4])
def test_what_is_received_into_integers_from_a_large_message(size: int, offset: int) -> None:
    def receive(package: Any) -> Any:
        receiver, sender = package.Pipe(False)
        process = package.get_context("fork").Process(target=sender.send_bytes, args=(b"abc" * (size // 3),))
        process.start()
        into = array.array("i", [-1] * (size // 4 + 3))
        received = outcome(lambda: receiver.recv_bytes_into(into, offset))
        process.join()
        return received, hash(bytes(into))

    shown(receive)


@pytest.mark.parametrize("step", [1, 2, 3, -1])
@pytest.mark.parametrize(
    ("offset", "size"), [(0, None), (1, None), (0, 1), (3, None), (9, None), (-1, None), (0, -1)]
)
@pytest.mark.parametrize("kind", ["B", "i"])
def test_the_part_of_a_buffer_that_is_sent(step: int, offset: int, size: int | None, kind: str) -> None:
    def send(package: Any) -> Any:
        receiver, sender = package.Pipe(False)
        sent = outcome(
            lambda: sender.send_bytes(memoryview(array.array(kind, range(6)))[::step], offset, size)
        )
        return sent, receiver.recv_bytes() if receiver.poll() else None

    shown(send)


def full(package: Any) -> Any:
    queue = package.Queue(1)
    queue.put(1)
    return queue


def with_lock(condition: Any) -> Any:
    with condition:
        return condition.wait(NAN)


WAITS: dict[str, Callable[[Any], Any]] = {
    "poll": lambda package: package.Pipe()[0].poll(NAN),
    "get": lambda package: package.Queue().get(True, NAN),
    "get, not blocking": lambda package: package.Queue().get(False, NAN),
    "put with room": lambda package: package.Queue(1).put(1, True, NAN),
    "put": lambda package: full(package).put(1, True, NAN),
    "put, not blocking": lambda package: full(package).put(1, False, NAN),
    "get what is there": lambda package: full(package).get(True, NAN),
    "a free lock": lambda package: package.Lock().acquire(True, NAN),
    "a free recursive lock": lambda package: package.RLock().acquire(True, NAN),
    "a lock, not blocking": lambda package: package.Semaphore(0).acquire(False, NAN),
    "a semaphore": lambda package: package.Semaphore(0).acquire(True, NAN),
    "a condition": lambda package: with_lock(package.Condition()),
    "an event": lambda package: package.Event().wait(NAN),
    "a barrier": lambda package: package.Barrier(2).wait(NAN),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_a_wait_for_no_number_of_seconds(wait: Callable[[Any], Any]) -> None:
    shown(wait)


@pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])
@pytest.mark.parametrize("bound", [2**31 - 2, 2**31 - 1, 2**31, 2**40, 2**70, 0, -1, -(2**40)])
def test_bounds_of_queues(kind: str, bound: int) -> None:
    shown(lambda package: getattr(package, kind)(bound)._maxsize)


@pytest.mark.parametrize("parties", [-1, 0, -(2**70), 2**32, 2**70])
def test_numbers_of_parties(parties: int) -> None:
    def meet(package: Any) -> Any:
        barrier = package.Barrier(parties)
        return barrier.parties, barrier.n_waiting, barrier.broken, outcome(lambda: barrier.wait(0.05))

    shown(meet)
