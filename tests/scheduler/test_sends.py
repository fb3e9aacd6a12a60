"""What several tasks send to one socket does not mix."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from interlock.scheduler import Scheduler, Task, recv, send, sleep

Steps = Generator[Any, Any, Any]
MUCH = 2_000_000


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


class Derived(socket.socket):
    """A socket that sends by its own method."""

    def send(self, *given: Any) -> int:
        return super().send(*given)


def sends(sock: socket.socket, data: bytes) -> Steps:
    yield send(sock, data)


def reads(sock: socket.socket, size: int, got: bytearray) -> Steps:
    while len(got) < size:
        got += yield recv(sock, 100_000)


def runs_of(got: bytearray) -> list[tuple[str, int]]:
    return [(chr(byte), len(list(run))) for byte, run in itertools.groupby(got)]


@pytest.mark.parametrize("is_derived", [False, True])
def test_a_send_is_finished_before_the_next_one_begins(
    pair: tuple[socket.socket, socket.socket], is_derived: bool
) -> None:
    one, other = pair
    sender: socket.socket = Derived(fileno=one.detach()) if is_derived else one
    sender.setblocking(not is_derived)
    with sender, Scheduler() as scheduler:
        got = bytearray()
        for letter in b"ABC":
            scheduler.spawn(sends(sender, bytes([letter]) * MUCH))
        scheduler.spawn(sends(sender, b"D"))
        scheduler.spawn(reads(other, 3 * MUCH + 1, got))
        scheduler.run()
    assert runs_of(got) == [("A", MUCH), ("B", MUCH), ("C", MUCH), ("D", 1)]


@pytest.mark.parametrize("which", [0, 1])
def test_a_send_that_is_cancelled_lets_the_next_one_go_on(
    pair: tuple[socket.socket, socket.socket], which: int
) -> None:
    one, other = pair
    with Scheduler() as scheduler:
        got = bytearray()
        tasks: list[Task[None]] = [scheduler.spawn(sends(one, letter * MUCH)) for letter in (b"A", b"B")]
        tasks.append(scheduler.spawn(sends(one, b"C")))

        def cancels() -> Steps:
            yield
            yield
            tasks[which].cancel()
            yield
            while not tasks[2].done():
                got.extend((yield recv(other, 100_000)))
            one.close()
            while data := (yield recv(other, 100_000)):
                got.extend(data)

        scheduler.spawn(cancels())
        scheduler.run()
    letters = [letter for letter, _ in runs_of(got)]
    assert letters == [["A", "B", "C"], ["A", "C"]][which]
    assert runs_of(got)[-1] == ("C", 1)


def test_a_send_that_waits_for_another_one_may_be_late(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair

    def late() -> Steps:
        with pytest.raises(TimeoutError):
            yield send(one, b"B").within(0.001)

    with Scheduler() as scheduler:
        got = bytearray()
        scheduler.spawn(sends(one, b"A" * MUCH))
        scheduler.run(scheduler.spawn(late()))
        scheduler.spawn(sends(one, b"C"))
        scheduler.spawn(reads(other, MUCH + 1, got))
        scheduler.run()
    assert runs_of(got) == [("A", MUCH), ("C", 1)]


def test_a_socket_that_is_closed_ends_the_sends_that_wait_for_each_other(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    one, _ = pair

    def refused(letter: bytes) -> Steps:
        with pytest.raises(OSError, match="closed"):
            yield send(one, letter * MUCH)

    def closes() -> Steps:
        yield sleep(0.001)
        one.close()

    with Scheduler() as scheduler:
        for task in (refused(b"A"), refused(b"B"), refused(b"C"), closes()):
            scheduler.spawn(task)
        scheduler.run()


def test_an_empty_datagram_is_sent() -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other, Scheduler() as scheduler:

        def task() -> Steps:
            yield send(one, b"")
            return (yield recv(other, 10))

        assert scheduler.run(scheduler.spawn(task())) == b""
