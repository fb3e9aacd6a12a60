"""Large data between processes: buffers travel beside the pickle, and a program can tell only by the time."""

from __future__ import annotations

import importlib.util
import textwrap

import pytest

from .conftest import Run

_HEAD = """
import ctypes, os, pickle, sys
import multiprocessing

context = multiprocessing.get_context(METHOD)

class Data:
    # What an array is to pickle: it gives its memory from protocol 5 on.

    def __init__(self, memory):
        self.memory = memory

    def __reduce_ex__(self, protocol):
        if protocol >= 5:
            return Data, (pickle.PickleBuffer(self.memory),)
        return Data, (bytearray(self.memory),)

    @property
    def view(self):
        return memoryview(self.memory)

LARGE = 300_000

def pattern(seed, length=LARGE):
    return (bytearray((seed + i) % 251 for i in range(251)) * (length // 251 + 1))[:length]

def ways():
    # The ways to send an object: (put, get).
    queue = context.Queue()
    reader, writer = context.Pipe(duplex=False)
    left, right = context.Pipe()
    yield queue.put, queue.get
    yield writer.send, reader.recv
    yield left.send, right.recv
    simple = context.SimpleQueue()
    yield simple.put, simple.get
"""


def program(body: str) -> str:
    """Return a program: its head, and this."""
    return _HEAD + textwrap.dedent(body)


def test_what_is_received_can_be_written_to_and_is_the_receivers_own(run: Run) -> None:
    text = """
    def main():
        for put, get in ways():
            memory = pattern(3)
            put(Data(memory))
            memory[0] = 99  # too late
            got = get()
            assert bytes(got.view) == bytes(pattern(3))
            got.view[1] = 77
            assert memory[1] == 4
            put(got)  # it travels on as it is now
            again = get()
            got.view[2] = 66
            assert again.view[:3].tobytes() == bytes([3, 77, 5])
            put([got, got])
            one, two = get()
            assert one is two
        print("own")
    """
    assert run(program(text)) == "own\n"


def test_a_child_and_its_parent_exchange_them(run: Run, method: str) -> None:
    text = """
    def echo(there, back):
        while (item := there.get()) is not None:
            for data in item["data"]:
                data.view[0] = 200
            back.send(item)

    def main():
        there = context.Queue()
        back, end = context.Pipe(duplex=False)
        child = context.Process(target=echo, args=(there, end))
        child.start()
        kept = []
        for i in range(20):
            data = [Data(pattern(i, LARGE + i)), Data(pattern(i, 10))]
            item = {"number": i, "data": data, "text": b"x" * 70_000 * i}
            there.put(item)
            got = back.recv()
            assert got["number"] == i and got["text"] == item["text"]
            for sent, came in zip(data, got["data"]):
                assert came.view[0] == 200 and came.view[1:] == sent.view[1:]
                assert sent.view[0] == i
            kept.append(got)
        there.put(None)
        child.join()
        assert child.exitcode == 0
        assert all(data.view[1] == i + 1 for i, got in enumerate(kept) for data in got["data"])
        print("exchanged")
    """
    assert "exchanged\n" in run(program(text), method)


def test_read_only_buffers_are_what_the_standard_library_makes_of_them(run: Run) -> None:
    text = """
    def can_write(memory):
        try:
            ctypes.c_char.from_buffer(memory).value = b"!"
        except TypeError:
            return False
        return True

    def main():
        for put, get in ways():
            for length in (10, 60_000, LARGE):
                sent = pattern(1, length)
                put([Data(bytes(sent)), Data(sent)])
                got, writable = get()
                assert bytes(got.view) == bytes(writable.view) == sent
                # From 3.14 on the standard pickles say that a buffer was read-only. Before, the receiver could write.
                assert can_write(got.memory) == (sys.version_info < (3, 14))
                assert can_write(writable.memory)
        print("as there")
    """
    assert run(program(text)) == "as there\n"


def test_a_buffer_that_was_received_can_be_sent_again(run: Run) -> None:
    text = """
    def main():
        for put, get in ways():
            for sent in (pattern(1), bytes(pattern(1))):
                came = pickle.PickleBuffer(sent)
                for _ in range(3):
                    put(came)
                    came = get()
                    assert bytes(came) == sent
        print("again")
    """
    assert run(program(text)) == "again\n"


def test_a_program_gets_a_whole_pickle_if_it_wants_the_bytes(run: Run) -> None:
    text = """
    def main():
        reader, writer = context.Pipe(duplex=False)
        writer.send(Data(pattern(9)))
        assert pickle.loads(reader.recv_bytes()).view == pattern(9)
        writer.send_bytes(pickle.dumps(Data(pattern(8)), 5))
        assert reader.recv().view == pattern(8)
        room = bytearray(2 * LARGE)
        writer.send(Data(pattern(7)))
        length = reader.recv_bytes_into(room)
        assert pickle.loads(room[:length]).view == pattern(7)
        queue = context.Queue()
        queue.put_many([Data(pattern(i)) for i in range(5)])
        assert [data.view[0] for data in queue.get_many(5)] == list(range(5))
        print("whole")
    """
    assert run(program(text)) == "whole\n"


def test_bytes_in_containers_are_bytes(run: Run) -> None:
    text = """
    def main():
        large = bytes(pattern(2))
        both = {"a": large, "b": [bytearray(large)]}
        for put, get in ways():
            for item in (large, bytearray(large), both, (large, large), "\\u00e4" * LARGE):
                put(item)
                got = get()
                assert got == item and type(got) is type(item)
            put([large, large])
            one, two = get()
            assert one is two
        print("bytes")
    """
    assert run(program(text)) == "bytes\n"


def test_a_buffer_that_is_not_contiguous_goes_the_standard_way(run: Run) -> None:
    text = """
    class Strided:
        def __init__(self, content):
            self.content = content

        def __reduce_ex__(self, protocol):
            if protocol >= 5:
                return Strided, (pickle.PickleBuffer(memoryview(self.content)[::2]),)
            return Strided, (bytes(self.content[::2]),)

    def main():
        reader, writer = context.Pipe(duplex=False)
        try:
            writer.send(Strided(pattern(1)))
        except pickle.PicklingError:
            assert sys.version_info >= (3, 14)
        else:
            assert sys.version_info < (3, 14)
            assert reader.recv().content == pattern(1)[::2]
        writer.send(1)
        assert reader.recv() == 1
        print("standard")
    """
    assert run(program(text)) == "standard\n"


def test_a_fork_copies_what_was_received(run: Run) -> None:
    text = """
    def main():
        reader, writer = context.Pipe(duplex=False)
        told, tell = os.pipe()
        answer, give = os.pipe()
        writer.send(Data(pattern(1)))
        got = reader.recv()
        got.view[0] = 50
        pid = os.fork()
        if pid == 0:
            os.read(told, 1)
            right = got.view[:3].tobytes() == bytes([50, 2, 3])
            got.view[2] = 70
            os.write(give, b"x")
            os.read(told, 1)
            os._exit(0 if right and got.view[2] == 70 and got.view[3:] == pattern(1)[3:] else 1)
        got.view[1] = 60
        os.write(tell, b"x")
        os.read(answer, 1)
        assert got.view[:4].tobytes() == bytes([50, 60, 3, 4])
        del got  # the child has it still
        for i in range(5):
            writer.send(Data(pattern(100 + i)))
            assert reader.recv().view == pattern(100 + i)
        os.write(tell, b"x")
        assert os.waitpid(pid, 0)[1] == 0
        print("copied")
    """
    output = run(program(text))
    assert "copied\n" in output


def test_many_of_them_are_alive(run: Run) -> None:
    text = """
    def mappings():
        with open("/proc/self/maps") as lines:
            return len(lines.readlines())

    def main():
        reader, writer = context.Pipe(duplex=False)
        memory = pattern(1, 70_000)
        kept = []
        for i in range(6_000):
            memory[0] = i % 251
            writer.send(Data(memory))
            kept.append(reader.recv())
        assert mappings() < 1_000
        child = context.Process(target=os.getpid)
        child.start()
        child.join()
        assert child.exitcode == 0
        assert mappings() < 20_000
        assert all(got.view[0] == i % 251 for i, got in enumerate(kept))
        for got in kept:
            got.view[1] = 7
        assert all(got.view[1] == 7 for got in kept)
        del got, kept
        assert mappings() < 1_000
        print("alive")
    """
    assert run(program(text)) == "alive\n"


@pytest.mark.skipif(importlib.util.find_spec("numpy") is None, reason="NumPy is not there")
def test_arrays_of_numpy(run: Run) -> None:
    text = """
    import numpy as np

    def main():
        long = np.arange(100_000)
        read_only = np.frombuffer(bytes(pattern(1)), dtype="u1")
        for put, get in ways():
            for array in (long, long.reshape(100, 1000).T, long[::2], read_only, np.zeros(0), np.arange(5)):
                put({"array": array})
                got = get()["array"]
                assert (got == array).all() and got.dtype == array.dtype and got.shape == array.shape
                if array.flags.writeable or sys.version_info < (3, 14):
                    got[...] = 1
        print("arrays")
    """
    assert run(program(text)) == "arrays\n"


def test_very_large_bytes_arrive_as_what_they_were(run: Run) -> None:
    """They travel beside the pickle, too, where it has nothing else that does."""
    text = """
    HUGE = 4 << 20

    class Named(bytes):
        pass

    def items():
        for length in (HUGE - 1, HUGE, HUGE + 1):
            large = bytes(pattern(2, length))
            yield large
            yield bytearray(large)
            yield [large, {"again": large}, bytearray(large)]
            yield Named(large), 1, b"small", large[1:], "\\u00e4" * (length // 2)
            yield Data(pattern(4)), large, Data(bytearray(large)), bytearray(b"x")
        yield [bytes(HUGE) for _ in range(3)]
        yield b"\\x8e" + bytes(HUGE), bytearray(b"\\x97") * HUGE  # opcodes of pickles

    def same(one, two):
        if type(one) in (list, tuple):
            return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
        if type(one) is Data:
            one, two = one.view, two.view
        return one == two and type(one) is type(two)

    def itself(thing):
        return thing

    def main():
        for put, get in ways():
            for item in items():
                put(item)
                got = get()
                assert same(item, got), [type(item), len(item)]
            put([large := bytes(HUGE), large, own := bytearray(HUGE), own])
            got = get()
            assert got[0] is got[1] and got[2] is got[3]
            got[2] += b"more"  # it owns its memory
            assert len(got[2]) == HUGE + 4 and len(own) == HUGE
        reader, writer = context.Pipe(duplex=False)
        writer.send([bytes(HUGE)])
        assert pickle.loads(reader.recv_bytes()) == [bytes(HUGE)]
        with futures.ProcessPoolExecutor(1, mp_context=context) as executor:
            for item in items():
                assert same(item, executor.submit(itself, item).result())
        with context.Pool(1) as pool:
            for item in items():
                assert same(item, pool.apply(itself, (item,)))
        print("the same")
    """
    assert run(program("from concurrent import futures\n" + textwrap.dedent(text))) == "the same\n"


def test_other_threads_run_while_bytes_that_nobody_can_change_are_copied(run: Run) -> None:
    text = """
    SIZE = 64 << 20

    def ran_meanwhile(put, get, item):
        # A thread is let go that wants the interpreter. Whether it has it before the call returns.
        ran, gate = [], threading.Lock()
        gate.acquire()

        def change():
            gate.acquire()
            ran.append(1)
            if type(item) is bytearray:
                item[-1] = 1

        thread = threading.Thread(target=change)
        thread.start()
        gate.release()
        put(item)
        seen = bool(ran)
        got = get()
        thread.join()
        assert got[-1] == 0 and len(got) == SIZE
        return seen

    def main():
        sys.setswitchinterval(1000)  # only a call that lets others run does
        for put, get in ways():
            assert any(ran_meanwhile(put, get, bytes(SIZE)) for _ in range(50))
            if getattr(sys, "_is_gil_enabled", lambda: True)():
                assert not any(ran_meanwhile(put, get, bytearray(SIZE)) for _ in range(3))
        print("meanwhile")
    """
    assert run(program("import threading\n" + textwrap.dedent(text))) == "meanwhile\n"


def test_a_large_argument_is_copied_once(run: Run) -> None:
    text = """
    SIZE = 64 << 20

    def main():
        faults = lambda: resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        large = bytes(pattern(1, SIZE))
        with futures.ProcessPoolExecutor(1, mp_context=context) as executor:
            for _ in range(3):  # the shared memory is there then
                assert executor.submit(len, large).result() == SIZE
            before = faults()
            future = executor.submit(len, large)
            assert faults() - before < SIZE // 4096 // 2
            assert future.result() == SIZE
        print("once")
    """
    assert (
        run(program("import resource\nfrom concurrent import futures\n" + textwrap.dedent(text))) == "once\n"
    )
