"""What `Pool` has beyond the standard library's: limits of tasks, exceptions as results, progress, counts, relays."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import interlock.multiprocessing.pool
import pytest

Run = Callable[..., str]

HEAD = """
import multiprocessing
from multiprocessing import TimeoutError
from multiprocessing.pool import Pool
import interlock, os, signal, sys, time

context = multiprocessing.get_context(METHOD)

def pool(processes=2, **extras):
    return Pool(processes, context=context, **extras)

def stay(n):
    if n == 3:
        time.sleep(1000)  # sleep: until it is ended
    return n

def pair(a, b):
    return stay(a + b)

def odd(n):
    if n % 2:
        raise ValueError(n)
    return n

def die(n):
    if n == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return n

def pid(n):
    return os.getpid()

def fill(n):
    global kept
    kept = bytearray(64 << 20)
    for at in range(0, len(kept), 4096):
        kept[at] = 1
    return os.getpid()
"""


def test_a_task_that_runs_for_too_long_is_ended_alone(run: Run, method: str) -> None:
    program = """
def late(ask):
    try:
        ask()
    except interlock.TaskTimeoutError as error:
        assert isinstance(error, __builtins__.TimeoutError), error
        return str(error)
    raise AssertionError("it has a result")

def one_by_one(results):
    return [next(results) for _ in range(3)], late(lambda: next(results)), list(results)

def names(got):
    return [type(it).__name__ for it in got]

def main():
    from concurrent.futures import ThreadPoolExecutor

    with pool(4) as p, ThreadPoolExecutor(8) as threads:  # all at once: each waits until the time of a task is over
        futures = [threads.submit(ask) for ask in (
            lambda: late(lambda: p.apply(stay, (3,), task_timeout=1)),
            lambda: late(lambda: p.apply_async(stay, (), {"n": 3}, task_timeout=1).get()),
            lambda: late(lambda: p.map(stay, range(5), task_timeout=1)),
            lambda: late(lambda: p.starmap(pair, [(1, 2)], task_timeout=1)),
            lambda: one_by_one(p.imap(stay, range(6), task_timeout=1)),
            lambda: names(p.map(stay, range(5), task_timeout=1, return_exceptions=True)),
            lambda: names(p.map_async(stay, range(5), task_timeout=1, return_exceptions=True).get()),
            lambda: names(p.imap(stay, range(5), task_timeout=1, return_exceptions=True)),
        )]
        for future in futures:
            print(future.result())
        print(p.apply(abs, (-1,), task_timeout=1000))
"""
    words = "ran for longer than its timeout, and its worker was ended"
    names = str(["int"] * 3 + ["TaskTimeoutError", "int"])
    assert run(HEAD + program, method).splitlines() == [
        f"stay(3) {words}",
        f"stay(n=3) {words}",
        f"stay(3) {words}",
        f"pair for each of ((1, 2),) {words}",
        str(([0, 1, 2], f"stay(3) {words}", [4, 5])),
        *[names] * 3,
        "1",
    ]


def test_exceptions_stand_among_the_results(run: Run, method: str) -> None:
    program = """
def shown(results):
    return [it if isinstance(it, int) else repr(it) for it in results]

def items():
    yield 1
    raise LookupError("no more")

def main():
    with pool() as p:
        for got in (
            p.map(odd, range(4), return_exceptions=True),
            p.map(odd, iter(range(4)), 1, return_exceptions=True),
            p.starmap(odd, [(n,) for n in range(4)], return_exceptions=True),
            p.starmap_async(odd, [(n,) for n in range(4)], return_exceptions=True).get(),
            p.imap(odd, range(4), return_exceptions=True),
        ):
            print(shown(got))
        print(sorted(map(str, p.imap_unordered(odd, range(4), return_exceptions=True))))
        told = []
        p.map_async(odd, range(4), None, told.append, return_exceptions=True).wait()
        print(shown(told[0]))
        print([type(it).__name__ for it in p.map(die, range(5), return_exceptions=True)])
        print([type(it).__name__ for it in p.map(abs, [1, lambda: 0], return_exceptions=True)][:1])
        results = p.imap(odd, items(), return_exceptions=True)
        print(repr(next(results)))
        for ask in (lambda: next(results), lambda: p.map(odd, items(), return_exceptions=True)):
            try:
                ask()
            except LookupError as error:
                print(error)
        print(p.map(odd, [], return_exceptions=True))
"""
    each = "[0, 'ValueError(1)', 2, 'ValueError(3)']"
    assert run(HEAD + program, method).splitlines() == [
        *[each] * 5,
        "['0', '1', '2', '3']",
        each,
        "['int', 'int', 'int', 'WorkerDiedError', 'int']",
        "['int']",
        "ValueError(1)",
        "no more",
        "no more",
        "[]",
    ]


def test_a_map_that_takes_too_long_raises_and_its_tasks_go_on(run: Run, method: str) -> None:
    program = """
def main():
    gate = context.Event()
    with pool(2, initializer=keep, initargs=(gate,)) as p:
        for ask in (p.map, p.starmap):
            for progress in (False, lambda done, total: None):
                try:
                    ask(wait, [(0,)] * 2, timeout=0.2, progress=progress)
                except TimeoutError:
                    print("late")
        gate.set()
        print(p.map(abs, [-1], timeout=1000))

def keep(it):
    global gate
    gate = it

def wait(n):
    gate.wait()
"""
    assert run(HEAD + program, method).splitlines() == ["late"] * 4 + ["[1]"]


def test_progress_is_told_until_all_are_done(run: Run) -> None:
    program = """
def main():
    with pool() as p:
        for ask in (p.map, p.starmap, p.imap, p.imap_unordered):
            told = []
            items = [(n,) for n in range(20)] if ask == p.starmap else range(20)
            got = list(ask(abs, items, progress=lambda done, total: told.append((done, total))))
            assert sorted(got) == [*range(20)], got
            assert told[-1] == (20, 20) and told == sorted(set(told)), told
        assert p.map(abs, range(20), 7, progress=lambda *told: None) == [*range(20)]
        assert p.map(abs, [], progress=lambda *told: None) == []
        p.map(abs, range(3), progress="title")
"""
    assert "title" in run(HEAD + program)


def test_tasks_are_counted(run: Run, method: str) -> None:
    program = """
def main():
    with pool() as p:
        p.map(odd, range(6), return_exceptions=True)
        while p.stats().running:  # a call is counted just after its result is there
            pass
        stats = p.stats()
        print(stats.submitted, stats.running, stats.waiting, stats.done, stats.failed)
        print(all("PoolWorker" in name for name in stats.busy), len(stats.busy))
"""
    assert run(HEAD + program, method).splitlines() == ["6 0 0 6 3", "True 2"]


def test_a_worker_above_its_memory_limit_is_replaced(run: Run, method: str) -> None:
    program = """
def main():
    with pool(1, memory_limit=1 << 40) as p:
        assert p.apply(pid, (0,)) == p.apply(fill, (0,)) == p.apply(pid, (0,))
    limit = 1 << 20  # less than any process has
    with pool(1, memory_limit=limit) as p:
        assert len({p.apply(pid, (0,)) for _ in range(3)}) == 3
    print("done")
"""
    assert run(HEAD + program, method) == "done\n"


def test_records_and_lines_of_workers_come_to_the_parent(tmp_path: Path, method: str) -> None:
    program = """
        import logging, os, signal
        from interlock.multiprocessing import get_context

        def talk(n):
            logging.getLogger("app").warning("record %d", n)
            print("line", n)
            if n == 3:
                os.kill(os.getpid(), signal.SIGKILL)

        if __name__ == "__main__":
            logging.basicConfig(format="%(name)s: %(message)s")
            with get_context(METHOD).Pool(2, relay=True) as pool:
                failed = [it is not None for it in pool.map(talk, range(6), return_exceptions=True)]
                pool.close()
                pool.join()
            print("end")
            assert failed == [n == 3 for n in range(6)], failed
    """
    path = tmp_path / "program.py"
    path.write_text(dedent(program).replace("METHOD", repr(method)), encoding="utf-8")
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    assert sorted(line.partition("] ")[2] for line in lines) == [f"line {n}" for n in range(6)]
    assert {line.partition("]")[0] for line in lines} <= {"[worker-0", "[worker-1"}
    assert last == "end"  # join() has waited for all of them
    assert sorted(line for line in done.stderr.splitlines() if line.startswith("app")) == [
        f"app: record {n}" for n in range(6)
    ]


def test_what_cannot_be_combined_is_refused(run: Run) -> None:
    program = """
from multiprocessing import pool as module

class Own(Pool):
    def _setup_queues(self):
        super()._setup_queues()

def refused(ask):
    try:
        ask()
    except (TypeError, ValueError, RuntimeError) as error:
        print(type(error).__name__, str(error).partition(",")[0])

def main():
    with pool(1) as p:
        refused(lambda: p.map(abs, [1, 2], 2, task_timeout=1))
        refused(lambda: p.imap(abs, [1, 2], 2, return_exceptions=True))
        refused(lambda: p.map(abs, [1], task_timeout=-1))
        refused(lambda: p.apply(abs, (1,), task_timeout="x"))
    refused(lambda: p.map(abs, [1], return_exceptions=True))
    with Own(1, context=context) as p:  # it runs the standard library's code
        assert p.map(abs, [-1]) == [1] and list(p.imap(abs, [-1])) == [1] and p.apply(abs, (-1,)) == 1
        assert p.starmap(abs, [(-1,)]) == [1] and p.map_async(abs, [-1]).get() == [1]
        refused(lambda: p.map(abs, [1], return_exceptions=True))
        refused(lambda: p.apply_async(abs, (1,), task_timeout=1))
        refused(p.stats)
    refused(lambda: Own(1, relay=True))
"""
    single = "ValueError return_exceptions and task_timeout are for single tasks"
    lines = run(HEAD + program).splitlines()
    assert lines[:2] == [single] * 2
    assert [line.split()[0] for line in lines[2:]] == [
        "ValueError",
        "TypeError",
        "ValueError",
        "RuntimeError",
        "RuntimeError",
        "RuntimeError",
        "TypeError",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "__init__",
        "apply",
        "apply_async",
        "imap",
        "imap_unordered",
        "map",
        "map_async",
        "starmap",
        "starmap_async",
    ],
)
def test_all_that_is_new_is_keyword_only(name: str) -> None:
    from multiprocessing import pool

    ours = inspect.signature(getattr(interlock.multiprocessing.pool.Pool, name)).parameters
    standard = inspect.signature(getattr(pool.Pool, name)).parameters
    assert [*ours][: len(standard)] == [*standard]
    assert all(it.kind is it.KEYWORD_ONLY for it in [*ours.values()][len(standard) :])
    assert [it.default for it in standard.values()] == [ours[it].default for it in standard]
