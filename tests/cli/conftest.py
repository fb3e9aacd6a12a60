"""Runs a command line with plain Python and with ``interlock run``, in the same folder and environment."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

LIMIT = 200.0


class Done(NamedTuple):
    """How a process ended; a negative status is the signal that killed it."""

    status: int
    out: str
    err: str


class Launcher:
    """A folder with a program's files, and the two ways to run it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str) -> Path:
        """Write a file of the program."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def run(
        self,
        *arguments: str,
        stdin: str = "",
        env: dict[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> Done:
        """Run ``python OPTIONS ARGUMENTS`` in the folder."""
        environment = {k: v for k, v in os.environ.items() if k != "INTERLOCK"} | (env or {})
        done = subprocess.run(
            [sys.executable, *options, *arguments],
            cwd=self.folder,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def interlock(self, *arguments: str, **how: object) -> Done:
        """Run ``python -m interlock ARGUMENTS`` in the folder."""
        return self.run("-m", "interlock", *arguments, **how)  # type: ignore[arg-type]

    def same(self, *arguments: str, **how: object) -> Done:
        """Run it both ways, check that status and output are equal, and return them."""
        plain = self.run(*arguments, **how)  # type: ignore[arg-type]
        ours = self.interlock("run", *arguments, **how)
        assert ours == plain
        return ours


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    """Return a launcher in an empty folder."""
    return Launcher(tmp_path)


@pytest.fixture
def at_prompt() -> Callable[[Sequence[str], Path], subprocess.Popen[str]]:
    """Start a process and leave it running; the test ends it."""

    def start(arguments: Sequence[str], folder: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
