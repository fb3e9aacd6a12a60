"""Ctrl-C in programs with executors: it ends the program, and all workers, whatever these have to do."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.processes.programs import FORMS, METHODS

LIMIT = 60.0

_PROGRAM = """
    import asyncio, os, threading, time
    import interlock
    if {form!r} == "install":
        interlock.install()
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
    else:
        from interlock import multiprocessing
        from interlock.concurrent.futures import ProcessPoolExecutor

    def tell():
        os.write(1, b"%d\\n" % os.getpid())
        time.sleep(1000)

    def submit(pool):
        return [pool.submit(tell) for _ in range(8)]

    async def gather(pool):
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(pool, tell) for _ in range(8)))

    async def in_a_coroutine(context):
        with ProcessPoolExecutor(2, context) as pool:
            await gather(pool)

    def main(where, context):
        global pools
        if where == "at the end":
            pools = [ProcessPoolExecutor(1, context) for _ in range(2)]
            for pool in pools:
                submit(pool)
        elif where == "in a coroutine":
            asyncio.run(in_a_coroutine(context))
        elif where == "in a block":
            with ProcessPoolExecutor(2, context) as pool:
                submit(pool)[0].result()
        elif where == "after a block":
            with ProcessPoolExecutor(2, context) as pool:
                submit(pool)
        else:
            with interlock.Executor("processes", 2, warm=True, mp_context=context) as pool:
                submit(pool)[0].result()

    if __name__ == "__main__":
        main({where!r}, multiprocessing.get_context({method!r}))
"""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("where", ["at the end", "in a coroutine", "in a block", "after a block", "warm"])
def test_ctrl_c_ends_all_workers_with_one_traceback(
    tmp_path: Path, form: str, method: str, where: str
) -> None:
    path = tmp_path / "program.py"
    program = _PROGRAM.format(form=form, method=method, where=where)
    path.write_text(textwrap.dedent(program), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=tmp_path,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        try:
            workers = [os.pidfd_open(int(parent.stdout.readline())) for _ in range(2)]
            _await_sleep(parent.pid)
            os.killpg(parent.pid, signal.SIGINT)
            for worker in workers:
                ended = select.select([worker], [], [], LIMIT)[0]
                os.close(worker)
                assert ended, "a worker lives on"
            shown = parent.communicate(timeout=LIMIT)[1]
        finally:
            parent.kill()  # if it lives on, so do its workers
    assert shown.count("Traceback (most recent call last)") - shown.count("During handling") == 1, shown
    assert shown.rstrip().rstrip(": ").endswith("KeyboardInterrupt"), shown


def _await_sleep(pid: int) -> None:
    """Wait until the main thread of a process has slept for a while: it waits for its executor."""
    seen, end = 0, time.monotonic() + LIMIT
    while seen < 20:
        assert time.monotonic() < end, "the program does not wait"
        time.sleep(0.01)  # sleep: between two looks
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            seen = seen + 1 if file.read().rpartition(")")[2].split()[0] == "S" else 0
