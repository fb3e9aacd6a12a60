"""Futures and executors at exit, in a forked child, under Ctrl-C, and under the collector."""

from __future__ import annotations

import os
import subprocess
import textwrap
from collections.abc import Callable

import pytest

from tests.builds import frees_at_once
from tests.lifecycle.ctrl_c import ctrl_c_ends_its_waits

Passes = Callable[..., None]
Start = Callable[..., "subprocess.Popen[str]"]

RUNS = int(os.environ.get("INTERLOCK_EXITS", "1"))
"""How often an interpreter ends in each way; 100 times in a thorough run."""

HEAD = """
from interlock.concurrent import futures
import interlock, logging
Pool, Future = futures.ThreadPoolExecutor, futures.Future
"""

# What is running when the main thread ends, and what the process prints.
EXITS: dict[str, tuple[str, str]] = {
    "queued tasks": (
        """
        pool = Pool(2)
        done = []
        for n in range(500):
            pool.submit(done.append, n)
        atexit.register(lambda: print(len(done)))
        """,
        "500",
    ),
    "a task that runs for a while": (
        """
        pool, asleep = Pool(1), std.Event()
        pool.submit(lambda: print("last", asleep.wait(0.01)))
        """,
        "last False",
    ),
    "a shutdown that does not wait": (
        """
        pool = Pool(1)
        for n in range(3):
            pool.submit(print, n, flush=True)
        pool.shutdown(wait=False)
        """,
        "0\n1\n2",
    ),
    "an executor that was never used": ("pool = Pool(2)", ""),
    "an executor that nobody refers to": ("Pool(1).submit(print, 1)", "1"),
    "idle workers": ("pool = Pool(3); [pool.submit(int) for _ in range(3)]; pool.submit(int).result()", ""),
    "held tasks": (
        """
        pool, never = Pool(1), Future()
        held = pool.call(print, never)
        pool.submit(int).result()
        """,
        "",
    ),
    "held tasks that come to be": (
        """
        one, two = Pool(1), Pool(1)
        asleep = std.Event()
        late = one.submit(lambda: asleep.wait(0.01))
        first = two.call(lambda late: ["first", late], late)
        second = one.call(lambda first: [*first, "second"], first)
        del two
        last = Pool(1).call(lambda second: print(*second, "last"), second)
        never = one.after(second, Future()).submit(print)
        watch = std.Thread(target=lambda: futures.wait([never]) and print("cancelled", never.cancelled()))
        watch.start()
        """,
        "first False second last\ncancelled True",
    ),
    "held tasks beside a daemon thread that submits": (
        """
        pool, never = Pool(1), Future()
        held, begun = pool.call(print, never), std.Event()
        def submit():
            while True:
                pool.submit(int)
                begun.set()
        std.excepthook = lambda args: None
        threading.Thread(target=submit, daemon=True).start()
        begun.wait()
        """,
        "",
    ),
    "a held task whose callback exits": (
        """
        logging.getLogger("concurrent.futures").setLevel(100)
        held = Pool(1).after(Future()).submit(int)
        held.add_done_callback(sys.exit)
        std.Thread(target=lambda: held.exception if futures.wait([held]) else None).start()
        atexit.register(lambda: print("to its end"))
        """,
        "to its end",
    ),
    "held tasks, and an executor that is gone when its initializer fails": (
        """
        logging.getLogger("concurrent.futures").setLevel(100)
        go = std.Event()
        def fail():
            go.wait()
            raise ValueError
        lost, other = Pool(1, initializer=fail), Pool(1)
        future = lost.submit(int)
        held = other.after(future).submit(int)
        held.add_done_callback(lambda held: print(repr(held.exception())))
        del lost
        go.set()
        """,
        "BrokenThreadPool('A thread initializer failed, the thread pool is not usable anymore')",
    ),
    "threads that make executors": (
        """
        sys.setswitchinterval(1e-6)
        made, begun = [], std.Event()
        def make():
            try:
                while len(made) < 300:
                    made.append(Pool(1))
                    made[-1].submit(int)
                    begun.set()
            except RuntimeError:
                pass
        for _ in range(3):
            std.Thread(target=make).start()
        begun.wait()
        """,
        "",
    ),
    "held tasks and a shutdown that does not wait": (
        """
        pool, never = Pool(1), Future()
        held = pool.call(print, never)
        pool.shutdown(wait=False)
        """,
        "",
    ),
    "a time limit": (
        """
        pool = Pool(1)
        pool.at(timeout=1000).submit(int).result()
        pool.after(Future()).at(timeout=1000).submit(int)
        until_blocked([thread.native_id for thread in std.enumerate() if thread.name == "interlock-clock"])
        """,
        "",
    ),
    "a time limit that is over at that moment": (
        """
        pool = Pool(1)
        for n in range(100):
            pool.at(timeout=n / 10000).submit(time.sleep, 0.0001)
        """,
        "",
    ),
    "daemon threads that wait": (
        """
        crew, x, y = Crew(threading.Thread), Future(), Future()
        full = Pool(1, max_pending=1)
        stop = std.Event()
        full.submit(stop.wait)
        crew.start(x.result, lambda: x.exception(60), lambda: futures.wait([x, y]),
            lambda: list(futures.as_completed([x, y])), lambda: futures.wait([x, std_future]))
        crew.until_blocked()
        atexit.register(stop.set)
        stop.set()
        """,
        "",
    ),
    "a daemon thread that submits": (
        """
        pool = Pool(2, max_pending=10)
        begun = std.Event()
        def submit():
            while True:
                try:
                    pool.submit(int)
                except RuntimeError as error:
                    assert "shutdown" in str(error), error  # the message depends on which worker ends first
                    return
                begun.set()
        threading.Thread(target=submit, daemon=True).start()
        begun.wait()
        """,
        "",
    ),
    "a task that submits": (
        """
        pool = Pool(1)
        def work():
            go.wait()
            try:
                pool.submit(int)
            except RuntimeError as error:
                print(error)
        go = std.Event()
        pool.submit(work)
        std._register_atexit(go.set)
        """,
        "cannot schedule new futures after interpreter shutdown",
    ),
    "an unfinished map": ("pool = Pool(1); results = pool.map(abs, range(100)); next(results)", ""),
    "an iterator over futures": ("it = futures.as_completed([Future()]); x = Future(); x.me = it, x", ""),
    "an exception": ("pool = Pool(1); x = pool.submit(divmod, 1, 0); x.exception()", ""),
}


@pytest.mark.parametrize("name", EXITS)
def test_the_interpreter_ends(passes: Passes, name: str) -> None:
    script, says = EXITS[name]
    body = f"{HEAD}\nimport concurrent.futures\nstd_future = concurrent.futures.Future()\n{textwrap.dedent(script)}"
    for _ in range(RUNS):
        passes(body, says=says)


# The objects, the call that blocks, and what must hold afterwards.
CALLS: dict[str, tuple[str, str, str]] = {
    "result": ("x = Future()", "x.result()", "x.set_result(1); assert x.result(60) == 1"),
    "result with a timeout": ("x = Future()", "x.result(60)", "assert x.cancel() and not x._waiters"),
    "exception": ("x = Future()", "x.exception()", "x.set_exception(KeyError()); assert x.exception(60)"),
    "materialized result": (
        "x = Future(); x._condition",
        "x.result()",
        "x.set_result(1); assert x.result(60) == 1",
    ),
    "wait": (
        "x, y = Future(), Future(); y.set_result(2)",
        "futures.wait([x, y])",
        "assert futures.wait([x, y], 0).done == {y}; x.set_result(1); assert futures.wait([x], 60).done == {x}",
    ),
    "wait for the first": (
        "x, y = Future(), Future()",
        "futures.wait([x, y], 60, 'FIRST_COMPLETED')",
        "y.set_result(1); assert futures.wait([x, y], 60, 'FIRST_COMPLETED').done == {y}",
    ),
    "as_completed": (
        "x, y = Future(), Future(); c = futures.as_completed([x, y])",
        "next(c)",
        "y.set_result(1); x.set_result(2); assert list(c) == []; assert not x._waiters",
    ),
    "map": (
        "pool, go = Pool(1), std.Event(); m = pool.map(lambda n: go.wait(), range(3))",
        "next(m)",
        "go.set(); assert list(m) == []; assert pool.submit(int).result(60) == 0; pool.shutdown()",
    ),
    "map with a buffer": (
        "pool, go = Pool(1), std.Event(); m = pool.map(lambda n: go.wait(), range(3), buffersize=1,"
        " return_exceptions=True)",
        "next(m)",
        "go.set(); assert list(m) == []; assert pool.submit(int).result(60) == 0; pool.shutdown()",
    ),
    "submit": (
        "pool, go = Pool(1, max_pending=1), std.Event(); pool.submit(go.wait).running();"
        " eventually(lambda: pool.stats().running); pool.submit(int)",
        "pool.submit(int)",
        "assert pool.stats().submitted == 2; go.set(); pool.shutdown(); assert pool.stats().done == 2",
    ),
    "shutdown": (
        "pool, go = Pool(1), std.Event(); x = pool.submit(go.wait)",
        "pool.shutdown()",
        # Up to 3.12, after an interrupted join() of the standard library no later one waits.
        "assert not x.done(); go.set(); pool.shutdown(); assert x.result(60)",
    ),
    "shutdown with held tasks": (
        "pool, first = Pool(1), Future(); x = pool.call(pow, first, 2)",
        "pool.shutdown()",
        "assert not x.done(); first.set_result(3); pool.shutdown(); assert x.result(0) == 9",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_ends_a_wait_and_changes_nothing(start: Start, name: str) -> None:
    setup, call, check = CALLS[name]
    ctrl_c_ends_its_waits(start, HEAD, setup, call, check)


@frees_at_once
@pytest.mark.parametrize("library", ["futures", "concurrent.futures"])
def test_an_exception_pins_no_more_than_in_the_standard_library(passes: Passes, library: str) -> None:
    """The exception and the future do not keep the caller of result() alive, even without the collector."""
    passes(
        HEAD
        + f"""
import concurrent.futures
gc.disable()
library = {library}
class Node: pass
class Out(ValueError): pass
def work(node):
    raise Out("out")
def ask(future):
    local = Node()
    refs.append(weakref.ref(local))
    try:
        future.result()
    except ValueError as error:
        refs.append(weakref.ref(error))
    finally:
        del future  # the traceback refers to this frame
refs = []
with library.ThreadPoolExecutor(1) as pool:
    node = Node()
    refs.append(weakref.ref(node))
    future = pool.submit(work, node)
    ask(future)
    del node, future
    pool.submit(int).result()
    eventually(lambda: [ref() for ref in refs] == [None] * 3, "the end of them all")
    refs.clear()
    results = pool.map(work, [Node()])
    try:
        next(results)
    except ValueError as error:
        refs.append(weakref.ref(error))
    del results
    eventually(lambda: refs[0]() is None, "the end of the exception")
"""
    )
