"""What programs find at their exit: threads that wait for a pool, and handlers for the exit that use pools."""

from __future__ import annotations

import sys

import pytest

from tests.processes.conftest import Run

_WAITS = {
    "apply": "pool.apply(wait, (1,))",
    "map": "pool.map(wait, [1, 2, 3])",
    "imap": "list(pool.imap(wait, [1, 2, 3]))",
    "unordered": "list(pool.imap_unordered(wait, [1, 2, 3]))",
    "timeout": "pool.map_async(wait, [1, 2, 3]).get(1000)",
    "wait": "pool.map_async(wait, [1, 2, 3]).wait(); print('goes on')",
    "with": "\n            with pool: pool.map(wait, [1, 2, 3])",
}


@pytest.mark.parametrize("how", _WAITS)
def test_a_daemon_thread_hears_nothing_of_a_pool_that_ends_with_the_program(run: Run, how: str) -> None:
    """In the standard library nobody ends its wait. A traceback would be the last that the program prints."""
    program = f"""
        import multiprocessing
        import threading, time

        context = multiprocessing.get_context(METHOD)
        begun = context.Event()

        def wait(number):
            begun.set()
            time.sleep(1000)

        def serve(pool):
            {_WAITS[how]}

        def main():
            pool = context.Pool(2)
            threading.Thread(target=serve, args=(pool,), daemon=True).start()
            assert begun.wait(60)
            print("main ends", flush=True)
    """
    assert run(program, "fork") == "main ends\n"


def test_a_handler_for_the_exit_finds_pools_at_work_and_executors_shut_down(run: Run) -> None:
    program = """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        import atexit, sys

        context = multiprocessing.get_context(METHOD)

        def refused(executor):
            try:
                executor.submit(abs, -1)
            except RuntimeError as error:
                print(error)

        def last(pool, executor):
            print(pool.map(abs, [-1, -2]))
            pool.close()
            if sys.version_info[:2] == (3, 12):  # it lets nobody fork at the exit
                print([3])
            else:
                with context.Pool(1) as another:
                    print(another.map(abs, [-3]))
            refused(executor)
            refused(ProcessPoolExecutor(1, mp_context=context))

        def main():
            pool, executor = context.Pool(1), ProcessPoolExecutor(1, mp_context=context)
            atexit.register(last, pool, executor)
            print(pool.apply(abs, (-1,)), executor.submit(abs, -2).result())
    """
    assert run(program, "fork").splitlines() == [
        "1 2",
        "[1, 2]",
        "[3]",
        "cannot schedule new futures after shutdown",
        "cannot schedule new futures after interpreter shutdown",
    ]


def test_an_executor_that_has_ended_is_forgotten(run: Run) -> None:
    """What the exit would wake and wait for is gone, too: a service may open and close executors for years."""
    program = """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        import concurrent.futures.process as standard
        import gc, weakref

        def main():
            context = multiprocessing.get_context(METHOD)
            threads = []
            for way in ("with", "shutdown", "dropped"):
                executor = ProcessPoolExecutor(1, mp_context=context)
                assert executor.submit(abs, -1).result() == 1
                threads.append(weakref.ref(executor._executor_manager_thread))
                if way == "with":
                    with executor:
                        pass
                elif way == "shutdown":
                    executor.shutdown(wait=False)
                thread = threads[-1]()
                del executor
                if thread is not None:
                    thread.join()
                del thread
            gc.collect()
            print([thread() for thread in threads], len(standard._threads_wakeups))
    """
    assert run(program, "fork") == "[None, None, None] 0\n"


_LATE = {
    "a thread": """
            def late():
                threading.main_thread().join()
                work()

            threading.Thread(target=late).start()
    """,
    "a handler": """
            atexit.register(work)
    """,
}


@pytest.mark.skipif(
    sys.version_info[:2] == (3, 12), reason="3.12 does not fork at the interpreter's shutdown"
)
@pytest.mark.parametrize(
    "imported", ["", "from multiprocessing.pool import Pool, ThreadPool"], ids=["late", "before"]
)
@pytest.mark.parametrize("where", _LATE)
def test_the_first_pool_is_made_when_the_main_thread_has_ended(run: Run, where: str, imported: str) -> None:
    """It needs modules of executors, which can't be imported any more."""
    program = f"""
        import multiprocessing
        {imported}
        import atexit, threading

        def work():
            with multiprocessing.get_context(METHOD).Pool(2) as pool:
                print(pool.map(abs, [-1, -2]), pool.apply(len, ("abc",)))
                try:
                    pool.apply(int, ("x",))
                except ValueError as error:
                    print(error)
            from multiprocessing.pool import ThreadPool
            with ThreadPool(2) as pool:
                print(pool.map(abs, [-3]))

        def main():
            {_LATE[where].strip()}
    """
    assert run(program, "fork") == "[1, 2] 3\ninvalid literal for int() with base 10: 'x'\n[3]\n"
