"""Numbers that are no descriptors, or those of other files."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
from collections.abc import Callable, Generator
from typing import Any

import pytest
from interlock.scheduler import Scheduler, recv, send, sleep

Steps = Generator[Any, Any, Any]


def run(*tasks: Steps) -> None:
    with Scheduler() as scheduler:
        for task in tasks:
            scheduler.spawn(task)
        scheduler.run()


class Named:
    """An object that says what its descriptor is."""

    def __init__(self, fileno: Callable[[], int]) -> None:
        self.fileno = fileno


@pytest.mark.parametrize("number", [1_000_000, 2**31 - 1])
@pytest.mark.parametrize("form", [lambda number: number, lambda number: Named(lambda: number)])
def test_a_number_that_is_not_open_is_an_error_and_costs_no_memory_c391(form: Any, number: int) -> None:
    def task() -> Steps:
        for operation in (recv(form(number)), send(form(number))):
            with pytest.raises(OSError) as caught:  # noqa: PT011
                yield operation
            assert caught.value.errno == errno.EBADF

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(task())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize("number", [2**31, 2**70, -(2**70)])
def test_what_no_descriptor_can_be_is_a_value_error(number: int) -> None:
    def task() -> Steps:
        for operation in (recv(number), recv(number, 1), send(number), send(number, b"x")):
            with pytest.raises(ValueError, match="is not the number of a descriptor"):
                yield operation

    run(task())
    with pytest.raises(OverflowError):
        recv(0, 2**70)


def test_a_high_number_is_watched_as_others_are_c391() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = min(most, 200_000) - 1
    if number <= 65_536:
        pytest.skip("the limit on descriptors is too low")
    former = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number + 1, most))
    one, other = socket.socketpair()
    with one, other, socket.socket(fileno=os.dup2(one.fileno(), number)) as high:
        got: list[bytes] = []

        def reader() -> Steps:
            got.append((yield recv(high, 10)))
            got.append((yield recv(high, 10)))

        def writer() -> Steps:
            for _ in range(2):
                yield
                yield send(other, b"x")
                yield sleep(0.001)

        run(reader(), writer())
        assert got == [b"x", b"x"]
    resource.setrlimit(resource.RLIMIT_NOFILE, former)


def test_bytes_from_a_pipe_are_refused_before_it_has_any() -> None:
    reads, writes = os.pipe()
    with open(reads, "rb", buffering=0) as file, open(writes, "wb"):

        def task() -> Steps:
            with pytest.raises(OSError) as caught:  # noqa: PT011
                yield recv(reads, 10)
            assert caught.value.errno == errno.ENOTSOCK
            with pytest.raises(AttributeError):
                yield recv(file, 10)

        run(task())


def interrupts_at(count: int, sock: socket.socket) -> Named:
    """An object during whose n-th fileno() Ctrl-C comes."""
    calls: list[int] = []

    def fileno() -> int:
        calls.append(1)
        if len(calls) == count:
            signal.raise_signal(signal.SIGINT)
        return sock.fileno()

    return Named(fileno)


@pytest.mark.parametrize("count", range(1, 5))
def test_ctrl_c_in_fileno_is_not_taken_for_a_closed_file(count: int) -> None:
    one, other = socket.socketpair()
    with one, other:
        file = interrupts_at(count, one)
        scheduler, got = Scheduler(), []

        def task() -> Steps:
            try:
                yield recv(file)
                got.append("ready")
            except KeyboardInterrupt:
                got.append("interrupted")

        def other_one() -> Steps:
            yield sleep(0.01)
            other.send(b"x")

        spawned = scheduler.spawn(task())
        scheduler.spawn(other_one())
        try:
            scheduler.run()
        except KeyboardInterrupt:
            scheduler.run()
        assert spawned.result() is None
        assert got[0] in ("ready", "interrupted")
    scheduler.close()


def test_an_error_of_fileno_is_the_tasks() -> None:
    one, other = socket.socketpair()
    with one, other:
        is_broken: list[int] = []

        def fileno() -> int:
            if is_broken:
                raise AttributeError("broken")
            return one.fileno()

        def task() -> Steps:
            with pytest.raises(AttributeError, match="broken"):
                yield recv(Named(fileno))

        def breaks() -> Steps:
            yield
            yield
            is_broken.append(1)
            yield sleep(0.001)

        run(task(), breaks())


def test_ctrl_c_while_an_error_is_described_is_not_lost() -> None:
    class Unprintable(socket.socket):
        def __repr__(self) -> str:
            signal.raise_signal(signal.SIGINT)
            return "socket"

    with Unprintable() as sock:
        for operation in (recv(sock, 1).within(0), recv(sock).within(0)):
            with pytest.raises(KeyboardInterrupt):
                repr(operation)

    class Broken(socket.socket):
        def __repr__(self) -> str:
            raise ValueError

    with Broken() as sock:
        assert repr(recv(sock)) == "recv(<object>)"
