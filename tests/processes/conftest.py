"""Programs of several processes, run in both forms, by each start method.

A test's program is a file of its own: children of `spawn` import it. It has the lines `import multiprocessing` and
`from multiprocessing…` or `from concurrent…`; the import form has `from interlock import multiprocessing` and
`from interlock.…` there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes.programs import FORMS, METHODS, is_run

LIMIT = 90.0

Run = Callable[..., str]

_QUIET = (
    "-W",
    "ignore:Module globals is missing a __spec__.loader",
    "-W",
    "ignore:This process (pid=:DeprecationWarning",
)
"""The standard library's own child of `spawn` has the first one on 3.15 when a traceback is printed there. The second
one is about forks beside threads: it comes by chance, as the kernel may count a thread that was joined already."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the forms of a program that this version runs by its default start method only."""
    left_out = [item for item in items if not _is_run(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _is_run(item: pytest.Item) -> bool:
    given = getattr(getattr(item, "callspec", None), "params", {})
    form, method = given.get("run", given.get("form")), given.get("method")
    return form not in FORMS or method not in METHODS or is_run(form, method)


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    """Return each start method in turn."""
    return str(request.param)


@pytest.fixture(params=FORMS)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Run a program in one of the forms, check that it succeeds, and return what it printed.

    `METHOD` in the program stands for the `method` that is given. It defines `main()`, which the parent alone calls.
    """
    form = str(request.param)

    def run_program(program: str, method: str = "fork") -> str:
        text = textwrap.dedent(program).replace("METHOD", repr(method))
        if form == "import":
            text = re.sub(
                r"^import multiprocessing$", "from interlock import multiprocessing", text, flags=re.M
            )
            text = re.sub(r"^from (multiprocessing|concurrent)", r"from interlock.\1", text, flags=re.M)
        path = tmp_path / "program.py"
        path.write_text(f"{text}\nif __name__ == '__main__':\n    main()\n", encoding="utf-8")
        ways = {"import": [], "install": ["-m", "interlock", "run"]}
        done = subprocess.run(
            [sys.executable, "-W", "always", *_QUIET, *ways[form], str(path)],
            cwd=tmp_path,
            env={**os.environ, "INTERLOCK": "1"},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run_program
