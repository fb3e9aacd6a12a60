"""What executors have beside: records and output of workers, one name for threads and processes, a warm one, storms."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import interlock
import pytest
from interlock import multiprocessing
from interlock.concurrent.futures import ThreadPoolExecutor
from interlock.concurrent.futures.process import ProcessPoolExecutor
from interlock.multiprocessing import Pool

from tests.processes import storm

Run = Callable[..., str]

LIMIT = 90.0


def double(n: int) -> int:
    return 2 * n


def nap(seconds: float) -> float:
    time.sleep(seconds)  # sleep: what the call does
    return seconds


def nothing(*_: object) -> None:
    pass


def test_records_and_lines_of_workers_come_to_the_parent(tmp_path: Path) -> None:
    program = """
        import logging, os, signal
        from interlock.concurrent.futures import ProcessPoolExecutor

        def talk(n):
            logging.getLogger("app").warning("record %d", n)
            print("line", n)
            if n == 3:
                os.kill(os.getpid(), signal.SIGKILL)

        if __name__ == "__main__":
            logging.basicConfig(format="%(name)s: %(message)s")
            with ProcessPoolExecutor(2, relay=True) as pool:
                failed = [pool.submit(talk, n).exception() is not None for n in range(6)]
            print("end")
            assert failed == [n == 3 for n in range(6)], failed
    """
    path = tmp_path / "program.py"
    path.write_text(dedent(program), encoding="utf-8")
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    assert sorted(line.partition("] ")[2] for line in lines) == [f"line {n}" for n in range(6)]
    assert {line.partition("]")[0] for line in lines} <= {"[worker-0", "[worker-1"}
    assert last == "end"  # shutdown() has waited for all of them
    assert sorted(done.stderr.splitlines()) == [f"app: record {n}" for n in range(6)]


@pytest.mark.parametrize("kind", ["auto", "threads", "processes"])
def test_both_kinds_have_the_same_methods(kind: str) -> None:
    with interlock.Executor(kind, 2, max_pending=100) as executor:  # type: ignore[arg-type]
        assert executor.submit(double, 2).result() == 4
        assert [*executor.map(double, range(9), chunksize=2)] == [*range(0, 18, 2)]
        assert [*executor.map(double, range(3), task_timeout=60.0)] == [0, 2, 4]
        good, bad = executor.map(int, "1x", return_exceptions=True)
        assert (good, type(bad)) == (1, ValueError)
        first = executor.at(priority=1, timeout=60.0, retries=0).submit(double, 3)
        assert executor.call(double, first).result() == 12
        assert executor.after(first).submit(double, 4).result() == 8
        assert not executor.stop(first)
        executor.progress(lambda done, total: None)
        stats = executor.stats()
        assert stats.done == stats.submitted
        assert stats.failed == 1


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_the_time_limit_of_a_call_begins_with_the_call(kind: str) -> None:
    with interlock.Executor(kind, 1) as executor:  # type: ignore[arg-type]
        # The last ones wait for longer than the limit. A call is late only if it takes eight times its time.
        results = executor.map(nap, [0.5] * 9, task_timeout=4.0)
        limited = executor.at(timeout=4.0)
        futures = [limited.submit(nap, 0.5) for _ in range(2)]
        futures.append(limited.after(futures[0]).submit(nap, 0.5))
        assert list(results) == [0.5] * 9
        assert [future.result() for future in futures] == [0.5] * 3
        assert not any(future.cancelled() for future in futures)


def test_a_call_in_a_thread_that_runs_for_too_long_fails_and_is_asked_to_stop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stopped = threading.Event()

    def work(number: int) -> None:
        task = interlock.current_task()
        while task is not None and not task.cancelled:
            time.sleep(0.001)  # sleep: it works until it is asked to stop
        stopped.set()

    with interlock.Executor("threads", 1) as executor:
        error = executor.at(timeout=0.01).submit(work, 7).exception()
        assert type(error) is interlock.TaskTimeoutError, error
        assert "work(7) ran for longer than its timeout" in str(error)
        assert stopped.wait(60)
        errors = executor.map(work, (8, 9), task_timeout=0.01, return_exceptions=True, buffersize=1)
        assert [type(error) for error in errors] == [interlock.TaskTimeoutError] * 2
        assert executor.submit(double, 1).result() == 2
    assert executor.stats().failed == 3
    assert not caplog.records


@pytest.mark.parametrize("make", [ProcessPoolExecutor, interlock.Executor, Pool])
def test_settings_that_mean_nothing_are_refused_before_anything_starts(make: Any) -> None:
    before = set(multiprocessing.active_children())  # of other tests
    given: dict[str, Any] = {"kind": "processes"} if make is interlock.Executor else {}
    for settings, kind, words in [
        ({"memory_limit": "1G"}, TypeError, "memory_limit must be a number of bytes"),
        ({"memory_limit": 1e9}, TypeError, "memory_limit must be a number of bytes"),
        ({"memory_limit": 0}, ValueError, "memory_limit must be greater than 0"),
        ({"memory_limit": -1}, ValueError, "memory_limit must be greater than 0"),
        ({"retries": 2}, ValueError, "retries are for"),
        ({"retries": 2, "on_worker_death": "break"}, ValueError, "retries are for"),
        ({"retries": -1, "on_worker_death": "retry"}, ValueError, "retries must not be negative"),
        ({"retries": "2", "on_worker_death": "retry"}, TypeError, "retries must be an integer"),
        ({"on_worker_death": "again"}, ValueError, "on_worker_death must be"),
    ]:
        with pytest.raises(kind, match=words):
            make(**given, **settings)
    assert before.issuperset(multiprocessing.active_children())


def test_an_executor_stops_no_call_of_another_one() -> None:
    with ProcessPoolExecutor(1) as one, ProcessPoolExecutor(1) as other:
        future = one.submit(nap, 600)
        waits = one.after(future).submit(nap, 0)
        with ThreadPoolExecutor(1) as threads:
            for foreign in (future, waits, threads.submit(nap, 0.1)):
                with pytest.raises(ValueError, match="is not a call of this executor"):
                    other.stop(foreign)
        assert not future.done()
        assert one.stop(waits)
        assert one.stop(future)


def test_the_kind_is_chosen() -> None:
    threads_compute = not getattr(sys, "_is_gil_enabled", lambda: True)()
    with interlock.Executor() as executor:
        assert isinstance(executor, ThreadPoolExecutor if threads_compute else ProcessPoolExecutor)
    with interlock.Executor("threads") as executor:
        assert isinstance(executor, ThreadPoolExecutor)
    with pytest.raises(TypeError, match="memory_limit"):
        interlock.Executor("threads", memory_limit=1 << 30)
    with pytest.raises(ValueError, match="'fibres'"):
        interlock.Executor("fibres")  # type: ignore[arg-type]


def test_equal_settings_of_other_types_have_warm_workers_of_their_own() -> None:
    same = [
        (1,),
        (True,),
        (1.0,),
        (0.0,),
        (-0.0,),
        ((1,),),
        ((True,),),
        (frozenset([1]),),
        (frozenset([1.0]),),
    ]
    executors = [interlock.Executor("threads", 1, warm=True, initializer=nothing, initargs=it) for it in same]
    assert len({*map(id, executors)}) == len(same)
    again = interlock.Executor("threads", 1, warm=True, initializer=nothing, initargs=((True,),))
    assert again is executors[6]
    pools = [Pool(1, nothing, it, warm=True) for it in same[:3]]
    assert len({pool.apply(os.getpid) for pool in pools}) == 3
    for pool in pools:
        pool.terminate()


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_warm_executor_is_shared_and_stays(kind: str, tmp_path: Path) -> None:
    program = f"""
        import os
        import interlock

        def main():
            with interlock.Executor({kind!r}, 1, warm=True) as executor:
                first = executor.submit(os.getpid)
            assert first.done()
            with interlock.Executor({kind!r}, 1, warm=True) as again:
                assert again is executor
                assert again.submit(os.getpid).result() == first.result()
            with interlock.Executor({kind!r}, 2, warm=True) as other:
                assert other is not executor
            try:
                executor.shutdown(cancel_futures=True)
            except ValueError:
                pass
            if {kind!r} == "processes":
                executor.kill_workers()
                new = interlock.Executor({kind!r}, 1, warm=True)
                assert new is not executor and new.submit(os.getpid).result() != first.result()
            print(executor.submit is not None and first.result())

        if __name__ == "__main__":
            main()
    """
    path = tmp_path / "program.py"
    path.write_text(dedent(program), encoding="utf-8")
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    if kind == "processes":
        assert not Path(f"/proc/{done.stdout.strip()}").exists()


def test_the_standard_wait_takes_futures_whose_calls_end_meanwhile(run: Run, method: str) -> None:
    program = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
import concurrent.futures._base as standard
import interlock._originals, sys

def main():
    with ProcessPoolExecutor(2, multiprocessing.get_context(METHOD)) as pool:
        for _ in range(20):
            futures = [pool.submit(abs, -n) for n in range(200)]
            for future in futures:
                with future._condition:  # materializes it, while its call runs, ends or has ended
                    future._state
            assert [future.result() for future in futures] == [*range(200)]
"""
    out = run(program, method)
    assert "Error" not in out


@pytest.mark.parametrize("policy", ["fail-task", "retry"])
def test_a_storm_of_kills_costs_what_ran(policy: str) -> None:
    program = f"""if 1:
        from tests.processes.storm import storm
        print(storm(7, "fork", {policy!r}, 1500))
    """
    root = Path(storm.__file__).parents[2]
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    calls, kills, *_ = done.stdout.split(", ")
    assert calls == "1500 calls"
    assert int(kills.split()[0]) > 0


@pytest.mark.parametrize("case", ["held", "callbacks", "recycled"])
def test_a_bounded_executor_whose_own_thread_submits_does_not_wait_for_itself(
    tmp_path: Path, case: str
) -> None:
    program = """
        import os, sys
        from interlock.concurrent.futures import ProcessPoolExecutor, wait

        def give(n):
            return n

        def die():
            os._exit(1)

        if __name__ == "__main__":
            case = sys.argv[1]
            more = {"max_tasks_per_child": 1} if case == "recycled" else {}
            executor = ProcessPoolExecutor(1, max_pending=1, **more)
            if case == "callbacks":
                again = []
                first = executor.submit(die)
                for n in range(5):
                    first.add_done_callback(lambda _, n=n: again.append(executor.submit(give, n)))
                assert first.exception(60) is not None
                executor.submit(give, 0).result(60)
                while len(again) < 5:
                    executor.submit(give, 0).result(60)
                calls = again
            else:
                first = executor.submit(give, 0)
                calls = [executor.after(first).submit(give, n) for n in range(5)]
                if case == "held":
                    executor.submit(die).exception(60)
            assert [call.result(60) for call in calls] == [*range(5)]
            executor.shutdown()
            print("done")
    """
    path = tmp_path / "program.py"
    path.write_text(dedent(program), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, path, case], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
