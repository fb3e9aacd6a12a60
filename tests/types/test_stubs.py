"""Typed programs pass with the stubs. (That these say what is there, `make lint` asks.)"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = Path(__file__).with_name("sample.py")

needs_mypy = pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")


def run(*arguments: str) -> str:
    """The output of Python with these arguments, if it fails."""
    env = {**os.environ, "MYPYPATH": str(ROOT / "python")}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=250)
    return done.stdout + done.stderr if done.returncode else ""


def check(program: Path, cache: Path) -> str:
    return run("-m", "mypy", "--strict", "--no-error-summary", f"--cache-dir={cache}", str(program))


@needs_mypy
def test_a_typed_program_passes(tmp_path: Path) -> None:
    assert not check(SAMPLE, tmp_path)


@needs_mypy
def test_a_wrong_program_does_not_pass(tmp_path: Path) -> None:
    wrong = {
        "queue.Queue[int]().put('one')": "arg-type",
        "queue.Queue[int]().put_many(['one'])": "list-item",
        "word: str = queue.SimpleQueue[int]().get()": "assignment",
        "queue.PriorityQueue[object]()": "type-var",
        "threading.Barrier()": "call-arg",
        "threading.Condition(1)": "arg-type",
        "threading.no_such_name": "attr-defined",
        "pool = futures.ThreadPoolExecutor(max_pending='many')": "arg-type",
        "pool.submit(len, 1)": "arg-type",
        "name: str = pool.submit(len, 'name').result()": "assignment",
        "pool.at(deadline=1)": "call-arg",
        "pool.at(priority=1).submit(len)": "call-arg",
        "pool.after(1)": "arg-type",
        "interlock.current_task().cancelled": "union-attr",
    }
    program = tmp_path / "wrong.py"
    imports = (
        "import interlock; from interlock import queue, threading; from interlock.concurrent import futures"
    )
    program.write_text("\n".join([imports, *wrong]))
    complaints = check(program, tmp_path).splitlines()
    for number, (line, code) in enumerate(wrong.items(), start=2):
        found = [said for said in complaints if f"wrong.py:{number}: error:" in said]
        assert any(said.endswith(f"[{code}]") for said in found), (line, complaints)


def test_the_sample_runs() -> None:
    assert not run("-W", "error", str(SAMPLE))


def test_signatures_can_be_read() -> None:
    """Those of the classes, too, which have constructors that take anything (see `__new__` in the engine's module)."""
    read = "import inspect; from interlock import queue as q, threading as t; "
    wanted = {
        "t.Barrier": "(parties, action=None, timeout=None)",
        "t.BoundedSemaphore": "(value=1)",
        "t.Condition": "(lock=None)",
        "t.Semaphore": "(value=1)",
    }
    for name, signature in wanted.items():
        assert not run(
            "-c", f"{read}assert str(inspect.signature({name})) == {signature!r}, inspect.signature({name})"
        )
