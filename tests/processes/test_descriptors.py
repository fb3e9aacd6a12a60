"""Programs that use the descriptor of a connection themselves find the standard library's messages there."""

from __future__ import annotations

import pytest

from tests.processes.conftest import Run

# What such programs have: messages with their length before them, as `multiprocessing.connection` writes them.
WIRE = """
        import os
        import pickle
        import select
        import struct
        import multiprocessing
        import multiprocessing.connection

        def write(fd, item):
            data = pickle.dumps(item)
            os.write(fd, struct.pack("!i", len(data)) + data)

        def exactly(fd, count):
            data = b""
            while len(data) < count:
                more = os.read(fd, count - len(data))
                if not more:
                    raise EOFError
                data += more
            return data

        def read(fd):
            (length,) = struct.unpack("!i", exactly(fd, 4))
            return pickle.loads(exactly(fd, length))

        ITEMS = [1, "two", None, b"3" * 20_000, [4] * 30_000]
"""


@pytest.mark.parametrize("duplex", [True, False])
@pytest.mark.parametrize("parent", ["plain", "wire"])
@pytest.mark.parametrize("child", ["plain", "wire"])
def test_what_is_sent_arrives_by_whichever_way(
    run: Run, method: str, duplex: bool, parent: str, child: str
) -> None:
    body = """
        def child(conn, other, back):
            other.close()
            get = conn.recv if CHILD == "plain" else lambda: read(conn.fileno())
            while True:
                try:
                    item = get()
                except EOFError:
                    break
                assert back.poll(0) is False
                back.send(("got", item))
            back.close()

        def main():
            ctx = multiprocessing.get_context(METHOD)
            there, here = ctx.Pipe(DUPLEX)
            answers, back = ctx.Pipe()
            here.fileno(), answers.fileno()
            process = ctx.Process(target=child, args=(there, here, back))
            process.start()
            there.close()
            back.close()
            for item in ITEMS:
                here.send(item) if PARENT == "plain" else write(here.fileno(), item)
                assert select.select([answers], [], [], 60)[0] == [answers]
                assert multiprocessing.connection.wait([answers], 60) == [answers]
                got = answers.recv() if PARENT == "plain" else read(answers.fileno())
                assert got == ("got", item), got
            here.close()
            assert answers.poll(60)
            try:
                answers.recv()
            except EOFError:
                pass
            else:
                raise AssertionError("no end")
            process.join()
            assert process.exitcode == 0
"""
    names = {"CHILD": child, "PARENT": parent, "DUPLEX": duplex}
    for name, value in names.items():
        body = body.replace(name, repr(value))
    run(WIRE + body, method)


def test_another_connection_of_the_same_descriptor(run: Run) -> None:
    run(
        WIRE
        + """
        def main():
            here, there = multiprocessing.Pipe()
            twin = multiprocessing.connection.Connection(os.dup(here.fileno()))
            for one in (here, twin):
                one.send(ITEMS)
                assert there.recv() == ITEMS
                there.send("back")
                assert one.recv() == "back"
            here.close()
            twin.send("still open")
            assert there.recv() == "still open"
            twin.close()
            try:
                there.recv()
            except EOFError:
                pass
            else:
                raise AssertionError("no end")
        """
    )


def test_what_is_sent_after_the_connection_is_closed_arrives_by_its_descriptor_c366(run: Run) -> None:
    run(
        WIRE
        + """
        import subprocess, sys

        CHILD = "from multiprocessing.connection import Connection as C; c = C({}); c.send(c.recv() * 2)"

        def main():
            for duplex in (True, False):
                reader, writer = multiprocessing.Pipe(duplex)
                twin = multiprocessing.connection.Connection(os.dup(reader.fileno()), writable=duplex)
                reader.close()
                for item in ITEMS:
                    writer.send(item)
                    assert twin.poll(60) and twin.recv() == item
                twin.close()
                try:
                    writer.send("to nobody")
                except BrokenPipeError:
                    pass
                else:
                    raise AssertionError("the pipe is not broken")
            here, there = multiprocessing.Pipe()
            fd = there.fileno()
            process = subprocess.Popen([sys.executable, "-c", CHILD.format(fd)], pass_fds=[fd])
            there.close()
            here.send(21)
            assert here.recv() == 42 and process.wait() == 0
            try:
                here.recv()
            except EOFError:
                pass
            else:
                raise AssertionError("no end")
        """
    )


def test_a_receiver_that_waits_is_there_for_what_comes_by_the_descriptor(run: Run) -> None:
    run(
        WIRE
        + """
        import threading

        def child(conn, go):
            go.set()
            assert conn.recv() == "wire"
            assert conn.recv() == "plain"
            assert conn.poll(60) and conn.recv() == "end"

        def main():
            ctx = multiprocessing.get_context("fork")
            for _ in range(20):
                there, here = ctx.Pipe(False)
                go = ctx.Event()
                process = ctx.Process(target=child, args=(there, go))
                process.start()
                go.wait()
                write(here.fileno(), "wire")
                here.send("plain")
                write(here.fileno(), "end")
                process.join()
                assert process.exitcode == 0
        """
    )


def test_a_pipe_in_use_only_tells_that_there_is_a_message(run: Run) -> None:
    run(
        WIRE
        + """
        def main():
            reader, writer = multiprocessing.Pipe(duplex=False)
            writer.send("first")
            fd = reader.fileno()
            assert select.select([fd], [], [], 0)[0]
            writer.fileno()
            writer.send("second")
            assert reader.recv() == "first" and select.select([fd], [], [], 0)[0]
            assert reader.recv() == "second" and not select.select([fd], [], [], 0)[0]
        """
    )
