"""The forms in which a program has `subprocess`: the standard module, ours by name, and ours installed."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import interlock
import pytest

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
