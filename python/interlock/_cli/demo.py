"""``interlock demo``: runs ordinary programs on plain Python and on Interlock in turn.

The programs are the scripts in ``interlock/demos``. They import only the standard library. The demo runs them
unmodified, each time in a process of its own, alternating between plain Python and Interlock. A script prints its
result on standard output and, as JSON on standard error, the seconds that its work took, without the start of the
interpreter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any

__all__ = ["DEMOS", "add_parser", "main"]

DEMOS = Path(__file__).absolute().parent.parent / "demos"
"""The folder of the programs."""

_ROOT = Path(__file__).absolute().parent.parent.parent  # the folder to put on sys.path to import this package
_WAYS = {"plain": [], "interlock": ["-m", "interlock", "run"]}


class DemoError(Exception):
    """A run failed, took too long, or had a different result."""


class Run:
    """One run of one program: its output, the seconds of its work and those of the whole process."""

    def __init__(self, result: str, work: float, process: float) -> None:
        self.result, self.work, self.process = result, work, process


def add_parser(commands: Any) -> None:
    """Add the command ``demo`` to the command line's parser."""
    parser = commands.add_parser("demo", help="compare plain Python with Interlock on sample programs")
    parser.add_argument(
        "names", nargs="*", metavar="PROGRAM", help=f"any of {', '.join(_names())}; default all"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="runs of each program each way (3)"
    )
    parser.add_argument("--scale", type=float, default=1.0, metavar="X", help="size of the work (1.0)")
    parser.add_argument(
        "--timeout", type=float, default=120, metavar="SECONDS", help="limit for one run (120)"
    )
    parser.add_argument("--json", action="store_true", help="print every run as JSON instead of a table")
    parser.set_defaults(command=main)


def main(options: argparse.Namespace) -> int:
    """Run the programs and print the table. Return 0 if all results agree, 1 if not, 2 for a wrong argument.

    Blocks until the last program has ended; each run has a time limit.
    """
    names = options.names or _names()
    unknown = [name for name in names if name not in _names()]
    if unknown or options.rounds < 1:
        problem = f"no program {unknown[0]!r}" if unknown else "--rounds must be at least 1"
        print(f"interlock demo: {problem}; there are {', '.join(_names())}", file=sys.stderr)
        return 2
    rows = []
    for name in names:
        try:
            rows.append(_row(name, _measure(name, options)))
        except DemoError as error:
            print(f"interlock demo: {error}", file=sys.stderr)
            return 1
    print(json.dumps(rows, indent=1) if options.json else _table(rows))
    return 0


def _names() -> list[str]:
    return sorted(path.stem for path in DEMOS.glob("*.py"))


def _measure(name: str, options: argparse.Namespace) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {way: [] for way in _WAYS}
    for turn in range(options.rounds):
        for way, way_runs in runs.items():
            if not options.json and sys.stderr.isatty():
                print(f"\r\033[K{name}: round {turn + 1}, {way}", end="", file=sys.stderr, flush=True)
            way_runs.append(_run(name, way, options))
    if not options.json and sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    results = {run.result for way in runs.values() for run in way}
    if len(results) != 1:
        raise DemoError(f"{name}: the results differ: {' / '.join(sorted(results))}")
    return runs


def _run(name: str, way: str, options: argparse.Namespace) -> Run:
    command = [sys.executable, *_WAYS[way], str(DEMOS / f"{name}.py"), str(options.scale)]
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path}
    environment.pop("INTERLOCK", None)
    started = time.perf_counter()
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=options.timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise DemoError(f"{name}, {way}: not done after {options.timeout:g} s") from None
    seconds = time.perf_counter() - started
    try:
        work = json.loads(done.stderr.splitlines()[-1])["work_seconds"]
    except (IndexError, KeyError, TypeError, ValueError):
        work = None
    if done.returncode or work is None:
        raise DemoError(f"{name}, {way}: exit status {done.returncode}\n{done.stderr}")
    return Run(done.stdout.strip(), work, seconds)


def _row(name: str, runs: dict[str, list[Run]]) -> dict[str, Any]:
    row: dict[str, Any] = {"program": name, "result": runs["plain"][0].result}
    for way, way_runs in runs.items():
        row[way] = {
            "work_seconds": [run.work for run in way_runs],
            "process_seconds": [run.process for run in way_runs],
            "median_work_seconds": median(run.work for run in way_runs),
        }
    row["ratio"] = row["plain"]["median_work_seconds"] / row["interlock"]["median_work_seconds"]
    return row


def _table(rows: Sequence[dict[str, Any]]) -> str:
    cells = [("program", "plain", "interlock", "ratio", "result (the same in all runs)")]
    for row in rows:
        plain, ours = (row[way]["median_work_seconds"] for way in _WAYS)
        cells.append(
            (row["program"], f"{plain:.3f} s", f"{ours:.3f} s", f"{row['ratio']:.2f} x", row["result"])
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *numbers, last in cells:
        middle = "  ".join(cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True))
        lines.append(f"{first.ljust(widths[0])}  {middle}  {last}")
    lines.insert(1, "-" * max(map(len, lines)))
    lines.append("median seconds of work; ratio: how many times as fast as plain Python")
    return "\n".join(lines)
