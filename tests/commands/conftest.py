"""The forms in which a program has `subprocess`: the standard module, ours by name, and ours installed."""

from __future__ import annotations

import gc
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import interlock
import pytest

LIMIT = 60
IS_LONG = os.environ.get("INTERLOCK_LIMITS") == "1"


@contextmanager
def module_of(form: str) -> Iterator[Any]:
    """Have `subprocess` in a form."""
    if form == "import":
        from interlock import subprocess as ours

        yield ours
    elif form == "install":
        with interlock.install(only={"subprocess"}):
            yield subprocess
    else:
        yield subprocess


@pytest.fixture(params=["standard", "import", "install"])
def commands(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return each form in turn, for what is the same in all of them."""
    with module_of(request.param) as module:
        yield module


@pytest.fixture(params=["import", "install"])
def ours(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return each form of ours, for what is more than the standard module has."""
    with module_of(request.param) as module:
        yield module


def counts() -> tuple[int, int]:
    """How many descriptors this process has open, and how many children that nobody has waited for."""
    gc.collect()
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        children = file.read().split()
    return len(os.listdir("/proc/self/fd")), len(children)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)  # sleep: a look every now and then, with a limit


def guards_of(pid: int) -> list[int]:
    """Return the guards of a program that has trees: each has a descriptor of the program's process."""
    found = []
    for guard in map(int, filter(str.isdecimal, os.listdir("/proc"))):
        with suppress(OSError, ValueError):
            words = Path(f"/proc/{guard}/cmdline").read_text().split("\0")
            at = [word.endswith("/_guard.py") for word in words].index(True)
            if f"Pid:\t{pid}\n" in Path(f"/proc/{guard}/fdinfo/{words[at + 1]}").read_text():
                found.append(guard)
    return found
