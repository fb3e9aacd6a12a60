"""Time limits hold in a program that has stopped Python's clock in all modules, as tools for tests do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.programs import run

PROGRAM = """
    import subprocess, time
    from multiprocessing import TimeoutError as TooLate
    import interlock.multiprocessing.pool, interlock.concurrent.futures.process, interlock.subprocess

    Pool = context.Pool if {form!r} == "install" else interlock.multiprocessing.Pool
    Executor = interlock.concurrent.futures.ProcessPoolExecutor
    commands = subprocess if {form!r} == "install" else interlock.subprocess

    def stop_the_clock():
        clock, stopped = time.monotonic, lambda: 1000.0
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] == "interlock":
                for attribute, value in list(vars(module).items()):
                    if value is clock:
                        setattr(module, attribute, stopped)
        time.monotonic = stopped

    def raised(kind, call, *args, **kwargs):
        try:
            call(*args, **kwargs)
        except kind:
            return True

    def main():
        with Pool(1) as pool, Executor(1, context) as executor:
            pool.apply(abs, (-1,))
            executor.submit(abs, -1).result()
            stop_the_clock()
            go = context.Event()
            assert raised(TooLate, pool.imap(time.sleep, [3600]).next, timeout=0.1)
            assert raised(TooLate, pool.apply_async(abs, (1,)).get, timeout=0.1)
            results = executor.map(time.sleep, [0.5], timeout=0.1)
            assert raised(TimeoutError, next, results)
            assert raised(commands.TimeoutExpired, commands.run, ["sleep", "3600"], capture_output=True, timeout=0.1)
            one, = interlock.subprocess.run_many([["sleep", "3600"]], timeout=0.1)
            assert one.returncode == -9, one
        print("done")
"""


@pytest.mark.parametrize("form", ["import", "install"])
def test_time_limits_end_waits_though_the_clock_of_python_stands_still(tmp_path: Path, form: str) -> None:
    assert run(tmp_path, PROGRAM.format(form=form), form, "fork") == "done\n"
