"""Commands: `subprocess` beside Interlock's."""

from __future__ import annotations

import importlib
import os
import signal
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat
from typing import Any

from case import Body, Case, Probe
from namespaces import Namespace

SIZE = 100 << 20
WRITES = "import os\nblock = memoryview(bytes(1 << 20))\nfor _ in range(100):\n    sent = 0\n"
WRITES += "    while sent < 1 << 20:\n        sent += os.write(1, block[sent:])"
PRINTS = [sys.executable, "-I", "-S", "-c", WRITES]


def module(ns: Namespace) -> Any:
    """Return `subprocess` of a namespace."""
    return importlib.import_module("subprocess" if ns.name == "std" else f"{ns.name}.subprocess")


def runs(command: list[str], how: dict[str, Any], ns: Namespace) -> Body:
    """``run(command)``: a command is one operation."""
    run = module(ns).run

    def body(n: int) -> None:
        for _ in repeat(None, n):
            run(command, **how)

    return body


def fed(ns: Namespace) -> Body:
    """``run(["cat"], input=…)``: 100 MiB in and out are one operation."""
    return runs(["cat"], {"input": bytes(SIZE), "capture_output": True}, ns)


def many(ns: Namespace) -> Body:
    """``true``, on two workers: a command is one operation."""
    commands = module(ns)

    def on_threads(n: int) -> None:
        with ThreadPoolExecutor(2) as executor:
            for _ in executor.map(commands.run, repeat(["true"], n)):
                pass

    return on_threads if ns.name == "std" else lambda n: commands.run_many(repeat(["true"], n), max_workers=2)


def delay(ns: Namespace, quick: bool) -> float:
    """The delay between the death of a process and the return of ``wait(timeout=10)``, in microseconds: the median."""
    commands = module(ns)
    delays = []
    for _ in range(5 if quick else 41):
        process = commands.Popen(["sleep", "100"])
        killed: list[float] = []

        def kill(pid: int = process.pid, killed: list[float] = killed) -> None:
            killed.append(time.perf_counter())
            os.kill(pid, signal.SIGKILL)

        threading.Timer(0.2, kill).start()
        process.wait(timeout=10)
        delays.append((time.perf_counter() - killed[0]) * 1e6)
    return statistics.median(delays)


CASES: tuple[Case | Probe, ...] = (
    Case("command-run", 'run(["true"])', 1.0, partial(runs, ["true"], {})),
    Case(
        "command-captured",
        'run(["true"], capture_output=True)',
        1.0,
        partial(runs, ["true"], {"capture_output": True}),
    ),
    Case(
        "command-100mb",
        "run(), 100 MiB of output, capture_output",
        2.0,
        partial(runs, PRINTS, {"capture_output": True}),
    ),
    Case(
        "command-100mb-one",
        "run(), 100 MiB of output, stdout=PIPE only",
        1.5,
        partial(runs, PRINTS, {"stdout": -1}),
    ),
    Case(
        "command-100mb-text",
        "run(), 100 MiB of output as text, capture_output",
        1.5,
        partial(runs, PRINTS, {"capture_output": True, "encoding": "utf-8"}),
    ),
    Case("command-cat", "run(cat), 100 MiB in and out", 2.0, fed),
    Case(
        "command-many", "run_many, 2 workers, beside ThreadPoolExecutor(2) of run, each", 1.0, many, least=200
    ),
    Probe("command-wait", "wait(timeout=10), delay after the end", 1000, delay, "µs", "at most", rounds=3),
)
