"""The same tests on one processor, where a thread that spins until another one runs would wait for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ON_ONE_CORE = """
import os, sys
cores = sorted(os.sched_getaffinity(0))
os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})  # so that runs beside each other do not share one
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


LIMIT = 1200.0


@pytest.mark.timeout(LIMIT + 20)
@pytest.mark.parametrize("name", ["flow", "materializing", "locks", "meetings", "async", "futures"])
def test_one_core_is_enough(name: str) -> None:
    items = int(os.environ.get("INTERLOCK_STRESS", "100000"))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            ON_ONE_CORE,
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            f"tests/stress/test_{name}.py",
        ],
        cwd=ROOT,
        env={**os.environ, "INTERLOCK_STRESS": str(items // 4)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
