"""Connections of `Pipe()`: what is sent is received; ends and deaths; descriptors for `select` and asyncio."""

from __future__ import annotations

import pytest

from tests.processes.conftest import Run

RULES_OF_BYTES = """
        import array
        import importlib
        import multiprocessing
        import pickle

        import interlock

        def error_of(function, *args):
            try:
                return function(*args)
            except Exception as error:
                return type(error), error.args

        def outcomes(Pipe):
            here, there = Pipe()
            for args in ((b"abc",), (b"abc", 1), (b"abc", 1, 1), (b"abc", 3), (b"abc", 4), (b"abc", -1),
                         (b"abc", 0, -1), (b"abc", 2, 2), (bytearray(b"xyz"),),
                         (array.array("i", [1, 2]),), (memoryview(b"mem"), 1)):
                outcome = error_of(here.send_bytes, *args)
                yield there.recv_bytes() if outcome is None else outcome
            for item in (1, "text", [1, 2], b"x" * 50_000, list(range(20_000))):
                here.send(item)
                assert pickle.loads(there.recv_bytes()) == item
                here.send_bytes(pickle.dumps(item))
                assert there.recv() == item
            yield error_of(there.recv_bytes, -1)
            for length in (10, 50_000):
                into = bytearray(length + 2)
                here.send_bytes(b"y" * length)
                yield error_of(there.recv_bytes_into, into, 1), bytes(into)
                here.send_bytes(b"y" * length)
                yield error_of(there.recv_bytes_into, into, 5)
                numbers = array.array("i", bytes(4 * length))
                here.send_bytes(numbers)
                yield error_of(there.recv_bytes_into, numbers)
            yield error_of(there.recv_bytes_into, bytearray(3), 4)
            yield error_of(there.recv_bytes_into, bytearray(3), -1)
            for other in (here, there):
                reader, writer = Pipe(duplex=False)
                assert reader.readable and writer.writable and not reader.writable and not writer.readable
                refused = (lambda: reader.send(1), lambda: reader.send_bytes(b""), writer.recv, writer.poll,
                           writer.recv_bytes, lambda: writer.recv_bytes_into(bytearray(1)))
                yield [error_of(call) for call in refused]
                yield reader.poll(), reader.poll(-1), reader.poll(0.01)
                writer.send_bytes(b"123456")
                yield reader.poll(), reader.poll(None), error_of(reader.recv_bytes, 5), reader.closed
            here.send_bytes(b"123456")
            yield error_of(there.recv_bytes, 5), there.closed, error_of(there.recv)
            yield error_of(there.send, 1), here.recv()
            with here:
                pass
            refused = (here.recv, here.poll, here.fileno, lambda: here.send(1))
            yield here.closed, [error_of(call) for call in refused], here.close()

        def main():
            Pipe = multiprocessing.Pipe
            def looked_at(*args, **kwargs):
                ends = Pipe(*args, **kwargs)
                ends[LOOK].fileno()
                return ends
            ours, kind = list(outcomes(looked_at if LOOK < 2 else Pipe)), type(Pipe()[0])
            interlock.uninstall()
            standard = importlib.import_module("multiprocessing").Pipe
            theirs = list(outcomes(standard))
            assert type(standard()[0]) is not kind
            for one, other in zip(ours, theirs, strict=True):
                assert one == other, (one, other)
        """


def test_objects_arrive_in_order_and_are_what_they_were(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.connection import Connection

        OBJECTS = [None, True, 0, -1, 2**63 - 1, -(2**63), 2**63, 1.5, "", "a", "\\N{SNOWMAN}" * 1000, b"",
                   b"bytes", bytes(100_000), "x" * 100_000, "\\ud800", (), [1, [2]], {"a": {1}}, bytearray(b"b"),
                   list(range(50_000))]

        def child(conn, other):
            other.close()
            for item in iter(conn.recv, "end"):
                conn.send(item)

        def main():
            ctx = multiprocessing.get_context(METHOD)
            here, there = ctx.Pipe()
            assert isinstance(here, Connection) and here.readable and here.writable and not here.closed
            process = ctx.Process(target=child, args=(there, here))
            process.start()
            there.close()
            for item in OBJECTS:
                here.send(item)
            for item in OBJECTS:
                got = here.recv()
                assert got == item and type(got) is type(item), (got, item)
            here.send("end")
            process.join()
            assert process.exitcode == 0
            try:
                here.recv()
            except EOFError:
                pass
            else:
                raise AssertionError("no end")
            try:
                here.send(1)
            except BrokenPipeError:
                pass
            else:
                raise AssertionError("sent to nobody")
        """,
        method,
    )


@pytest.mark.parametrize("look", [0, 1, 2], ids=["looked-at", "other-looked-at", "closed"])
def test_bytes_have_the_rules_of_the_standard_library(run: Run, look: int) -> None:
    run(RULES_OF_BYTES.replace("LOOK", str(look)))


def test_the_end_comes_with_the_last_process_that_could_send(run: Run) -> None:
    run(
        """
        import multiprocessing
        import os

        def main():
            reader, writer = multiprocessing.Pipe(duplex=False)
            told, tell = os.pipe()
            child = os.fork()
            if not child:
                grandchild = os.fork()
                if not grandchild:
                    os.read(told, 1)
                    writer.send("from the grandchild")
                    os._exit(0)
                os._exit(0)
            os.waitpid(child, 0)
            writer.close()
            assert not reader.poll(0.05)
            os.write(tell, b"x")
            assert reader.recv() == "from the grandchild"
            assert reader.poll(60)
            try:
                reader.recv()
            except EOFError:
                pass
            else:
                raise AssertionError("no end")
        """
    )


def test_a_writer_that_is_killed_leaves_whole_messages_and_the_end(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        import os
        import random
        import signal

        def child(writer):
            for i in range(1000):
                writer.send_bytes(bytes([i % 256]) * 10_000_000)
                writer.send(i)

        def main():
            ctx = multiprocessing.get_context(METHOD)
            for kills_after in (1, 2, 5):
                reader, writer = ctx.Pipe(duplex=False)
                process = ctx.Process(target=child, args=(writer,))
                process.start()
                writer.close()
                for i in range(kills_after):
                    assert reader.recv_bytes() == bytes([i % 256]) * 10_000_000
                    assert reader.recv() == i
                os.kill(process.pid, signal.SIGKILL)
                try:
                    for i in range(kills_after, 1000):
                        data = reader.recv_bytes()
                        assert data == bytes([i % 256]) * 10_000_000
                        assert reader.recv() == i
                except EOFError:
                    pass
                else:
                    raise AssertionError("no end")
                process.join()
        """,
        method,
    )


@pytest.mark.parametrize("duplex", [True, False])
def test_a_descriptor_is_readable_while_there_is_a_message_and_at_the_end(
    run: Run, method: str, duplex: bool
) -> None:
    run(
        f"""
        import multiprocessing
        import select
        import sys

        def is_readable(conn):
            return bool(select.select([conn], [], [], 0)[0])

        def child(conn, commands):
            for command in iter(commands.recv, "end"):
                conn.send(command)
                commands.send("sent")

        def main():
            ctx = multiprocessing.get_context(METHOD)
            for asks_late in (False, True):
                reader, writer = ctx.Pipe(duplex={duplex})
                commands, theirs = ctx.Pipe()
                if not asks_late:
                    assert not is_readable(reader)
                process = ctx.Process(target=child, args=(writer, theirs))
                process.start()
                writer.close()
                theirs.close()
                for there in (1, 2, 3):
                    for i in range(there):
                        commands.send(i)
                        assert commands.recv() == "sent"
                        assert asks_late and there == 1 or is_readable(reader)
                    for i in range(there):
                        assert is_readable(reader) and reader.poll()
                        assert reader.recv() == i
                    assert not is_readable(reader) and not reader.poll()
                commands.send(b"x" * 100_000)
                assert select.select([reader], [], [], 60)[0] and reader.recv() == b"x" * 100_000
                assert commands.recv() == "sent" and not is_readable(reader)
                process.kill()
                assert select.select([reader], [], [], 60)[0] == [reader]
                try:
                    reader.recv()
                except EOFError:
                    pass
                else:
                    raise AssertionError("no end")
                assert is_readable(reader)
                process.join()
        """,
        method,
    )


def test_wait_takes_connections_with_sentinels_and_other_descriptors(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing import connection
        import socket

        def child(conn, last):
            assert conn.recv() == "go"
            conn.send("went")
            last.recv()

        def main():
            ctx = multiprocessing.get_context(METHOD)
            here, there = ctx.Pipe()
            last, theirs = ctx.Pipe()
            process = ctx.Process(target=child, args=(there, theirs))
            process.start()
            there.close()
            theirs.close()
            one, other = socket.socketpair()
            everything = [here, process.sentinel, one]
            assert connection.wait(everything, 0) == []
            here.send("go")
            assert connection.wait(everything, 60) == [here] and here.recv() == "went"
            other.send(b"x")
            assert connection.wait(everything, 60) == [one] and one.recv(1) == b"x"
            last.send("end")
            process.join()
            assert connection.wait([here, one], 60) == [here]
        """,
        method,
    )


def test_an_event_loop_reads_a_connection(run: Run, method: str) -> None:
    run(
        """
        import asyncio
        import multiprocessing

        NUMBER = 500

        def child(conn, other):
            other.close()
            for i in range(NUMBER):
                conn.send((i, b"x" * (i * 100)))
            conn.close()

        def main():
            ctx = multiprocessing.get_context(METHOD)
            here, there = ctx.Pipe()
            process = ctx.Process(target=child, args=(there, here))

            async def read_all():
                loop, done, got = asyncio.get_running_loop(), asyncio.Event(), []

                def read():
                    try:
                        got.append(here.recv())
                    except EOFError:
                        loop.remove_reader(here.fileno())
                        done.set()

                loop.add_reader(here.fileno(), read)
                process.start()
                there.close()
                await done.wait()
                return got

            got = asyncio.run(read_all())
            assert [i for i, _ in got] == list(range(NUMBER)) and all(len(data) == i * 100 for i, data in got)
            process.join()
            assert process.exitcode == 0
        """,
        method,
    )


def test_a_connection_goes_through_a_connection(run: Run, method: str) -> None:
    run(
        """
        import importlib
        import multiprocessing

        def child(conn):
            for sent in iter(conn.recv, "end"):
                sent.send(("here it is", sent.readable, sent.writable))
                sent.close()

        def main():
            ctx = multiprocessing.get_context(METHOD)
            std = importlib.import_module("multiprocessing.connection")
            for standard in (False, True):  # the standard connection's process may not belong to the family yet
                if standard:
                    import socket

                    one, other = socket.socketpair()
                    here, there = std.Connection(one.detach()), std.Connection(other.detach())
                else:
                    here, there = ctx.Pipe()
                process = ctx.Process(target=child, args=(there,))
                process.start()
                there.close()
                for duplex in (False, True, False):
                    reader, writer = ctx.Pipe(duplex)
                    here.send(writer)
                    writer.close()
                    assert reader.recv() == ("here it is", duplex, True)
                    try:
                        reader.recv()
                    except EOFError:
                        pass
                    else:
                        raise AssertionError("no end")
                here.send("end")
                process.join()
                assert process.exitcode == 0
        """,
        method,
    )


def test_pipes_give_their_descriptors_back(run: Run) -> None:
    run(
        """
        import multiprocessing
        import os

        def main():
            first = multiprocessing.Pipe()
            before = len(os.listdir("/proc/self/fd"))
            for i in range(3000):
                here, there = multiprocessing.Pipe(i % 2)
                there.send(i)
                here.fileno()
                if i % 3:
                    here.close()
            del here, there
            assert len(os.listdir("/proc/self/fd")) == before
        """
    )


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_a_pickler_of_the_programs_own_passes_connections_on(run: Run, start: str) -> None:
    """Libraries with picklers of their own know nothing of what is registered in `multiprocessing`'s."""
    run(
        """
        import copy
        import multiprocessing
        import pickle

        class Parcel:
            def __init__(self, content):
                self.content = content

            def __reduce__(self):
                return pickle.loads, (pickle.dumps(self.content),)

        def child(end):
            while True:
                what = end.recv()
                if what == "end":
                    return
                what.send("here it is")

        def main():
            context = multiprocessing.get_context(METHOD)
            here, there = multiprocessing.Pipe()
            process = context.Process(target=child, args=(Parcel(there),))
            process.start()
            there.close()
            for duplex in (False, True):
                reader, writer = multiprocessing.Pipe(duplex)
                here.send(Parcel(writer))
                writer.close()
                assert reader.recv() == "here it is"
            here.send("end")
            process.join()
            assert process.exitcode == 0
            reader, writer = multiprocessing.Pipe(False)
            copy.copy(writer).send(1)
            assert reader.recv() == 1
        """,
        start,
    )
