"""A program that closes all descriptors that it has inherited, as daemons do, closes that of our shared memory, too."""

from __future__ import annotations

from tests.processes.conftest import Run

HEAD = """
import os
import multiprocessing

lock = multiprocessing.get_context("fork").Lock()  # as libraries have

def daemonize():
    os.closerange(3, 256)
    log = os.open("log", os.O_RDWR | os.O_CREAT)  # it gets the first number that was closed
    assert log == 3, log
    os.write(log, b"precious")
    return log

def size(data):
    return len(data)
"""


def test_large_messages_go_to_no_file_of_the_program(run: Run) -> None:
    program = """
def main():
    log = daemonize()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    for n in range(3):
        queue.put(bytes([n]) * 3_000_000)
    print([set(queue.get()) for n in range(3)])
    with context.Pool(2) as pool:
        print(pool.map(size, [bytes(3_000_000)] * 3), [len(result) for result in pool.map(bytes, [3_000_000] * 3)])
    print(os.fstat(log).st_size, os.pread(log, 100, 0))
"""
    large = [3_000_000] * 3
    assert run(HEAD + program, "fork") == f"[{{0}}, {{1}}, {{2}}]\n{large} {large}\n8 b'precious'\n"


def test_a_queue_from_before_goes_on(run: Run) -> None:
    # Its buffers that a fork makes private have no file to be mapped from.
    program = """
import pickle

class Array:
    def __init__(self, data):
        self.data = data
    def __reduce_ex__(self, protocol):
        return Array, (pickle.PickleBuffer(self.data),)

def values(array):
    return set(memoryview(array.data))

def make(n):
    return Array(bytearray([n]) * 3_000_000)

def main():
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    with context.Pool(1) as pool:
        kept = [pool.apply(make, (n,)) for n in range(2)]
        for number in range(3, 256):  # the pool's own descriptors stay, but for that of the memory
            try:
                if "memfd:interlock" in os.readlink(f"/proc/self/fd/{number}"):
                    os.close(number)
            except OSError:
                pass
        log = os.open("log", os.O_RDWR | os.O_CREAT)
        assert pool.apply(size, (bytes(3_000_000),)) == 3_000_000
        kept += [pool.apply(make, (n,)) for n in range(2, 4)]
        child = os.fork()
        if not child:
            try:
                memoryview(kept[0].data)[0] = memoryview(kept[3].data)[0] = 7
                differs = [values(one) for one in kept] != [{7, 0}, {1}, {2}, {7, 3}]
            finally:
                os._exit(differs)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert [values(one) for one in kept] == [{0}, {1}, {2}, {3}]
        del kept[:]
        for n in range(20):
            assert values(pool.apply(make, (n,))) == {n}
        assert os.fstat(log).st_size == 0
    print("done")
"""
    assert run(HEAD + program, "fork") == "done\n"


def test_processes_start_by_each_method(run: Run, method: str) -> None:
    program = """
def main():
    daemonize()
    context = multiprocessing.get_context(METHOD)
    with context.Pool(1) as pool:
        print(pool.map(size, ["abc"]))
    queue = context.Queue()
    process = context.Process(target=queue.put, args=("from the child",))
    process.start()
    print(queue.get())
    process.join()
    print(process.exitcode)
"""
    assert run(HEAD + program, method) == "[3]\nfrom the child\n0\n"


def test_a_lock_from_before_excludes_and_can_not_be_given_to_a_new_program(run: Run) -> None:
    program = """
def take(go):
    with lock:
        go.set()

def main():
    spawn = multiprocessing.get_context("spawn")
    other = spawn.Lock()
    daemonize()
    context = multiprocessing.get_context("fork")
    go = context.Event()
    process = context.Process(target=take, args=(go,))
    with lock:
        process.start()
        print(go.wait(0.1))
    print(go.wait(), process.join(), process.exitcode)
    try:
        spawn.Process(target=size, args=(other,)).start()
    except OSError as error:
        print(error)
"""
    closed = "[Errno 9] the program has closed the descriptor of the shared memory"
    assert run(HEAD + program, "fork").startswith(f"False\nTrue None 0\n{closed}")
