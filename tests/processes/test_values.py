"""`Value` and `Array`: they are what the standard ones are, count under their locks, and give their memory back."""

from __future__ import annotations

from tests.processes.conftest import Run


def test_values_are_shared_whichever_way_they_come(run: Run, method: str) -> None:
    run(
        """
        import ctypes
        import multiprocessing
        from multiprocessing import sharedctypes

        class Point(ctypes.Structure):
            _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]

        CODES = {"c": (b"x", b"y"), "u": ("a", "b"), "b": (-5, 7), "B": (250, 3), "h": (-232, 234), "H": (60_000, 1),
                 "i": (-1, 4), "I": (2**32 - 1, 5), "l": (-(2**40), 6), "L": (2**64 - 1, 7), "q": (2**33, 2**34),
                 "Q": (2**63, 0), "f": (0.5, 1.25), "d": (3.625, -4.25)}

        def child(values, raw, array, text, points, point):
            for value, (before, after) in zip(values, CODES.values()):
                assert value.value == before, (value, before)
                value.value = after
            assert raw.value == 7
            raw.value = 8
            array[1:3] = [20, 30]
            text.value = b"bye"
            points[1].x, points[1].y = 3, 4.5
            point.x += 1

        def main():
            ctx = multiprocessing.get_context(METHOD)
            values = [ctx.Value(code, before) for code, (before, _) in CODES.items()]
            raw, array = ctx.RawValue("i", 7), ctx.Array("i", range(5))
            text, points = ctx.Array("c", b"hello"), ctx.RawArray(Point, [(1, 2.0), (2, 3.0)])
            point = ctx.Value(Point, 1, 0.5, lock=ctx.Lock())
            process = ctx.Process(target=child, args=(values, raw, array, text, points, point))
            process.start()
            process.join()
            assert process.exitcode == 0
            for value, (_, after) in zip(values, CODES.values()):
                assert value.value == value.get_obj().value == after, (value, after)
            assert raw.value == 8 and list(array) == [0, 20, 30, 3, 4] and array[-1] == 4 and len(array) == 5
            assert text.value == b"bye" and text.raw == b"bye\\0o" and (points[1].x, points[1].y) == (3, 4.5)
            assert (point.x, point.y) == (2, 0.5)
            twin = sharedctypes.copy(point.get_obj())
            twin.x = 9
            assert (twin.x, point.x, twin.y) == (9, 2, 0.5)
        """,
        method,
    )


ERROR = """
        def error(function, *arguments, **named):
            try:
                function(*arguments, **named)
            except Exception as raised:
                return type(raised), str(raised)
            raise AssertionError(f"{function} raises nothing")
"""


def test_their_types_are_the_standard_ones(run: Run) -> None:
    run(
        f"""
        import ctypes
        import multiprocessing
        import pickle
        from multiprocessing.sharedctypes import Synchronized, SynchronizedArray, SynchronizedBase, SynchronizedString

        class Pair(ctypes.Structure):
            _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_int)]
{ERROR}
        def main():
            number, array = multiprocessing.Value("i", 3), multiprocessing.Array("d", 3)
            text, pair = multiprocessing.Array("c", 4), multiprocessing.Value(Pair, 1, 2)
            assert repr(number) == "<Synchronized wrapper for c_int(3)>"
            assert repr(pair).startswith("<SynchronizedPair wrapper for <")
            assert type(pair) is type(multiprocessing.Value(Pair))
            wrappers = [type(each) for each in (number, array, text)]
            assert wrappers == [Synchronized, SynchronizedArray, SynchronizedString]
            assert all(isinstance(each, SynchronizedBase) for each in (number, array, text, pair))
            assert type(number.get_lock()) is type(multiprocessing.RLock())
            assert type(number.get_obj()) is ctypes.c_int
            assert list(array) == array[:] == [0.0] * 3 and list(multiprocessing.RawArray("i", 0)) == []
            raw = multiprocessing.Value("i", 1, lock=False), multiprocessing.Array("i", 1, lock=False)
            assert [type(each) for each in raw] == [ctypes.c_int, ctypes.c_int * 1]
            assert error(delattr, number, "value")[0] is AttributeError
            assert error(lambda: number[0])[0] is TypeError and error(len, number)[0] is TypeError
            assert error(array.__setitem__, 5, 1.0)[0] is IndexError
            assert error(array.__getitem__, "a")[0] is TypeError
            assert error(multiprocessing.RawArray, "i", -1)[0] is ValueError
            for each in (number, array, pair, raw[0]):
                assert error(pickle.dumps, each)[0] in (RuntimeError, TypeError, ValueError)
        """
    )


def test_numbers_are_converted_as_ctypes_does(run: Run) -> None:
    run(
        f"""
        import ctypes
        import multiprocessing

        class Own(ctypes.c_int):
            pass
{ERROR}
        def main():
            # What does not fit wraps, what is no number is refused in the same words.
            number, plain = multiprocessing.Value("i"), ctypes.c_int()
            for given in (2**31, -(2**31) - 1, 2**64 + 5, True):
                number.value = plain.value = given
                assert number.value == plain.value and type(number.value) is int, given
            for given in (1.5, "1", None, b"1"):
                assert error(setattr, number, "value", given) == error(setattr, plain, "value", given), given
            real, plain = multiprocessing.Value("f"), ctypes.c_float()
            for given in (0.1, 3, 2**80, float("inf"), True):
                real.value = plain.value = given
                assert real.value == plain.value and type(real.value) is float, given
            for given in ("1", None, 10**400, 1j):
                assert error(setattr, real, "value", given) == error(setattr, plain, "value", given), given
            own = multiprocessing.Value(Own, 5)
            own.value += 1
            assert own.value == 6 and type(own.get_obj()) is Own
        """
    )


def test_a_lock_that_is_given_is_the_lock(run: Run) -> None:
    run(
        f"""
        import ctypes
        import multiprocessing
        from multiprocessing import sharedctypes
{ERROR}
        def main():
            refusal = AttributeError, "'none' has no method 'acquire'"
            assert error(multiprocessing.Value, "i", lock="none") == refusal
            lock = multiprocessing.Lock()
            locked = multiprocessing.Value("i", lock=lock)
            assert locked.get_lock() is lock and locked._lock is lock
            with locked:
                assert not lock.acquire(False) and not locked.acquire(block=False)
            assert locked.acquire(timeout=60) and not locked.acquire(False)
            locked.release()
            assert error(locked.release)[0] is ValueError
            number = multiprocessing.Value("i", 3)
            with number, number.get_lock():
                number.value += 1
            assert number.value == 4
            assert error(sharedctypes.synchronized, number)[0] is AssertionError
            outside = sharedctypes.synchronized(ctypes.c_int(4))
            outside.value += 1
            assert outside.value == 5
        """
    )


def test_locks_of_any_kind_guard(run: Run) -> None:
    run(
        """
        import multiprocessing

        class Counted:
            def __init__(self):
                self.calls = []

            def acquire(self, *arguments):
                self.calls.append("acquire")
                return True

            def release(self):
                self.calls.append("release")

            __enter__ = acquire

            def __exit__(self, *exception):
                self.release()

        def main():
            lock = Counted()
            number, array = multiprocessing.Value("i", 1, lock=lock), multiprocessing.Array("i", 2, lock=lock)
            number.value = number.value + array[0]
            try:
                array[7]
            except IndexError:
                pass
            assert lock.calls == ["acquire", "release"] * 4, lock.calls
            with number:
                number.acquire()
                number.release()
            assert lock.calls == ["acquire", "release"] * 4 + ["acquire"] * 2 + ["release"] * 2, lock.calls
            assert number.get_lock() is lock
            for kind in (multiprocessing.Semaphore, multiprocessing.BoundedSemaphore, multiprocessing.RLock):
                guarded = multiprocessing.Value("d", 0.5, lock=kind())
                guarded.value += 1
                assert guarded.value == 1.5
        """
    )


def test_a_death_in_the_lock_of_a_value_keeps_nobody_out(run: Run, method: str) -> None:
    printed = run(
        """
        import multiprocessing
        import os
        import signal
        import threading

        def hold(number, array, ready):
            number.acquire()
            array.acquire()
            ready.set()
            threading.Event().wait()

        def main():
            ctx = multiprocessing.get_context(METHOD)
            number, array, ready = ctx.Value("i", 5), ctx.Array("i", 3), ctx.Event()
            holder = ctx.Process(target=hold, args=(number, array, ready), daemon=True, name="the holder")
            holder.start()
            assert ready.wait(60) and not number.get_lock().acquire(False)
            os.kill(holder.pid, signal.SIGKILL)
            holder.join()
            number.value += 1
            array[0] = 7
            print(number.value, list(array))
        """,
        method,
    )
    assert "6 [7, 0, 0]" in printed
    assert printed.count("OwnerDiedWarning") == 2
    assert "the holder" in printed


MEMORY = """
import ctypes
import gc
import multiprocessing
import os
import resource
import signal
import threading
import time

def blocks():
    gc.collect()
    return int(os.stat(f"/proc/self/fd/{descriptor()}").st_blocks)

def descriptor():
    for number in os.listdir("/proc/self/fd"):
        try:
            if "memfd:interlock" in os.readlink(f"/proc/self/fd/{number}"):
                return number
        except FileNotFoundError:
            pass

def fill(array):
    ctypes.memset(ctypes.addressof(array), 1, ctypes.sizeof(array))

def keep(array, ready):
    ready.set()
    threading.Event().wait()

def given_back(ctx, before):
    # As long as large blocks are used, some stay for the next ones. Later a process that waits gives them back.
    from queue import Empty
    waited, end = ctx.Queue(), time.monotonic() + 60
    while blocks() >= before + (100 << 11):
        assert time.monotonic() < end, (before, blocks())
        try:
            waited.get(timeout=0.2)
        except Empty:
            pass

def main():
    ctx = multiprocessing.get_context(METHOD)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    values = [ctx.Value("i", number) for number in range(10_000)]
    assert sum(value.value for value in values) == sum(range(10_000))
    values.clear()
    before = blocks()
    for _ in range(300):  # 300 MB, one after the other
        fill(ctx.RawArray("b", 1 << 20))
    given_back(ctx, before)
    large, ready = ctx.RawArray("b", 200 << 20), ctx.Event()
    fill(large)
    assert blocks() > before + (150 << 11)
    child = ctx.Process(target=keep, args=(large, ready), daemon=True)
    child.start()
    assert ready.wait(60)
    del large  # the process has dropped its arguments
    held = blocks()
    assert held > before + (150 << 11), (before, held)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    again = ctx.RawArray("b", 200 << 20)  # it lies where the other one was
    fill(again)
    assert blocks() < held + (50 << 11), (held, blocks())
    del again
    if METHOD == "fork":  # to wait for that is long, and the start method has no part in it
        given_back(ctx, before)
"""


def test_memory_goes_back_with_the_last_process_and_takes_no_descriptor(run: Run, method: str) -> None:
    run(MEMORY, method)


def test_objects_of_both_kinds_mix(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        import sys

        def child(*values):
            for value in values:
                with value.get_lock():
                    value[0] += 1

        def main():
            import interlock.multiprocessing

            ours = interlock.multiprocessing.get_context(METHOD)
            theirs = sys.modules["multiprocessing"].get_context(METHOD)
            for starts in (ours, theirs):
                pairs = (ours, ours), (ours, theirs), (theirs, ours), (theirs, theirs)
                values = [first.Array("i", 2, lock=second.RLock()) for first, second in pairs]
                process = starts.Process(target=child, args=values)
                process.start()
                process.join()
                assert process.exitcode == 0 and [list(value) for value in values] == [[1, 0]] * 4
        """,
        method,
    )
