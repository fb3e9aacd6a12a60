"""Tasks wait for time and for descriptors."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from interlock.queue import Queue
from interlock.scheduler import Scheduler, Task, call, get, join, put, recv, send, sleep

Steps = Generator[Any, Any, Any]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def run(*tasks: Steps) -> list[Any]:
    with Scheduler() as scheduler:
        spawned = [scheduler.spawn(task) for task in tasks]
        scheduler.run()
        return [task.result() for task in spawned]


def test_sleeps_end_in_their_order() -> None:
    log: list[int] = []

    def task(number: int) -> Steps:
        yield sleep(number / 500)
        log.append(number)

    begin = time.monotonic()
    run(*[task(number) for number in (3, 1, 2)])
    assert log == [1, 2, 3]
    assert time.monotonic() - begin >= 3 / 500


def test_a_sleep_of_no_time_lets_the_others_go_first() -> None:
    log: list[str] = []

    def task(name: str) -> Steps:
        for _ in range(2):
            log.append(name)
            yield sleep(0)

    run(task("a"), task("b"))
    assert log == ["a", "b", "a", "b"]


@pytest.mark.parametrize("wrong", [-1, float("nan"), "x", 1e300, None])
def test_impossible_times_are_errors(wrong: Any) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        sleep(wrong)
    with pytest.raises((ValueError, TypeError, OverflowError)):
        sleep(1).within(wrong)


@pytest.mark.parametrize("form", ["operation", "pair", "number"])
def test_a_task_waits_until_it_can_read_and_write(
    form: str, pair: tuple[socket.socket, socket.socket]
) -> None:
    one, other = pair
    wait_to_read: Any = {"operation": recv(one), "pair": ("recv", one), "number": recv(one.fileno())}[form]
    wait_to_write: Any = {"operation": send(other), "pair": ("send", other), "number": send(other.fileno())}

    def reader() -> Steps:
        got = b""
        while len(got) < 3:
            yield wait_to_read
            got += one.recv(1)
        return got

    def writer() -> Steps:
        for byte in b"abc":
            yield sleep(0.001)
            yield wait_to_write[form]
            other.send(bytes([byte]))

    assert run(reader(), writer())[0] == b"abc"


def test_recv_and_send_move_bytes(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    payload = os.urandom(3_000_000)

    def reader() -> Steps:
        got = bytearray()
        while data := (yield recv(one, 65536)):
            got += data
        return bytes(got)

    def writer() -> Steps:
        assert (yield send(other, memoryview(payload))) is None
        other.close()

    assert run(reader(), writer())[0] == payload


def test_a_broken_connection_is_an_error_in_the_task(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    other.close()

    def writer() -> Steps:
        with pytest.raises(BrokenPipeError):
            yield send(one, b"x" * 100)
        with pytest.raises(TypeError):
            yield send(one, "text")
        return (yield recv(one, 10))

    assert run(writer()) == [b""]


def test_a_socket_of_a_derived_class_receives_and_sends_its_own_way() -> None:
    class Shouts(socket.socket):
        def recv(self, size: int, flags: int = 0) -> bytes:
            return super().recv(size, flags).upper()

        def send(self, data: Any, flags: int = 0) -> int:
            return super().send(data, flags)

    plain, other = socket.socketpair()
    with plain, Shouts(fileno=other.detach()) as shouts:
        shouts.setblocking(False)

        def task() -> Steps:
            yield send(plain, b"abc")
            got = yield recv(shouts, 10)
            yield send(shouts, got)
            return (yield recv(plain, 10))

        assert run(task()) == [b"ABC"]


def test_bytes_that_a_socket_has_taken_already_need_no_wait() -> None:
    class Buffers(socket.socket):
        """It takes all that there is, as sockets of `ssl` do."""

        taken = b""

        def recv(self, size: int, flags: int = 0) -> bytes:
            self.taken += super().recv(1000) if not self.taken else b""
            got, self.taken = self.taken[:size], self.taken[size:]
            return got

        def pending(self) -> int:
            return len(self.taken)

    plain, other = socket.socketpair()
    with plain, Buffers(fileno=other.detach()) as buffers:

        def task() -> Steps:
            yield send(plain, b"abc")
            first = yield recv(buffers, 1)
            yield recv(buffers)
            return first + (yield recv(buffers, 10))

        assert run(task()) == [b"abc"]


def test_a_socket_that_has_to_write_in_order_to_read_and_the_other_way_round() -> None:
    class Negotiates(socket.socket):
        """It says hello and waits for an answer first, as sockets of `ssl` do in whatever is called first."""

        steps: list[str]

        def recv(self, size: int, flags: int = 0) -> bytes:
            self.negotiate("recv")
            return super().recv(size, flags)

        def send(self, data: bytes, flags: int = 0) -> int:  # type: ignore[override]
            self.negotiate("send")
            return super().send(data, flags)

        def negotiate(self, why: str) -> None:
            self.steps.append(why)
            if len(self.steps) == 1:
                raise ssl.SSLWantWriteError
            if len(self.steps) == 2:
                super().send(b"hello")
            if "answered" not in self.steps:
                try:
                    assert super().recv(2) == b"hi"
                except BlockingIOError:
                    raise ssl.SSLWantReadError from None
                self.steps.append("answered")

    for first in ("recv", "send"):
        plain, other = socket.socketpair()
        with plain, Negotiates(fileno=other.detach()) as negotiates:
            negotiates.setblocking(False)
            negotiates.steps = []

            def client() -> Steps:
                if first == "recv":  # noqa: B023 - it ends in this round of the loop
                    return (yield recv(negotiates, 10))
                yield send(negotiates, b"data")
                return None

            def server() -> Steps:
                hello = yield recv(plain, 5)  # noqa: B023
                yield sleep(0.05)  # sleep: time in which the client could try again and again
                yield send(plain, b"hi")  # noqa: B023
                yield sleep(0.01)  # sleep: as above
                yield send(plain, b"data")  # noqa: B023
                return hello

            assert run(client(), server()) == [b"data" if first == "recv" else None, b"hello"]
            assert len(negotiates.steps) <= 6, negotiates.steps


def test_several_tasks_wait_for_one_socket_one_after_the_other(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    one, other = pair

    def reader() -> Steps:
        yield recv(one)
        return one.recv(1)

    def writer() -> Steps:
        yield
        other.send(b"abc")

    assert run(reader(), reader(), reader(), writer()) == [b"a", b"b", b"c", None]


@pytest.mark.parametrize("many", [1, 200])
def test_a_socket_that_is_closed_under_a_waiting_task_is_an_error_there(many: int) -> None:
    pairs = [socket.socketpair() for _ in range(many)]
    with contextlib.ExitStack() as stack:
        for one, other in pairs:
            stack.enter_context(one)
            stack.enter_context(other)

        def waits(sock: socket.socket) -> Steps:
            with pytest.raises(
                OSError, match=r"was closed while task 'victim' waited for it: recv"
            ) as caught:
                yield recv(sock)
            assert caught.value.errno == errno.EBADF

        def stays(sock: socket.socket) -> Steps:
            yield recv(sock)

        with Scheduler() as scheduler:
            victim = scheduler.spawn(waits(pairs[0][0]), name="victim")
            for one, _ in pairs[1:]:
                scheduler.spawn(stays(one))

            def closes() -> Steps:
                yield sleep(0.001)
                pairs[0][0].close()
                yield join(victim)

            scheduler.run(scheduler.spawn(closes()))


def test_a_closed_socket_is_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    one, _ = pair
    one.close()

    def task() -> Steps:
        for operation in (recv(one), send(one), recv(one, 1), send(one, b"x"), recv(-1), ("recv", one)):
            with pytest.raises(OSError, match="descriptor is closed"):
                yield operation
        for wrong in (recv("x"), recv(None)):
            with pytest.raises(AttributeError):
                yield wrong

    run(task())
    with pytest.raises(ValueError, match="negative buffersize in recv"):
        recv(one, -1)
    for impossible in (10**30, "x"):
        with pytest.raises((OverflowError, TypeError)):
            recv(one, impossible)  # type: ignore[arg-type]


def test_a_descriptor_number_that_is_used_again_is_another_socket() -> None:
    def task() -> Steps:
        for _ in range(20):
            one, other = socket.socketpair()
            with one, other:
                yield send(other, b"x")
                assert (yield recv(one, 1)) == b"x"
                yield recv(one).within(0.001) if False else None

    run(task())


@pytest.mark.parametrize("what", ["recv", "sleep", "join"])
def test_a_time_limit_is_a_timeout_error(what: str, pair: tuple[socket.socket, socket.socket]) -> None:
    one, _ = pair

    def sleeps() -> Steps:
        yield sleep(1000)

    with Scheduler() as scheduler:
        sleeper = scheduler.spawn(sleeps())
        operation = {"recv": recv(one), "sleep": sleep(1000), "join": join(sleeper)}[what].within(0.01)

        def task() -> Steps:
            with pytest.raises(TimeoutError, match=r"not done in time: .*within\(0.01\)"):
                yield operation
            return "late"

        assert scheduler.run(scheduler.spawn(task())) == "late"


def test_a_limit_of_no_time_is_enough_for_what_can_be_done_at_once(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    one, other = pair
    full = Queue[int](1)

    def ends() -> Steps:
        return "ended"
        yield

    def task(ended: Task) -> Steps:
        with pytest.raises(TimeoutError):
            yield recv(one).within(0)
        with pytest.raises(TimeoutError):
            yield recv(one, 10).within(0)
        yield send(other, b"x").within(0)
        yield send(other).within(0)
        yield recv(one).within(0)
        got = yield recv(one, 10).within(0)
        assert (yield join(ended).within(0)) == "ended"
        yield put(full, 1).within(0)
        with pytest.raises(TimeoutError):
            yield put(full, 2).within(0)
        assert (yield get(full).within(0)) == 1
        with pytest.raises(TimeoutError):
            yield get(full).within(0)
        with pytest.raises(TimeoutError):
            yield send(other, b"x" * 10_000_000).within(0)
        return got

    with Scheduler() as scheduler:
        ended = scheduler.spawn(ends())
        scheduler.run()
        assert scheduler.run(scheduler.spawn(task(ended))) == b"x"


@pytest.mark.parametrize("what", ["recv", "get", "join", "call"])
def test_what_can_be_done_when_the_time_is_over_is_done(
    what: str, pair: tuple[socket.socket, socket.socket]
) -> None:
    one, other = pair
    queue = Queue[bytes]()
    future = Future[bytes]()

    class Executor:
        def submit(self, *_: Any) -> Future[bytes]:
            return future

    def waits(target: Task) -> Steps:
        operation = {
            "recv": recv(one, 10),
            "get": get(queue),
            "join": join(target),
            "call": call(len).on(Executor()),  # type: ignore[arg-type]
        }
        return (yield operation[what].within(0))

    def makes_it_possible() -> Steps:
        yield
        # The other task has its turn after this one, in the same round, and its time was over when the round began.
        other.send(b"x")
        queue.put(b"x")
        future.set_result(b"x")
        return b"x"

    with Scheduler() as scheduler:
        task = scheduler.spawn(waits(scheduler.spawn(makes_it_possible())))
        scheduler.run()
        assert task.result() == b"x"


def test_a_time_limit_that_is_kept_changes_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair

    def task() -> Steps:
        yield sleep(0.001).within(1000)
        yield send(other, b"x").within(1000)
        return (yield recv(one, 1).within(1000))

    assert run(task()) == [b"x"]


def test_a_full_table_of_descriptors_is_an_error_in_the_task(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    one, other = pair
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    full = []

    def task() -> Steps:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        try:
            with contextlib.suppress(OSError):
                while True:
                    full.append(os.dup(0))
            with pytest.raises(OSError, match="Too many open files"):
                yield recv(one)
        finally:
            for number in full:
                os.close(number)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        other.send(b"x")
        return (yield recv(one, 1))

    assert run(task()) == [b"x"]


def test_a_full_table_of_descriptors_is_no_matter_of_other_tasks(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)

    def task(operation: Any) -> Steps:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                yield operation
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return "went on"

    queue = Queue[int]()
    for operation in (recv(pair[0]), sleep(0.01), call(abs, 1), get(queue)):
        scheduler = Scheduler()  # it has no descriptors yet
        assert scheduler.run(scheduler.spawn(task(operation))) == "went on"
    queue.put(1)
    assert queue.get_nowait() == 1  # the task that went on has left the queue's line


def test_a_pipe_of_a_child_is_waited_for() -> None:
    command = [sys.executable, "-c", "print('output')"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:

        def task() -> Steps:
            yield recv(child.stdout).within(100)
            assert child.stdout
            return child.stdout.read()

        assert run(task()) == [b"output\n"]


def test_a_file_is_always_ready(tmp_path: Any) -> None:
    with open(tmp_path / "file", "w+b") as file:

        def task() -> Steps:
            yield recv(file)
            yield send(file)
            return "ready"

        assert run(task()) == ["ready"]


def test_no_descriptor_is_left_behind() -> None:
    def task() -> Steps:
        one, other = socket.socketpair()
        with one, other:
            yield send(other, b"x")
            yield recv(one, 1)
            yield sleep(0.0001)

    run(task())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        run(task())
    assert len(os.listdir("/proc/self/fd")) == before
