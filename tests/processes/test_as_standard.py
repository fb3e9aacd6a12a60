"""What a program sees of pools and executors beside their work: attributes, arguments, causes, places of warnings."""

from __future__ import annotations

import sys

import pytest

from tests.processes.conftest import Run


def test_a_derived_class_may_have_a_getattr_of_its_own(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        from multiprocessing.pool import Pool
        from concurrent.futures import ProcessPoolExecutor

        class Own:
            def __getattr__(self, name):
                if name == "mine":
                    return "mine"
                raise AttributeError(f"no {name} here")

        class OwnPool(Own, Pool):
            pass

        class OwnExecutor(Own, ProcessPoolExecutor):
            pass

        def absent(object):
            try:
                object.absent
            except AttributeError as error:
                return str(error)

        def main():
            context = multiprocessing.get_context(METHOD)
            with OwnPool(1, context=context) as pool:
                print(pool.map(abs, [-1, -2]), pool.mine, absent(pool), len(pool._cache), pool._taskqueue.empty())
            with OwnExecutor(1, context) as executor:
                print(list(executor.map(abs, [-1, -2])), executor.mine, absent(executor), executor._broken)
    """
    assert run(program, method).splitlines() == [
        "[1, 2] mine no absent here 0 True",
        "[1, 2] mine no absent here False",
    ]


def test_an_attribute_of_the_object_precedes_what_stands_in_for_it(run: Run) -> None:
    program = """
        import multiprocessing
        from multiprocessing.pool import Pool
        from concurrent.futures import ProcessPoolExecutor

        def main():
            with Pool(1) as pool, ProcessPoolExecutor(1) as executor:
                executor.submit(abs, -1).result()
                for cls in (Pool, ProcessPoolExecutor):
                    print([hasattr(cls, name) for name in ("_cache", "_inqueue", "_broken", "_call_queue")])
                print("_cache" in dir(pool), "_broken" in dir(executor), len(executor._pending_work_items))
                executor._pending_work_items = pool._inqueue = "set"
                print(executor._pending_work_items, pool._inqueue)
                del executor._pending_work_items
                print(executor._pending_work_items)
            print(executor._call_queue, executor._broken)
    """
    assert run(program).splitlines() == [
        "[False, False, False, False]",
        "[False, False, False, False]",
        "True True 0",
        "set set",
        "{}",
        "None False",
    ]


def test_bad_arguments_have_the_errors_of_the_standard_executor(run: Run) -> None:
    program = """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        class Two:
            def __index__(self):
                return 2

            def __le__(self, other):
                return other >= 2

        def error(call):
            try:
                call()
            except (TypeError, ValueError) as error:
                return f"{type(error).__name__}: {error}"

        def main():
            for number in (0, -1, 1.5, "2", None):
                print(error(lambda: ProcessPoolExecutor(number)))
            with ProcessPoolExecutor(Two()) as executor:
                print(executor._max_workers, executor.submit(abs, -1).result())
                print(error(lambda: executor.map(abs, [1], nothing=1)))
                print(error(lambda: executor.map(abs, [1], chunksize=0)))
                print(error(lambda: executor.map(abs, [1], chunksize=1.5)))
    """
    assert run(program).splitlines() == [
        "ValueError: max_workers must be greater than 0",
        "ValueError: max_workers must be greater than 0",
        "TypeError: 'float' object cannot be interpreted as an integer",
        "TypeError: '<=' not supported between instances of 'str' and 'int'",
        "None",
        "2 1",
        "TypeError: ProcessPoolExecutor.map() got an unexpected keyword argument 'nothing'",
        "ValueError: chunksize must be >= 1.",
        "TypeError: 'float' object cannot be interpreted as an integer"
        if sys.version_info >= (3, 13)
        else "ValueError: Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize.",
    ]


def test_the_error_of_a_call_that_can_not_be_pickled_has_its_traceback_as_the_cause(
    run: Run, method: str
) -> None:
    program = """
        import multiprocessing
        import threading
        from concurrent.futures import ProcessPoolExecutor

        def main():
            with ProcessPoolExecutor(1, multiprocessing.get_context(METHOD)) as executor:
                try:
                    future = executor.submit(abs, threading.Lock())  # by name, this raises
                    print(type(future.exception()).__name__)
                    future.result()
                except TypeError as error:
                    print(error)
                    cause = error.__cause__
                    print(cause is None or ("cannot pickle" in str(cause), type(cause).__name__))
    """
    shown = run(program, method)
    assert shown in (
        "TypeError\ncannot pickle '_thread.lock' object\n(True, '_RemoteTraceback')\n",
        "cannot pickle '_thread.lock' object\nTrue\n",
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a fork beside threads warns from 3.12 on")
def test_a_fork_beside_threads_warns_where_the_standard_library_does(run: Run) -> None:
    program = """
        import multiprocessing
        import threading
        import warnings

        def main():
            warnings.filterwarnings("error", message=".*multi-threaded", category=DeprecationWarning)
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"multiprocessing\\.popen_fork$")
            done = threading.Event()
            thread = threading.Thread(target=done.wait)
            thread.start()
            context = multiprocessing.get_context("fork")
            process = context.Process(target=print, args=("forked",), kwargs={"flush": True})
            process.start()
            process.join()
            warnings.simplefilter("always")
            with warnings.catch_warnings(record=True) as caught:
                process = context.Process(target=abs, args=(1,))
                process.start()
                process.join()
            done.set()
            print([(warning.filename.rpartition("/lib/")[0] == threading.__file__.rpartition("/lib/")[0],
                    warning.filename.rpartition("/")[2]) for warning in caught])
    """
    assert run(program) == "forked\n[(True, 'popen_fork.py')]\n"


def test_a_pool_that_is_not_closed_warns_where_the_standard_library_does(run: Run) -> None:
    program = """
        import multiprocessing
        import gc
        import warnings
        from multiprocessing.pool import Pool, ThreadPool

        def main():
            warnings.filterwarnings("error", message="unclosed", category=ResourceWarning)
            warnings.filterwarnings("ignore", category=ResourceWarning, module=r"multiprocessing\\.pool$")
            for cls in (Pool, ThreadPool):
                pool = cls(1)
                print(pool.map(abs, [-1]))
                del pool
                gc.collect()
    """
    assert run(program) == "[1]\n[1]\n"


def test_an_executor_that_was_never_used_starts_no_thread(run: Run, method: str) -> None:
    """The standard one has none, so a fork after it does not warn of threads."""
    program = """
        import multiprocessing
        import os
        from concurrent.futures import ProcessPoolExecutor

        def main():
            found = set()
            for number in range(50):
                executor = ProcessPoolExecutor(1, multiprocessing.get_context(METHOD))
                if number % 2:
                    executor.shutdown()
                del executor
                found.add(len(os.listdir("/proc/self/task")))
            print(found)
    """
    assert run(program, method) == "{1}\n"


def test_messages_about_keywords_name_the_standard_classes(run: Run) -> None:
    program = """
        import multiprocessing

        def main():
            queue, (reader, writer) = multiprocessing.Queue(), multiprocessing.Pipe()
            calls = [
                queue.put, queue.get, queue.put_nowait, multiprocessing.Event().wait, reader.poll, reader.recv_bytes,
                reader.recv_bytes_into, writer.send, writer.send_bytes,
            ]
            for call in calls:
                try:
                    call(nothing=1)
                except TypeError as error:
                    print(str(error).partition("()")[0])
    """
    connection = [
        f"_ConnectionBase.{name}" for name in ("poll", "recv_bytes", "recv_bytes_into", "send", "send_bytes")
    ]
    assert run(program).split() == ["Queue.put", "Queue.get", "Queue.put_nowait", "Event.wait", *connection]


def test_a_pool_can_be_made_larger_and_smaller(run: Run, method: str) -> None:
    """By its private parts, as programs do for want of a method."""
    program = """
        import multiprocessing
        import os

        def met(barrier):
            barrier.wait(60)
            return os.getpid()

        def begin(shared):
            global barrier
            barrier = shared

        def meet(_):
            return met(barrier)

        def main():
            context = multiprocessing.get_context(METHOD)
            with context.Pool(1, begin, (context.Barrier(3),)) as pool:
                pool._processes = 3
                pool._repopulate_pool()
                print(len(pool._pool), len(set(pool.map(meet, range(3), 1))))
                pool._processes = 1
                pool._repopulate_pool()
                print(len(pool._pool), len(set(pool.map(meet, range(3), 1))))
    """
    assert run(program, method) == "3 3\n3 3\n"


def test_what_a_test_replaces_in_os_is_used(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import os
        import time
        from multiprocessing.pool import Pool
        from concurrent.futures import ProcessPoolExecutor
        from unittest import mock

        COUNT = "process_cpu_count" if hasattr(os, "process_cpu_count") else "cpu_count"

        def main():
            context = multiprocessing.get_context(METHOD)
            with mock.patch.object(os, COUNT, return_value=3):
                with Pool(context=context) as pool, ProcessPoolExecutor(mp_context=context) as executor:
                    print(pool._processes, executor._max_workers)
            process = context.Process(target=time.sleep, args=(600,))  # sleep: until it is killed
            process.start()
            with mock.patch("os.kill") as kill:
                process.terminate()
                print(kill.call_args.args == (process.pid, 15), process.exitcode)
            process.kill()
            process.join()
            print(process.exitcode)
    """
    assert run(program, method) == "3 3\nTrue None\n-9\n"


def test_what_is_no_number_is_refused_in_the_words_of_the_standard_library(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import decimal

        def error(call, *arguments):
            try:
                call(*arguments)
            except TypeError as error:
                return str(error)

        def main():
            context = multiprocessing.get_context(METHOD)
            process = context.Process(target=abs, args=(1,))
            process.start()
            print(error(process.join, "x"))
            print(error(process.join, decimal.Decimal(1)))
            process.join(60)
            print(process.exitcode, error(context.Queue, "x"))
    """
    assert run(program, method).splitlines() == [
        "unsupported operand type(s) for +: 'float' and 'str'",
        "unsupported operand type(s) for +: 'float' and 'decimal.Decimal'",
        "0 '<=' not supported between instances of 'str' and 'int'",
    ]


def test_the_default_context_knows_the_chosen_context(run: Run) -> None:
    program = """
        import multiprocessing
        from multiprocessing import context as contexts

        def main():
            default = contexts._default_context
            method = default._default_context.get_start_method()
            print(default._actual_context, default._default_context is multiprocessing.get_context(method))
            multiprocessing.set_start_method("spawn")
            print(default._actual_context is multiprocessing.get_context("spawn"))
            default._actual_context = None
            print(multiprocessing.get_start_method(allow_none=True))
            default._actual_context = multiprocessing.get_context("fork")
            print(multiprocessing.get_start_method(allow_none=True))
    """
    assert run(program).split() == ["None", "True", "True", "None", "fork"]


def test_a_pool_calls_what_stands_by_the_name_at_that_moment(run: Run) -> None:
    program = """
        import textwrap
        from multiprocessing import get_context

        def model(x):
            global model
            def model(x):
                return "fast", x
            model.__qualname__ = "model"
            return "slow", x

        def patch(_):
            textwrap.dedent = str.upper

        def main():
            with get_context("fork").Pool(1) as pool:  # elsewhere the main module has two names
                print([pool.apply(model, (n,))[0] for n in range(3)], pool.map(textwrap.dedent, ["a"]))
                pool.apply(patch, (0,))
                print(pool.map(textwrap.dedent, ["a"]), pool.apply(textwrap.dedent, ("a",)))
    """
    assert run(program).splitlines() == ["['slow', 'fast', 'fast'] ['a']", "['A'] A"]


def test_a_stop_iteration_of_a_task_does_what_it_does_in_the_standard_library(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

        def most(x):
            if x % 3 == 0:
                raise StopIteration
            return x

        def show(results):
            got = []
            try:
                for result in results:
                    got.append(result)
            except RuntimeError as error:
                got.append((str(error), type(error.__cause__).__name__))
            print(got)

        def main():
            context = multiprocessing.get_context(METHOD)
            with context.Pool(1) as pool:
                for size in (None, 1, 2, 3, 100):
                    print(size, pool.map(most, range(5), size), pool.starmap(most, [(i,) for i in range(5)], size))
            with ProcessPoolExecutor(1, context) as executor, ThreadPoolExecutor(1) as threads:
                for size in (1, 2):
                    show(executor.map(most, (1, 3, 4), chunksize=size))
                show(threads.map(most, (1, 3, 4)))
    """
    none = None
    expected = [
        (None, [none, none, 2, 4]),
        (1, [none, 1, 2, 4]),
        (2, [none, none, 2, 4]),
        (3, [none, none]),
        (100, []),
    ]
    lines = [f"{size} {result} {result}" for size, result in expected]
    error = ("generator raised StopIteration", "StopIteration")
    lines += [str([1, error]), str([error]), str([1, error])]
    assert run(program, method).splitlines() == lines


def test_a_tracker_that_has_died_is_told_of_and_replaced(run: Run) -> None:
    """By whatever the standard library registers with it, and by a start that hands it on."""
    program = """
        import multiprocessing
        import os, signal, sys, warnings
        from multiprocessing import resource_tracker

        def main():
            tracker = resource_tracker._resource_tracker
            spawn, fork = multiprocessing.get_context("spawn"), multiprocessing.get_context("fork")
            start = lambda: spawn.Process(target=abs, args=(1,)).start()
            kinds = "Lock RLock Semaphore BoundedSemaphore Condition Event Queue JoinableQueue SimpleQueue".split()
            makers = [getattr(spawn, kind) for kind in kinds] + [lambda: spawn.Barrier(1), start]
            for make in (*makers, fork.Queue):
                resource_tracker.ensure_running()
                old = tracker._pid
                make()
                os.kill(old, signal.SIGKILL)
                os.waitid(os.P_PID, old, os.WEXITED | os.WNOWAIT)
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    make()
                told = [str(each.message) for each in caught if "resource_tracker" in str(each.message)]
                print([message[:38] for message in told], tracker._pid != old)
    """
    replaced = "['resource_tracker: process died unexpec'] True"
    assert run(program).splitlines() == [*[replaced] * 11, "[] False"]


@pytest.mark.skipif(sys.version_info < (3, 15), reason="set_forkserver_preload() has on_error from 3.15 on")
def test_a_fork_server_that_could_not_preload_is_told_of(run: Run) -> None:
    program = """
        import multiprocessing

        def main():
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["no_such_module"], on_error="fail")
            try:
                context.Process(target=abs, args=(1,)).start()
            except (EOFError, ConnectionError) as error:
                print(error.__notes__)
    """
    note = "['Forkserver process may have crashed during module preloading. Check stderr.']"
    told = run(program).splitlines()
    assert told[0] == note
    assert [line for line in told if line.startswith("ModuleNotFoundError")] == [told[-1]]


def test_a_program_may_wait_for_the_fork_server_itself(run: Run) -> None:
    program = """
        import multiprocessing
        import os, signal
        from multiprocessing import forkserver

        def main():
            context, server = multiprocessing.get_context("forkserver"), forkserver._forkserver
            for stop in (server._stop, lambda: None):
                process = context.Process(target=abs, args=(1,))
                process.start()
                process.join()
                os.kill(server._forkserver_pid, signal.SIGKILL)
                os.waitpid(server._forkserver_pid, 0)
                stop()
            process = context.Process(target=print, args=("started",), kwargs={"flush": True})
            process.start()
            process.join()
    """
    assert run(program) == "started\n"
