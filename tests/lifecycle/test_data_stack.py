"""Calls from the last frame of a chunk of the interpreter's data stack map no memory, wherever that frame is."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import threading

CALLS = 1000
# Its frame is large, so it does not fit into the rest of a chunk at several depths.
exec(f"def leaf({', '.join(f'v{n}=0' for n in range(100))}): pass")

def at(depth):
    if depth:
        return at(depth - 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(CALLS):
        leaf()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

at(400)
print(max(at(depth) for depth in range(400)))
"""


def most_faults(*how: str) -> int:
    """Return the most page faults that a thousand calls cost, of all depths at which they are made."""
    done = subprocess.run(
        [sys.executable, *how, "-c", PROGRAM], capture_output=True, text=True, timeout=100, check=True
    )
    return int(done.stdout)


def test_no_call_maps_memory_again() -> None:
    assert most_faults("-m", "interlock", "run") < 100


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="from 3.14 on, the interpreter keeps a chunk itself")
def test_a_plain_interpreter_maps_it_at_each_call_from_some_depths() -> None:
    assert most_faults() >= 1000
