"""Programs as people write them: each has the same output and ending on plain Python and with `interlock run`.

Whole applications (``app_*.py``) have it also when they import Interlock's modules by name. Plain Python decides what
is right. Where Interlock differs on purpose, for the better, ``NAME.expected`` beside the program contains the output.
The comparison ignores addresses. The output of the programs does not depend on the order of threads.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

MODULE = "threading|queue|multiprocessing|subprocess|concurrent"
PROGRAMS = sorted((Path(__file__).resolve().parent / "programs").glob("*.py"))
LIMIT = 200.0


class Ended(NamedTuple):
    """How a program ended, and what it printed."""

    status: int | str
    out: str
    err: str


def run(program: Path, *launcher: str) -> Ended:
    """Run a program in a session of its own, so that processes it starts can't outlive the test unnoticed."""
    environment = {name: value for name, value in os.environ.items() if name != "INTERLOCK"}
    try:
        done = subprocess.run(
            [sys.executable, *launcher, str(program)],
            env={**environment, "PYTHONUNBUFFERED": "1"},
            cwd=program.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=LIMIT,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return Ended("hangs", str(late.stdout), str(late.stderr))
    return Ended(done.returncode, _without_addresses(done.stdout), done.stderr)


def _without_addresses(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+", "0x", text)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_a_program_computes_the_same(program: Path) -> None:
    expected = program.with_suffix(".expected")
    plain = Ended(0, expected.read_text(encoding="utf-8"), "") if expected.exists() else run(program)
    ours = run(program, "-m", "interlock", "run")
    assert ours[:2] == plain[:2], ours.err or plain.err
    if plain.err == "":
        assert ours.err == ""


def _with_our_imports(program: str) -> str:
    """The text of a program that imports Interlock's modules instead of the standard ones."""
    changed = re.sub(rf"^import ({MODULE})$", r"from interlock import \1", program, flags=re.MULTILINE)
    return re.sub(rf"^from ({MODULE})(?=[. ])", r"from interlock.\1", changed, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "program", [it for it in PROGRAMS if it.stem.startswith("app_")], ids=lambda program: program.stem
)
def test_an_application_that_imports_our_modules_computes_the_same(program: Path, tmp_path: Path) -> None:
    text = program.read_text(encoding="utf-8")
    changed = _with_our_imports(text)
    assert changed != text
    copy = tmp_path / program.name
    copy.write_text(changed, encoding="utf-8")
    plain, ours = run(program), run(copy)
    assert ours[:2] == plain[:2], ours.err or plain.err
    if plain.err == "":
        assert ours.err == ""
