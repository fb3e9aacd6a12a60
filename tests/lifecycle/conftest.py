"""Runs the body of a test in a process of its own, with a limit."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 200.0


class Done(NamedTuple):
    """How a process ended; a negative status is the signal that killed it."""

    status: int
    out: str
    err: str


Start = Callable[..., "subprocess.Popen[str]"]
Run = Callable[..., Done]

HEAD = """
import atexit, gc, os, signal, sys, threading as std, time, weakref
from interlock import queue, threading
from tests.lifecycle.inside import Crew, blocked, eventually, forked, reap, until_blocked
"""


def start_child(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a script that begins with `HEAD`."""
    command = [sys.executable, "-X", "faulthandler", "-W", "ignore::DeprecationWarning", "-c"]
    environment = {name: value for name, value in os.environ.items() if name != "INTERLOCK"}
    return subprocess.Popen(
        [*command, HEAD + textwrap.dedent(script), *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish_child(process: subprocess.Popen[str], limit: float = LIMIT) -> Done:
    """Wait for a child; if it hangs, make it print its stacks and end it."""
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # faulthandler prints the stacks
        try:
            out, err = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate(timeout=20)
        err = f"HANGS for {limit} s\n{err}"
    return Done(process.returncode, out, err)


@pytest.fixture
def few_objects() -> Iterator[None]:
    """Let the collector see only the test's objects, and run only when the test says so."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.fixture
def start() -> Start:
    """Start a script as a child process; the test finishes it."""
    return start_child


@pytest.fixture
def run() -> Run:
    """Run a script as a child process and return how it ended."""

    def run_child(script: str, *arguments: str, limit: float = LIMIT) -> Done:
        return finish_child(start_child(script, *arguments), limit)

    return run_child


@pytest.fixture
def passes(run: Run) -> Callable[..., None]:
    """Run a script and check that its status is 0, stderr is empty, and stdout is `says`."""

    def check(script: str, *arguments: str, says: str = "", limit: float = LIMIT) -> None:
        done = run(script, *arguments, limit=limit)
        assert (done.status, done.out.strip(), done.err) == (0, says, ""), f"{done.err}\n{done.out}"

    return check
