"""Sockets that are closed under waiting tasks, and whose numbers are used again."""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
from collections.abc import Generator
from typing import Any

import pytest
from interlock.scheduler import Scheduler, join, recv, send, sleep

Steps = Generator[Any, Any, Any]


def replaced(sock: socket.socket) -> tuple[socket.socket, socket.socket]:
    """Close a socket, and make a pair the first one of which has its number."""
    number = sock.fileno()
    sock.close()
    one, other = socket.socketpair()
    if one.fileno() != number:
        one, other = other, one
    assert one.fileno() == number
    return one, other


def is_closed(operation: Any) -> Steps:
    """Whether the wait ends with the error of a closed descriptor."""
    try:
        return False, (yield operation)
    except OSError as error:
        return error.errno == errno.EBADF, None


@pytest.mark.parametrize("rounds", [0, 1, 100, 1000])
@pytest.mark.parametrize("how", ["socket", "number"])
def test_bytes_of_a_new_connection_are_for_its_own_task(how: str, rounds: int) -> None:
    one, other = socket.socketpair()

    def replaces() -> Steps:
        yield
        new, peer = replaced(one)
        with new, peer:
            for _ in range(rounds):
                yield
            peer.send(b"for the new one")
            return (yield recv(new, 100).within(100))

    with other, Scheduler() as scheduler:
        old = scheduler.spawn(is_closed(recv(one if how == "socket" else one.fileno(), 100)))
        new = scheduler.spawn(replaces())
        scheduler.run()
        assert old.result() == (True, None)
        assert new.result() == b"for the new one"


def test_a_socket_that_is_ready_and_closed_before_its_turn_gets_nothing_of_the_next_one() -> None:
    one, other = socket.socketpair()
    with other, Scheduler() as scheduler:

        def replaces() -> Steps:
            while not select.select([one], [], [], 0)[0]:
                yield
            # If the scheduler looks before the next round, the other task is ready, and has its turn after this one.
            yield
            new, peer = replaced(one)
            with new, peer:
                peer.send(b"for the new one")
                yield join(old)
                return (yield recv(new, 100).within(100))

        new = scheduler.spawn(replaces())
        old = scheduler.spawn(is_closed(recv(one, 100)))
        scheduler.run(scheduler.spawn(one_turn()))
        other.send(b"x")
        scheduler.run()
        assert old.result() == (True, None)
        assert new.result() == b"for the new one"


def one_turn() -> Steps:
    yield


def test_the_rest_of_an_answer_does_not_go_into_the_next_connection() -> None:
    one, other = socket.socketpair()

    def replaces() -> Steps:
        yield
        new, peer = replaced(one)
        with new, peer:
            new.setblocking(False)
            filled = 0
            try:
                while True:
                    filled += new.send(b"n" * 65536)
            except BlockingIOError:
                pass
            sender = scheduler.spawn(sends(new))
            got = b""
            while len(got) < filled + 3:
                got += yield recv(peer, 1 << 20).within(100)
            yield join(sender)
            return got[filled:], set(got[:filled])

    def sends(sock: socket.socket) -> Steps:
        yield send(sock, b"new").within(100)

    with other, Scheduler() as scheduler:
        old = scheduler.spawn(is_closed(send(one, b"OLD" * 3_000_000)))
        new = scheduler.spawn(replaces())
        scheduler.run()
        assert old.result() == (True, None)
        assert new.result() == (b"new", {ord("n")})


def test_a_server_that_drops_an_idle_connection_answers_the_next_one() -> None:
    connections: list[socket.socket] = []
    log = []

    def handle(name: str, connection: socket.socket) -> Steps:
        try:
            while data := (yield recv(connection, 100)):
                yield send(connection, f"{name} said {data.decode()}".encode())
        except OSError as error:
            log.append((name, error.errno))

    def serve(listener: socket.socket) -> Steps:
        for name in ("alice", "bob"):
            yield recv(listener)
            while connections:
                connections.pop().close()
            connections.append(listener.accept()[0])
            scheduler.spawn(handle(name, connections[-1]))

    def connect(address: Any) -> Steps:
        with socket.create_connection(address), socket.socket() as bob:
            while not connections:
                yield
            bob.connect(address)
            yield send(bob, b"hello")
            return (yield recv(bob, 100).within(100))

    with socket.create_server(("127.0.0.1", 0)) as listener, Scheduler() as scheduler:
        scheduler.spawn(serve(listener))
        client = scheduler.spawn(connect(listener.getsockname()))
        assert scheduler.run(client) == b"bob said hello"
        scheduler.run()
        connections.pop().close()
    assert log == [("alice", errno.EBADF)]


def test_an_object_that_connects_again_is_waited_for_anew() -> None:
    class Client:
        """Its connection is another one now and then, with the same number."""

        def __init__(self) -> None:
            self.sock, self.peer = socket.socketpair()

        def fileno(self) -> int:
            return self.sock.fileno()

        def connect_again(self) -> None:
            self.peer.close()
            self.sock, self.peer = replaced(self.sock)

    client = Client()

    def reads() -> Steps:
        got = []
        for _ in range(3):
            yield recv(client).within(100)
            got.append(client.sock.recv(10))
            client.connect_again()
            scheduler.spawn(writes(client.peer))
        return got

    def writes(peer: socket.socket) -> Steps:
        yield
        peer.send(b"x")

    with Scheduler() as scheduler:
        task = scheduler.spawn(reads())
        scheduler.spawn(writes(client.peer))
        assert scheduler.run(task) == [b"x"] * 3
        scheduler.run()
    client.sock.close()
    client.peer.close()


@pytest.mark.parametrize("is_used_again", [False, True])
def test_a_number_that_is_closed_behind_the_sockets_back_ends_the_wait(is_used_again: bool) -> None:
    one, other = socket.socketpair()
    with other, socket.socket() as another, Scheduler() as scheduler:
        number = one.fileno()

        def closes() -> Steps:
            yield sleep(0.001)  # sleep: the scheduler has checked its descriptors once
            os.close(number)
            if is_used_again:
                os.dup2(another.fileno(), number)

        task = scheduler.spawn(is_closed(recv(one, 1).within(100)))
        scheduler.spawn(closes())
        scheduler.run()
        assert task.result() == (True, None)
        if is_used_again:
            os.close(number)
        one.detach()


def test_a_socket_that_another_thread_closes_is_an_error_in_the_task() -> None:
    one, other = socket.socketpair()
    with other, Scheduler() as scheduler:
        task = scheduler.spawn(is_closed(recv(one, 1).within(100)))
        timer = threading.Timer(0.01, one.close)
        timer.start()
        scheduler.run()
        timer.join()
        assert task.result() == (True, None)
