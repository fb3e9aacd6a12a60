"""Programs without `if __name__ == "__main__":`, whose children run them again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.processes.programs import FORMS

LIMIT = 90.0

_USES = {
    "executor": """
        executor = ProcessPoolExecutor(1, context)
        print(executor.submit(abs, -3).result())
    """,
    "two calls": """
        executor = ProcessPoolExecutor(2, context)
        futures = [executor.submit(abs, -3) for _ in range(2)]
        print(futures[0].result())
    """,
    "held call": """
        executor = interlock.concurrent.futures.ProcessPoolExecutor(1, context)
        first = interlock.concurrent.futures.Future()
        later = executor.after(first).submit(abs, -3)
        first.set_result(None)
        print(later.result())
    """,
    "caught": """
        executor = ProcessPoolExecutor(1, context)
        try:
            print(executor.submit(abs, -3).result())
        except RuntimeError as error:
            print("refused", "bootstrapping phase" in str(error))
    """,
    "pool": """
        with context.Pool(1) as pool:
            print(pool.apply(abs, (-3,)))
    """,
    "pool, caught": """
        try:
            with context.Pool(1) as pool:
                print(pool.apply(abs, (-3,)))
        except RuntimeError as error:
            print("refused", "bootstrapping phase" in str(error))
    """,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize("use", _USES)
def test_a_program_that_its_children_run_runs_once_in_each_child(
    tmp_path: Path, form: str, method: str, use: str
) -> None:
    head = f"""\
import interlock.concurrent.futures
if {form!r} == "install":
    interlock.install()
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
else:
    from interlock import multiprocessing
    from interlock.concurrent.futures import ProcessPoolExecutor
print("runs", flush=True)
context = multiprocessing.get_context({method!r})
"""
    path = tmp_path / "program.py"
    path.write_text(head + dedent(_USES[use]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, timeout=LIMIT, check=False, cwd=tmp_path
    )
    runs = done.stdout.count("runs")
    # The fork server imports the main module, too. The second worker may have been started before the first one ended.
    most = 2 + (method == "forkserver") + (use == "two calls")
    assert 2 <= runs <= most, done
    if "caught" in use:
        assert "3" in done.stdout.split(), done
        assert "refused True" in done.stdout, done
        assert done.returncode == 0, done
    else:
        assert done.returncode == 1, done
        assert "bootstrapping phase" in done.stderr
