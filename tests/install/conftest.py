"""Runs each test of an installation in a new interpreter, because pytest has already imported the original names."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

LIMIT = 200.0

Check = Callable[..., str]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Run a script with `python`, check that it succeeds, and return its output.

    Keywords give other files of the script's folder (``app="from threading import Lock"``; a slash in the name
    makes a folder), `env` gives variables of the environment, and `limit` seconds are a script's longest time.
    """

    def run(script: str, *, env: dict[str, str] | None = None, limit: float = LIMIT, **files: str) -> str:
        for name, text in {**files, "script": script}.items():
            path = tmp_path / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        environment = {**os.environ, **(env or {})}
        if "INTERLOCK" not in (env or {}):
            environment.pop("INTERLOCK", None)
        done = subprocess.run(
            [sys.executable, str(tmp_path / "script.py")],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run
