"""Many processes, many queues, much in them, and little to have: everything comes back to where it was.

The short form is in `make test`. `INTERLOCK_LIMITS=1` makes it long; `make crash` runs that.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.processes.programs import IS_AT_AN_END, run

IS_LONG = os.environ.get("INTERLOCK_LIMITS") == "1"

COUNTS = """
    import gc, resource, threading, time, warnings

    def counts():
        gc.collect()
        children = open(f"/proc/self/task/{os.getpid()}/children").read().split()
        return len(os.listdir("/proc/self/fd")), threading.active_count(), len(children)

    def pages():  # of the memory that the family shares, in KiB
        names = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        arena = next(name for name in names if "interlock" in os.path.realpath(name))
        return os.stat(arena).st_blocks // 2

    def resident():  # in KiB
        return int(open("/proc/self/statm").read().split()[1]) * 4
"""

REFUSE = """
    import ctypes, struct

    def refuse(*numbers, error):  # these system calls, to this process and its children
        code = [(0x20, 0, 0, 0)]
        code += [(0x15, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
        code += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x00050000 | error)]
        text = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in code))
        program = ctypes.create_string_buffer(struct.pack("HP", len(code), ctypes.addressof(text)))
        call = ctypes.CDLL(None, use_errno=True).prctl
        assert call(38, 1, 0, 0, 0) == 0 and call(22, 2, program, 0, 0) == 0, ctypes.get_errno()
"""

USE = """
    import threading, warnings

    def hold(lock, told):
        lock.acquire()
        told.put("held")
        signal.pause()

    def come(barrier, told):
        told.put("comes")
        barrier.wait()

    def wait(condition, told):
        with condition:
            told.put("waits")
            told.put(condition.wait(60))

    def echo(end, jobs, done):
        while (got := end.recv()) is not None:
            end.send(got)
        while (job := jobs.get()) is not None:
            done.put(job)

    def use():
        warnings.simplefilter("ignore", interlock.OwnerDiedWarning)
        told = context.Queue()
        for lock in (context.Lock(), context.RLock()):
            holder = Process(target=hold, args=(lock, told))
            holder.start()
            assert told.get(timeout=60) == "held" and not lock.acquire(False)
            threading.Timer(0.05, holder.kill).start()
            assert lock.acquire(timeout=60)
            holder.join()
        barrier = context.Barrier(3)
        party = Process(target=come, args=(barrier, told))
        party.start()
        assert told.get(timeout=60) == "comes"
        while not barrier.n_waiting:
            pass
        party.kill()
        try:
            barrier.wait(60)
        except threading.BrokenBarrierError:
            party.join()
        else:
            raise AssertionError("it held")
        condition = context.Condition()
        waiter = Process(target=wait, args=(condition, told))
        waiter.start()
        assert told.get(timeout=60) == "waits"
        with condition:
            condition.notify()
        assert told.get(timeout=60) is True
        waiter.join()
        end, other = context.Pipe()
        jobs, done = context.Queue(), context.Queue(5)
        worker = Process(target=echo, args=(other, jobs, done), daemon=True)
        worker.start()
        for message in (1, "text", bytes(3_000_000)):
            end.send(message)
            assert end.poll(60) and end.recv() == message
        end.send(None)
        feeder = threading.Thread(target=lambda: [jobs.put(number) for number in [*range(1000), None]])
        feeder.start()
        assert [done.get(timeout=60) for _ in range(1000)] == list(range(1000))
        feeder.join()
        worker.join()
        with context.Manager() as manager:
            shared = manager.dict()
            shared["a"] = 1
            assert shared.copy() == {"a": 1}
        print("used")
"""


@pytest.mark.parametrize("method", ["fork", "forkserver"] if IS_AT_AN_END or IS_LONG else ["fork"])
def test_processes_leave_nothing(tmp_path: Path, method: str) -> None:
    program = f"""{COUNTS}
    def use(queue, lock):
        with lock:
            queue.put(bytes(100_000))

    def main():
        queue, lock = context.Queue(), context.Lock()
        def some(count):
            for _ in range(count):
                process = Process(target=use, args=(queue, lock))
                process.start()
                process.join()
                assert process.exitcode == 0 and len(queue.get()) == 100_000
            del process
            return counts(), resident(), pages()
        before, size, shared = some(40)
        after, size_after, shared_after = some({10_000 if IS_LONG else 60})
        assert before == after, (before, after)
        assert size_after < size + 2000 and shared_after < shared + 1000, (size, size_after, shared, shared_after)
        print("done")
    """
    assert run(tmp_path, program, "install", method) == "done\n"


def test_processes_that_nobody_waits_for_leave_nothing(tmp_path: Path) -> None:
    """They fork by themselves, and end or become another program: their places and their locks come back."""
    program = f"""{COUNTS}
    def main():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        lock = multiprocessing.Lock()
        def some():
            for number in range({64 if IS_LONG else 32}):
                ready, told = os.pipe()
                if not os.fork():
                    kept = [multiprocessing.Queue() for _ in range(4)]
                    [queue.put(bytes(100_000)) for queue in kept]
                    if number % 2:
                        os._exit(0)
                    os.execlp("true", "true")
                os.close(told)
                os.read(ready, 1)
                os.close(ready)
            return pages()
        # Numbers of processes and objects are used in turn, so at first there are more and more.
        first = max(some() for _ in range({30 if IS_LONG else 2}))
        later = max(some() for _ in range({50 if IS_LONG else 1}))
        # In the long form the last children, whose death nobody has seen yet, may come at any point of the turn.
        unseen = {64 * 4 * 100 if IS_LONG else 0}
        assert later < 1.4 * first + unseen, (first, later)
        print("done")
    """
    assert run(tmp_path, program, "install", "fork") == "done\n"


def test_queues_leave_nothing(tmp_path: Path) -> None:
    program = f"""{COUNTS}
    def main():
        def some():
            queues = [context.Queue() for _ in range(2000)]
            for queue in queues:
                queue.put(bytes(3000))
            assert all(queue.get() == bytes(3000) for queue in queues)
            for kind in ("SimpleQueue", "JoinableQueue", "Lock", "RLock", "Semaphore", "Event", "Condition", "Pipe"):
                for _ in range({2000 if IS_LONG else 300}):
                    getattr(context, kind)()
            return counts(), pages()
        some()
        before, shared = counts(), pages()
        for _ in range(2):
            after, shared_after = some()
            assert before == after and shared_after < shared + 2000, (before, after, shared, shared_after)
        print("done")
    """
    assert run(tmp_path, program, "install", "fork") == "done\n"


def test_messages_of_mixed_sizes(tmp_path: Path) -> None:
    program = f"""{COUNTS}
    import random

    def messages(seed, count):
        dice, one = random.Random(seed), bytes(1 << 20)
        sizes = (10, 10, 10, 1000, 30_000, 40_000)
        for number in range(count):
            yield number, one[: 1 << 20 if number % 5000 == 0 else dice.choice(sizes)]

    def put(queue, count):
        for message in messages(1, count):
            queue.put(message)

    def main():
        queue, count = context.Queue(100), {1_000_000 if IS_LONG else 40_000}
        before = counts()
        process = Process(target=put, args=(queue, count))
        process.start()
        for message in messages(1, count):
            assert queue.get(timeout=60) == message
        process.join()
        del process
        assert counts()[1:] == before[1:] and queue.empty() and pages() < 150_000, (counts(), before, pages())
        print("done")
    """
    assert run(tmp_path, program, "install", "fork") == "done\n"


def test_objects_take_little_memory(tmp_path: Path) -> None:
    program = f"""{COUNTS}
    def main():
        used = [context.Lock(), context.Queue()]  # the first one of each kind brings what all of them share
        for make, count, most in ((context.Lock, 10_000, 128), (context.Queue, 1000, 8192)):
            before = pages()
            used += [make() for _ in range(count)]
            took = (pages() - before) * 1024
            assert took <= most * count + 4096, (make, took / count)
        for queue in used[-1000:]:
            queue.put("one")
            queue.get()
        assert (pages() - before) * 1024 <= 8192 * 1000, pages() - before
        print("done")
    """
    assert run(tmp_path, program, "install", "fork") == "done\n"


def test_a_drained_queue_gives_its_memory_back(tmp_path: Path) -> None:
    size = 1 << 30 if IS_LONG else 3 << 26
    program = f"""{COUNTS}
    def given_back(queue):
        # 64 MiB stay for the next messages; more, as long as large ones come. Later a process that waits gives it back.
        end = time.monotonic() + 60
        while pages() >= 80_000:
            assert time.monotonic() < end, pages()
            try:
                queue.get(timeout=0.2)
            except Empty:
                pass

    def main():
        global Empty
        from queue import Empty
        queue = context.Queue()
        for length in (1 << 20, 3000, 50_000):
            message = bytes(length)
            for _ in range({size} // length):
                queue.put(message)
            assert pages() > {size} >> 10
            while not queue.empty():
                queue.get()
            given_back(queue)
        print("done")
    """
    assert run(tmp_path, program, "install", "fork") == "done\n"


@pytest.mark.parametrize("method", ["fork", "forkserver"] if IS_AT_AN_END or IS_LONG else ["fork"])
@pytest.mark.parametrize(
    "little",
    [
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
        "resource.setrlimit(resource.RLIMIT_AS, (900 << 20, 900 << 20))",
        "refuse(449, error=38)",  # futex_waitv
        "refuse(449, 434, error=1)",  # and pidfd_open, as sandboxes do
    ],
)
def test_everything_works_with_little(tmp_path: Path, method: str, little: str) -> None:
    program = f"""{USE}{REFUSE}
    import resource

    def main():
        {little}
        use()
    """
    assert run(tmp_path, program, "install", method) == "used\n"


def test_full_memory_is_an_error_of_the_one_that_asks(tmp_path: Path) -> None:
    program = """
    import resource

    def answer(jobs, done):
        while (job := jobs.get()) is not None:
            done.put(job)

    def fill(queue, length):
        message, count = bytes(length), 0
        while True:
            try:
                queue.put(message)
            except MemoryError:
                return count
            count += 1

    def main():
        resource.setrlimit(resource.RLIMIT_AS, (900 << 20, 900 << 20))
        queue, jobs, done, lock = context.Queue(), context.Queue(), context.Queue(), context.Lock()
        worker = Process(target=answer, args=(jobs, done))
        worker.start()
        for length in (1 << 20, 100_000, 5 << 20, 1 << 20, 300):
            count = fill(queue, length)
            assert count * length > 50 << 20, (length, count)
            # The others go on, and what is in the queue is whole.
            with lock:
                jobs.put(length)
                assert done.get(timeout=60) == length
            assert queue.qsize() == count
            for _ in range(count):
                assert len(queue.get()) == length
            assert queue.empty()
        jobs.put(None)
        worker.join()
        print("done")
    """
    assert run(tmp_path, program, "install", "fork") == "done\n"


@pytest.mark.parametrize("method", ["fork", "forkserver"] if IS_AT_AN_END or IS_LONG else ["fork"])
def test_exits_with_everything_in_use(tmp_path: Path, method: str) -> None:
    program = f"""
    import subprocess, time

    def busy(lock, queue, told):
        told.put("ready")
        with lock:
            queue.put(1)

    def leave():
        lock, full, told = context.Lock(), context.Queue(1), context.Queue()
        lock.acquire()
        full.put(0)
        for _ in range(2):
            Process(target=busy, args=(lock, full, told), daemon=True).start()
        told.get(timeout=60)
        left = context.Queue()
        left.put(bytes(1 << 20))
        manager = context.Manager()
        manager.Lock().acquire()
        print("leaves", flush=True)

    def main():
        if len(sys.argv) > 1:
            leave()
            return
        for _ in range({200 if IS_LONG else 5}):
            done = subprocess.run([sys.executable, __file__, "leave"], capture_output=True, text=True, timeout=60)
            assert (done.returncode, done.stdout, done.stderr) == (0, "leaves\\n", ""), done
        print("done")
    """
    assert run(tmp_path, program, "install", method) == "done\n"


def test_a_waiter_has_the_lock_of_a_killed_holder(tmp_path: Path) -> None:
    """How long that takes is printed: `make crash` shows it."""
    program = f"""
    import statistics, time, warnings

    def hold(lock, told):
        lock.acquire()
        told.send(time.monotonic())
        signal.pause()

    def wait(lock, end):
        warnings.simplefilter("ignore", interlock.OwnerDiedWarning)
        while end.recv():
            end.send(os.getpid())
            lock.acquire()
            now = time.monotonic()
            lock.release()
            end.send(now)

    def sleeps(pid):
        return open(f"/proc/{{pid}}/stat").read().rpartition(")")[2].split()[0] == "S"

    def main():
        lock, (end, other), times = context.Lock(), context.Pipe(), []
        waiter = Process(target=wait, args=(lock, other))
        waiter.start()
        for _ in range({1000 if IS_LONG else 20}):
            reader, told = context.Pipe(duplex=False)
            holder = Process(target=hold, args=(lock, told))
            holder.start()
            reader.recv()
            end.send(True)
            end.recv()
            while not sleeps(waiter.pid):
                pass
            killed = time.monotonic()
            holder.kill()
            times.append(end.recv() - killed)
            assert times[-1] > 0
            holder.join()
        end.send(False)
        waiter.join()
        print(f"killed holders: {{statistics.median(times) * 1e3:.2f}} ms, worst {{max(times) * 1e3:.2f}} ms")
    """
    printed = run(tmp_path, program, "install", "fork")
    assert printed.startswith("killed holders: ")
    print(printed)


def test_a_call_of_a_manager_that_ctrl_c_ended_leaves_the_proxies_in_order(tmp_path: Path) -> None:
    program = """
    import threading

    def main():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the manager's process
        manager = context.Manager()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        queue, lock, event, numbers = manager.Queue(), manager.Lock(), manager.Event(), manager.list([1])
        lock.acquire()
        for call in (queue.get, lock.acquire, event.wait):
            timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
            try:
                timer.start()
                call()
            except KeyboardInterrupt:
                timer.join()
            else:
                raise AssertionError("it ended")
            numbers.append(2)
        assert list(numbers) == [1, 2, 2, 2] and not event.is_set()
        event.set()
        assert event.wait(60)
        print("done")
    """
    assert run(tmp_path, program, "install", "fork") == "done\n"
