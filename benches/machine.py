"""The machine on which a measurement was taken."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import time
from pathlib import Path


def describe() -> str:
    """Processor, cores in use, system and date, in one line."""
    cores = len(os.sched_getaffinity(0))
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    kernel = platform.release().split("-")[0]
    return f"{processor()}, {cores} cores, {platform.machine()}, Linux {kernel}; {today}"


class Neighbours:
    """How much of the machine other processes use while this one and its children measure."""

    def __init__(self) -> None:
        self._busy, self._own, self._start = _busy_seconds(), _own_seconds(), time.monotonic()

    @property
    def share(self) -> float:
        """The share of all cores that other processes have used since this object was made: 0 to 1."""
        everything = (time.monotonic() - self._start) * (os.cpu_count() or 1)
        others = (_busy_seconds() - self._busy) - (_own_seconds() - self._own)
        return min(1.0, max(0.0, others / everything)) if everything else 0.0

    def __str__(self) -> str:
        return f"other processes used {self.share:.0%} of the machine meanwhile"


def _busy_seconds() -> float:
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def processor() -> str:
    """Return the processor's model name, and whether it is a virtual one, from lscpu."""
    try:
        done = subprocess.run(
            ["lscpu"], capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"}
        )
    except OSError:
        return platform.processor() or "unknown processor"
    facts = dict(line.split(":", 1) for line in done.stdout.splitlines() if ":" in line)
    model = facts.get("Model name", "unknown processor").strip()
    hypervisor = facts.get("Hypervisor vendor", "").strip()
    return f"{model} ({hypervisor} guest)" if hypervisor else model
