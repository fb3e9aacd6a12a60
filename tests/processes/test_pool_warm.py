"""`Pool(warm=True)`: processes that stay, and what close(), terminate() and join() of their pools mean."""

from __future__ import annotations

import os

from tests.processes.conftest import Run


def test_pools_share_processes_that_stay(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import os
        from interlock.multiprocessing import get_context

        def pid(_):
            return os.getpid()

        def main():
            make = get_context(METHOD).Pool
            with make(1, warm=True) as pool:
                first = pool.map(pid, range(3))
            with make(1, warm=True) as again:
                assert set(again.map(pid, range(3))) == set(first), "they have stayed"
                both = make(1, warm=True)
                assert both.apply(pid, (0,)) == first[0]
                assert list(both.imap(pid, range(3))) == first
            assert both.apply(pid, (0,)) == first[0], "the end of another pool means nothing to it"
            with make(2, warm=True) as other, make(1) as own:
                assert first[0] not in other.map(pid, range(4), 1) + own.map(pid, range(4))
            print(both.stats().done > 9, len(both._pool), "warm")
    """
    assert run(program, method) == "True 1 warm\n"


def test_close_and_join_are_for_the_tasks_of_the_pool(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import os, time
        from interlock.multiprocessing import get_context

        def late(path):
            time.sleep(0.1)
            with open(path, "a") as file:
                file.write("x")
            return os.getpid()

        def main():
            make = get_context(METHOD).Pool
            pool, called = make(2, warm=True), []
            pool.map_async(late, ["a"] * 5, callback=called.append)
            pool.imap_unordered(late, ["a"] * 3)
            pool.apply_async(late, ("a",), callback=lambda _: (time.sleep(0.2), called.append(1)))
            pool.apply_async(lambda: None, error_callback=called.append)  # can't be pickled, perhaps
            try:
                pool.join()
            except ValueError as error:
                print(error)
            pool.close()
            for call in (pool.map, pool.imap, pool.map_async, pool.apply):
                try:
                    call(late, ["b"])
                except ValueError as error:
                    print(error)
            pool.join()
            assert os.path.getsize("a") == 9 and len(called) >= 2, called
            pool.join()
            pool.close()
            again = make(2, warm=True)
            pids = {process.pid for process in again._pool}
            assert set(again.map(late, ["a"] * 4, 1)) <= pids
            # Many tasks whose results nobody wants.
            for _ in range(200):
                again.apply_async(os.getpid)
            again.close()
            again.join()
            assert len(again._interlock_crew._open) == 0
    """
    assert run(program, method).splitlines() == [
        "Pool is still running",
        *["Pool not running"] * 4,
    ]


def test_terminate_ends_the_tasks_of_the_pool_and_no_others(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import itertools, os, time
        from interlock.multiprocessing import get_context

        def nap(seconds):
            time.sleep(seconds)
            return os.getpid()

        def main():
            make = get_context(METHOD).Pool
            pool, other = make(2, warm=True), make(2, warm=True)
            going = other.map_async(nap, [0.5] * 4, 1)
            endless = pool.imap(nap, itertools.repeat(60))
            hangs = [pool.apply_async(nap, (600,)) for _ in range(4)]
            other_after = other.apply_async(nap, (0,))
            time.sleep(1.0)
            began = time.monotonic()
            pool.terminate()
            pool.join()
            assert time.monotonic() - began < 20
            for call in [result.get for result in hangs] + [lambda: next(endless)]:
                try:
                    call()
                except Exception as error:
                    print(type(error).__name__, error)
            assert len(going.get(60)) == 4 and other_after.get(60)
            with make(2, warm=True) as next_pool:
                assert len(next_pool.map(nap, [0] * 10)) == 10
                hangs = next_pool.apply_async(nap, (600,))
            try:
                hangs.get(60)
            except Exception as error:
                print(type(error).__name__, error)
    """
    lines = run(program, method).splitlines()
    assert len(lines) == 6
    assert len(set(lines)) == 1
    assert "terminated" in lines[0]


def test_many_pools_close_and_terminate_beside_each_other(run: Run) -> None:
    program = """
        import multiprocessing
        import itertools, random, threading, time
        from interlock.multiprocessing import Pool

        def nap(seconds):
            time.sleep(seconds)
            return True

        def use(dice, is_closed):
            pool, called = Pool(2, warm=True), []
            callbacks = {"callback": called.append, "error_callback": called.append}
            results = [pool.apply_async(nap, (dice.random() * 0.004,), **callbacks) for _ in range(5)]
            results.append(pool.map_async(nap, [0.001] * 6, 1, **callbacks))
            stream = pool.imap(nap, [0.001] * 20 if is_closed else itertools.repeat(0.001))
            if is_closed:
                pool.close()
            else:
                time.sleep(dice.random() * 0.01)
                pool.terminate()
            pool.join()
            assert all(result.ready() for result in results)
            if is_closed:
                assert len(called) == 6 and all(result.get() for result in results)
                assert len(list(stream)) == 20

        def loop(seed, ends):
            dice = random.Random(seed)
            for number in range(15):
                use(dice, number % 2)
            ends.append(seed)

        def join_in_callback(pool, said):
            try:
                pool.join()
            except RuntimeError as error:
                said.append(str(error))

        def main():
            ends, said = [], []
            threads = [threading.Thread(target=loop, args=(seed, ends)) for seed in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            pool = Pool(2, warm=True)
            gate = threading.Event()
            pool.apply_async(nap, (0,), callback=lambda _: (gate.wait(), join_in_callback(pool, said)))
            pool.close()
            gate.set()
            pool.join()
            print(sorted(ends), *said)
    """
    assert run(program) == "[0, 1, 2, 3] cannot join current thread\n"


def test_initializers_deaths_and_settings(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import os, signal
        import interlock
        from interlock.multiprocessing import get_context

        def begin(text):
            os.environ["BEGAN"] = os.environ.get("BEGAN", "") + text

        def fail():
            raise LookupError("no")

        def began(_=None):
            return os.environ.get("BEGAN")

        def die():
            os.kill(os.getpid(), signal.SIGKILL)

        def break_it(context):
            breaks = dict(warm=True, on_worker_death="break")
            with context.Pool(1, **breaks) as pool:
                try:
                    pool.apply(die)
                except Exception as error:
                    print(type(error).__name__)
                pool.apply_async(began).wait()  # refused, so there is nothing to wait for at the end
                with context.Pool(1, **breaks) as new:
                    assert new.apply(began) is None

        def main():
            context = get_context(METHOD)
            for _ in range(3):
                with context.Pool(1, begin, ("x",), warm=True) as pool:
                    assert pool.apply(began) == "x", "once for each process"
            with context.Pool(1, begin, ["y"], warm=True) as pool:
                assert pool.apply(began) == "y"
                try:
                    pool.apply(die)
                except interlock.WorkerDiedError:
                    assert pool.apply(began) == "y", "another one has taken its place"
            for _ in range(2):
                try:
                    with context.Pool(1, fail, warm=True) as pool:
                        pool.apply(began)
                except Exception as error:
                    print(type(error).__name__)
            break_it(context)
    """
    lines = run(program, method).splitlines()
    assert lines[:3] == ["WorkerDiedError"] * 3  # a pool whose initializer fails again and again breaks


def test_settings_that_a_warm_pool_can_not_have(run: Run) -> None:
    program = """
        import multiprocessing
        from interlock.multiprocessing import get_context, pool as pools

        class Own(pools.Pool):
            def _repopulate_pool(self):
                super()._repopulate_pool()

        def main():
            context = get_context("fork")
            for arguments in ({"initializer": print, "initargs": ([],)}, {"processes": 0}):
                try:
                    context.Pool(warm=True, **arguments)
                except Exception as error:
                    print(type(error).__name__, error)
            try:
                Own(1, context=context, warm=True)
            except TypeError as error:
                print("warm" in str(error))
    """
    assert run(program).splitlines() == [
        "TypeError the settings of a warm pool, its initargs too, must be hashable: unhashable type: 'list'",
        "ValueError Number of processes must be at least 1",
        "True",
    ]


def test_a_fork_leaves_the_processes_to_the_parent(run: Run) -> None:
    program = """
        import multiprocessing
        import os
        from interlock.multiprocessing import Pool

        def pid(_=None):
            return os.getpid()

        def child(pool):
            for call in (lambda: pool.apply(pid), pool.join):
                try:
                    call()
                except RuntimeError as error:
                    print(error, flush=True)
                pool.terminate()
            with Pool(1, warm=True) as own:
                print(own.apply(pid) != os.getpid(), flush=True)

        def main():
            pool = Pool(1, warm=True)
            first = pool.apply(pid)
            process = multiprocessing.get_context("fork").Process(target=child, args=(pool,))
            process.start()
            process.join()
            assert process.exitcode == 0
            assert pool.apply(pid) == first == Pool(1, warm=True).apply(pid)
    """
    ours = "the pool belongs to the process that forked this one"
    assert run(program, "fork").splitlines() == [ours, ours, "True"]


def test_the_program_ends_with_tasks_that_run_and_leaves_no_process(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import itertools, os, sys, time
        from interlock.multiprocessing import get_context

        def nap(seconds):
            time.sleep(seconds)

        def main():
            context = get_context(METHOD)
            pool = context.Pool(2, warm=True)
            pool.map(nap, [0, 0])
            pool.apply_async(nap, (600,))
            pool.imap(nap, itertools.repeat(600))
            dropped = context.Pool(2, warm=True)
            dropped.apply_async(nap, (600,), callback=print)
            del dropped
            print(*(process.pid for process in pool._pool))
    """
    for pid in run(program, method).split():
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            continue
        raise AssertionError(f"process {pid} is left")


def test_a_pool_that_is_dropped_leaves_no_thread(run: Run) -> None:
    program = """
        import multiprocessing
        import gc, threading, time
        from interlock.multiprocessing import Pool

        def main():
            kept = Pool(1, warm=True)
            assert list(kept.imap(abs, [-1])) == [1]
            before = threading.active_count()
            for _ in range(50):
                assert list(Pool(1, warm=True).imap_unordered(abs, range(3)))
            gc.collect()
            end = time.monotonic() + 60
            while threading.active_count() > before and time.monotonic() < end:
                time.sleep(0.01)
            print(threading.active_count() - before)
    """
    assert run(program, "fork") == "0\n"
