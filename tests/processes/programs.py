"""Runs programs that start processes, in both forms and with every start method.

A program gets `context`, the context of its start method, and `Process`, the class of processes to use. Its main module
is imported by children, so what it does stands in `main()`.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

LIMIT = 1800.0 if os.environ.get("INTERLOCK_LIMITS") == "1" else 200.0
IS_AT_AN_END = sys.version_info[:2] in {(3, 11), (3, 15)}
"""The oldest and the newest version run all; those in between are the same but for the interpreter, and run less."""

FORMS = ("import", "install") if IS_AT_AN_END else ("install",)
METHODS = multiprocessing.get_all_start_methods()[: None if IS_AT_AN_END else 1]
"""The start methods to run, the default one first."""

ALL_WAYS = os.environ.get("INTERLOCK_ALL_WAYS") == "1"
"""Whether the oldest and the newest version run each form by each start method, not only the pairs of `is_run`."""


def is_run(form: str, method: str) -> bool:
    """Whether a program is run in this form, by this start method.

    Both forms are run by the default method; by the others, imports are run on the oldest version, and the installation
    on the newest. (`tests/install/test_install_children.py` installs by each method, on every version.)
    """
    only = "import" if sys.version_info[:2] == (3, 11) else "install"
    return ALL_WAYS or method == METHODS[0] or form == only


_HEAD = """\
import os, select, signal, sys
import interlock
if {form!r} == "install" and __name__ == "__main__":
    interlock.install()
import multiprocessing
from multiprocessing import connection, parent_process, current_process
context = multiprocessing.get_context({method!r})
Process = context.Process
if {form!r} == "import":
    from interlock.multiprocessing import _processes
    Process = getattr(_processes, Process.__name__)

def ended(descriptor, seconds=60):
    return bool(select.select([descriptor], [], [], seconds)[0])
"""

_END = """
if __name__ == "__main__":
    main()
"""


def write(folder: Path, program: str, form: str, method: str) -> list[str]:
    """Write a program, and return the command line that runs it."""
    path = folder / "program.py"
    path.write_text(_HEAD.format(form=form, method=method) + dedent(program) + _END, encoding="utf-8")
    return [sys.executable, str(path)]


def run(folder: Path, program: str, form: str, method: str) -> str:
    """Run a program, check that it succeeds, and return what it has printed."""
    done = subprocess.run(
        write(folder, program, form, method),
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "INTERLOCK"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr
