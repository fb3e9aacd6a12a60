"""How pools and their workers end: deaths, limits, terminate(), Ctrl-C, the death of the parent; nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.processes.conftest import Run
from tests.processes.programs import FORMS, METHODS


def test_a_death_costs_the_task_that_ran_and_says_which(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import os, signal, sys

        def task(x):
            if x == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            if x == 5:
                os._exit(7)
            if x == 7:
                sys.exit(9)
            return x

        def main():
            import interlock
            with multiprocessing.get_context(METHOD).Pool(2) as pool:
                results = [pool.apply_async(task, (i,)) for i in range(20)]
                for number, result in enumerate(results):
                    try:
                        assert result.get(60) == number
                    except interlock.WorkerDiedError as error:
                        print(number, error.task, isinstance(error.pid, int))
                try:
                    pool.map(task, range(5), 1)
                except interlock.WorkerDiedError as error:
                    print(error.task)
                try:
                    pool.map(task, range(6), 3)
                except interlock.WorkerDiedError as error:
                    print(error.task)
                got = []
                results = pool.imap_unordered(task, range(10))
                while len(got) < 10:
                    try:
                        got.append(next(results))
                    except interlock.WorkerDiedError as error:
                        got.append(100 + int(error.task[5:-1]))
                print(sorted(got), next(results, "end"))
                print(pool.map(task, range(3)))
    """
    assert run(program, method).splitlines() == [
        "3 task(3) True",
        "5 task(5) True",
        "7 task(7) True",
        "task(3)",
        "task for each of (3, 4, 5)",
        "[0, 1, 2, 4, 6, 8, 9, 103, 105, 107] end",
        "[0, 1, 2]",
    ]


def test_the_policies_retry_and_break(run: Run) -> None:
    program = """
        import multiprocessing
        from multiprocessing.pool import Pool
        import os

        def once(path):
            if not os.path.exists(path):
                open(path, "w").close()
                os._exit(1)
            return "done"

        def die(x):
            os._exit(1)

        def main():
            import interlock
            with Pool(1, on_worker_death="retry", retries=1) as pool:
                print(pool.apply(once, ("mark",)), pool.map(abs, [-1]))
                try:
                    pool.apply(die, (1,))
                except interlock.WorkerDiedError as error:
                    print(error.task, error.exitcode)
                print(pool.apply(abs, (-1,)))
            with Pool(1, on_worker_death="break") as pool:
                for task in (die, abs):
                    try:
                        pool.apply(task, (1,))
                    except interlock.WorkerDiedError as error:
                        print(str(error).splitlines()[0])
    """
    broken = "The pool is broken: no worker can run this task."
    assert run(program).splitlines() == ["done [1]", "die(1) 1", "1", broken, broken]


def test_workers_that_die_while_they_are_idle_are_replaced(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import os, signal

        def main():
            with multiprocessing.get_context(METHOD).Pool(2) as pool:
                for _ in range(3):
                    old = list(pool._pool)
                    for worker in old:
                        worker.kill()
                        worker.join()
                    print(pool.map(abs, range(-4, 0), 1))
                for worker in list(pool._pool):
                    worker.terminate()
                    worker.join()
                print(pool.apply(abs, (-1,)))
    """
    assert run(program, method) == "[4, 3, 2, 1]\n" * 3 + "1\n"


def test_an_initializer_that_fails_or_dies_is_an_error(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import os

        def fail():
            raise OSError("no database")

        def die():
            os._exit(3)

        def main():
            import interlock, logging
            logging.disable()
            for initializer in (fail, die):
                with multiprocessing.get_context(METHOD).Pool(2, initializer) as pool:
                    for call in (lambda: pool.map(abs, range(4)), lambda: pool.apply(abs, (1,)),
                                 lambda: list(pool.imap(abs, [1]))):
                        try:
                            call()
                        except interlock.WorkerDiedError as error:
                            print(str(error).splitlines()[0], repr(error.__cause__))
                        except RuntimeError as error:
                            print(error)
    """
    lines = run(program, method).splitlines()
    lines = [line for line in lines if line.startswith("The pool")]
    assert lines[:2] == ["The pool is broken: no worker can run this task. OSError('no database')"] * 2
    assert len(lines) == 6, lines


def test_maxtasksperchild(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import os

        def pid(_):
            return os.getpid()

        def main():
            with multiprocessing.get_context(METHOD).Pool(2, maxtasksperchild=2) as pool:
                counts = {}
                for worker in pool.map(pid, range(20), 1):
                    counts[worker] = counts.get(worker, 0) + 1
                print(len(counts) >= 10, max(counts.values()) <= 2)
                pool.close()
                pool.join()
            pool = multiprocessing.get_context(METHOD).Pool(1, maxtasksperchild=1)
            results = [pool.apply_async(pid, (i,)) for i in range(6)]
            pool.close()
            pool.join()
            print(len({result.get(0) for result in results}))
    """
    assert run(program, method) == "True True\n6\n"


def test_close_lets_all_tasks_end_and_terminate_none(run: Run, method: str) -> None:
    program = """
        import itertools
        import multiprocessing
        import threading, time

        def main():
            context = multiprocessing.get_context(METHOD)
            pool = context.Pool(2)
            result = pool.map_async(abs, range(-50, 0), 1)
            lazy = pool.imap(abs, iter(range(-50, 0)))
            pool.close()
            pool.join()
            print(len(result.get(0)), len(list(lazy)))

            pool = context.Pool(2)
            called = []
            results = [
                pool.map_async(time.sleep, [1000] * 10, 1, callback=called.append, error_callback=called.append),
                pool.apply_async(time.sleep, (1000,)),
            ]
            endless = pool.imap_unordered(time.sleep, itertools.repeat(1000))
            pool.terminate()
            pool.join()
            for get in (*[result.get for result in results], lambda _: list(endless)):
                try:
                    get(60)
                except RuntimeError as error:
                    print(error)
            print(called, pool._state, multiprocessing.active_children())
            pool.terminate()
            with context.Pool(1) as pool:
                result = pool.apply_async(time.sleep, (1000,))
            pool.join()
            print(result.ready(), len(pool._pool))
    """
    assert run(program, method).splitlines() == [
        "50 50",
        *["the pool was terminated before it made this call"] * 3,
        "[] TERMINATE []",
        "True 1",
    ]


def test_a_pool_that_is_dropped_ends_and_warns(run: Run, method: str) -> None:
    program = """
        import gc
        import multiprocessing
        import threading

        def main():
            pool = multiprocessing.get_context(METHOD).Pool(2)
            workers = list(pool._pool)
            print(pool.apply(abs, (-1,)))
            del pool
            gc.collect()
            for worker in workers:
                worker.join()
            print({worker.exitcode is not None for worker in workers}, threading.active_count())
            result = multiprocessing.get_context(METHOD).Pool(1).apply_async(abs, (-5,))
            print(result.get(60))
            gc.collect()
    """
    text = run(program, method)
    assert "1\n{True} 1\n5\n" in text
    assert (
        text.count("ResourceWarning: unclosed running multiprocessing pool <multiprocessing.pool.Pool") == 2
    )


def test_a_program_that_ends_with_a_running_pool_ends(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import time

        def main():
            global pool
            pool = multiprocessing.get_context(METHOD).Pool(2)
            pool.map_async(time.sleep, [1000] * 10)
            print(pool.apply(abs, (-1,)) if METHOD == "never" else "ends")
    """
    assert run(program, method).splitlines()[0] == "ends"


def test_a_forked_child_is_told_that_the_pool_is_not_its_own(run: Run) -> None:
    program = """
        import multiprocessing

        def use(pool):
            try:
                pool.apply(abs, (-1,))
            except RuntimeError as error:
                print(error, flush=True)

        def main():
            with multiprocessing.Pool(1) as pool:
                child = multiprocessing.get_context("fork").Process(target=use, args=(pool,))
                child.start()
                child.join()
                print(pool.apply(abs, (-1,)), child.exitcode)
    """
    assert run(program) == "the pool belongs to the process that forked this one\n1 0\n"


def test_thousands_of_pools_leave_nothing(run: Run) -> None:
    program = """
        import multiprocessing
        import os, threading

        def count():
            return len(os.listdir("/proc/self/fd")), threading.active_count(), len(multiprocessing.active_children())

        def main():
            for number in range(150):
                pool = multiprocessing.Pool(1)
                pool.apply(abs, (-1,))
                pool.close() if number % 2 else pool.terminate()
                pool.join()
                if number == 20:
                    before = count()
            print(count() == before or (count(), before))
    """
    assert run(program) == "True\n"


_INTERRUPTED = """
    import sys, time
    {imports}

    def main():
        with multiprocessing.get_context({method!r}).Pool(3) as pool:
            pids = [worker.pid for worker in pool._pool]
            print(pool.map(abs, range(-6, 0)), *pids, flush=True)
            pool.map({function})

    if __name__ == "__main__":
        main()
"""


def test_an_interrupt_ends_no_worker_that_still_starts(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import os, signal
        from concurrent.futures import ProcessPoolExecutor

        def interrupt():
            os.kill(os.getpid(), signal.SIGINT)

        class Interrupting:
            def __reduce__(self):
                return interrupt, ()

        def begin(_):
            assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())

        def main():
            if METHOD == "fork":
                os.register_at_fork(after_in_child=interrupt)
            context = multiprocessing.get_context(METHOD)
            with context.Pool(2, begin, (Interrupting(),)) as pool:
                print(pool.map(abs, [-1]))
            with ProcessPoolExecutor(1, context, begin, (Interrupting(),)) as executor:
                print(executor.submit(abs, -1).result())
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            with ProcessPoolExecutor(1, context) as executor:
                print(executor.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result() - {signal.SIGINT})
    """
    assert run(program, method) == "[1]\n1\nset()\n"


def test_a_worker_whose_end_takes_long_leaves_nothing(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        def main():
            from interlock.concurrent.futures import _death_facts

            _death_facts._LAST_MOMENT = 0.0
            context = multiprocessing.get_context(METHOD)
            for number in range(5):
                pool = context.Pool(2)
                pool.map(abs, range(10))
                pool.close() if number % 2 else pool.terminate()
                pool.join()
                with ProcessPoolExecutor(2, mp_context=context) as pool:
                    assert pool.submit(abs, -1).result() == 1
            assert not _death_facts._workers, _death_facts._workers
    """
    assert run(program, method) == ""


_IMPORTS = {
    "import": "from interlock import multiprocessing",
    "install": "import interlock\n    interlock.install()\n    import multiprocessing",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "function", ["time.sleep, [1000] * 6", "sum, [range(10**15)] * 6", "time.sleep, [1000]"]
)
def test_ctrl_c_ends_all_with_one_traceback(tmp_path: Path, form: str, method: str, function: str) -> None:
    started, pids = _start(tmp_path, form, method, function)
    os.killpg(started.pid, signal.SIGINT)
    _, errors = started.communicate(timeout=60)
    assert errors.count("Traceback (most recent call last)") == 1, errors
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert not [pid for pid in pids if _lives(pid)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", METHODS)
def test_workers_end_with_their_parent(tmp_path: Path, form: str, method: str) -> None:
    started, pids = _start(tmp_path, form, method, "time.sleep, [1000] * 2")
    watched = [os.pidfd_open(pid) for pid in pids]
    started.kill()
    started.wait()
    for descriptor in watched:
        _await(descriptor)
        os.close(descriptor)
    started.communicate()


def _start(folder: Path, form: str, method: str, function: str) -> tuple[subprocess.Popen[str], list[int]]:
    path = folder / "program.py"
    program = _INTERRUPTED.format(imports=_IMPORTS[form], method=method, function=function)
    path.write_text(textwrap.dedent(program), encoding="utf-8")
    started = subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "INTERLOCK"},
    )
    assert started.stdout is not None
    line = started.stdout.readline()
    assert line, started.communicate()[1]
    return started, [int(pid) for pid in line.rpartition("]")[2].split()]


def _await(descriptor: int) -> None:
    """Wait until the process of this descriptor has ended."""
    import select

    assert select.select([descriptor], [], [], 60)[0]


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
