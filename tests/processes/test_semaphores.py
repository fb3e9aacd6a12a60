"""Permits that travel: taken by one process, given by another one."""

from __future__ import annotations

import pytest

from tests.processes.conftest import Run

ENDS = {
    "returns": "pass",
    "exits": "raise SystemExit(3)",
    "fails": "raise ValueError('as it is to be')",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_process_that_ends_in_order_loses_no_permit_c365(run: Run, method: str, end: str) -> None:
    printed = run(
        f"""
        import multiprocessing

        def take(semaphore):
            for _ in range(5):
                semaphore.acquire()
            {ENDS[end]}

        def main():
            ctx = multiprocessing.get_context(METHOD)
            semaphore = ctx.Semaphore(5)
            for _ in range(2):
                process = ctx.Process(target=take, args=(semaphore,))
                process.start()
                process.join()
                for _ in range(5):
                    semaphore.release()
            assert [semaphore.acquire(timeout=0.01) for _ in range(6)] == [True] * 5 + [False]
            assert semaphore.lost_permits == 0
        """,
        method,
    )
    assert "OwnerDiedWarning" not in printed


def test_so_does_the_child_of_a_fork_and_one_that_makes_the_semaphore_c365(run: Run) -> None:
    printed = run(
        """
        import multiprocessing
        import os
        import sys

        def take(semaphore):
            semaphore.acquire()

        def middle(queue):
            semaphore = multiprocessing.Semaphore(1)
            process = multiprocessing.get_context("fork").Process(target=take, args=(semaphore,))
            process.start()
            process.join()
            queue.put((semaphore.lost_permits, semaphore.acquire(timeout=0.01)))

        def main():
            ctx, queue = multiprocessing.get_context("fork"), multiprocessing.Queue()
            process = ctx.Process(target=middle, args=(queue,))
            process.start()
            assert queue.get(timeout=60) == (0, False)
            process.join()
            semaphore = ctx.Semaphore(1)
            pid = os.fork()
            if pid == 0:
                semaphore.acquire()
                sys.exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            assert semaphore.lost_permits == 0 and not semaphore.acquire(timeout=0.01)
        """
    )
    assert "OwnerDiedWarning" not in printed


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_one_that_is_killed_loses_what_it_took_and_the_next_that_waits_is_warned(
    run: Run, method: str, end: str
) -> None:
    printed = run(
        f"""
        import multiprocessing
        import os
        import signal

        def take(semaphore):
            semaphore.acquire()
            semaphore.acquire()
            {end}

        def main():
            ctx = multiprocessing.get_context(METHOD)
            semaphore = ctx.Semaphore(2)
            process = ctx.Process(target=take, args=(semaphore,))
            process.start()
            process.join()
            assert semaphore.lost_permits == 2 and not semaphore.acquire(timeout=0.01)
        """,
        method,
    )
    assert (
        "OwnerDiedWarning: permits of this semaphore were lost with processes that died: 2 in all" in printed
    )
