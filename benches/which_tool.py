"""Which tool for which work: does three kinds of work with coroutines, threads and processes, and draws bars.

which_tool.py                              print the bars
which_tool.py --write docs/which_tool.md   and write them into the page
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

import machine
from interpreters import PROJECT
from sections import write_section
from tool_work import DELAY, FAST_CONNECTIONS, NUMBERS, QUESTIONS, SLOW_CONNECTIONS

LIMIT = 120
WIDTH = 40


@dataclass(frozen=True)
class Kind:
    """A kind of work, and the tools to compare: their names in `tool_work`, and on the page."""

    name: str
    title: str
    tools: dict[str, str]


KINDS = (
    Kind(
        "slow",
        f"Slow I/O, many connections: {SLOW_CONNECTIONS:,} connections, an answer on each after {DELAY} ms",
        {
            "async 1": "async",
            f"threads {SLOW_CONNECTIONS}": f"{SLOW_CONNECTIONS:,} threads",
            "threads 32": "32 threads",
            "processes 32": "32 processes",
        },
    ),
    Kind(
        "fast",
        f"Fast I/O, few connections: {FAST_CONNECTIONS} connections, {QUESTIONS:,} questions and answers on each",
        {
            "none 1": "one after the other",
            "async 1": "async",
            f"threads {FAST_CONNECTIONS}": f"{FAST_CONNECTIONS} threads",
            f"processes {FAST_CONNECTIONS}": f"{FAST_CONNECTIONS} processes",
        },
    ),
    Kind(
        "computation",
        f"Computation: fib({NUMBERS[0]}), {len(NUMBERS)} times, in Python",
        {
            "none 1": "one after the other",
            "threads 2": "2 threads",
            "processes 2": "2 processes",
        },
    ),
)


class Measured(NamedTuple):
    """Medians."""

    seconds: float
    memory: float


def measure(kind: Kind, port: str, python: str, rounds: int) -> dict[str, Measured]:
    """Run every tool in turn, `rounds` times; all must have the same result."""
    samples: dict[str, list[Measured]] = {tool: [] for tool in kind.tools}
    results = set()
    for _ in range(rounds):
        for tool, taken in samples.items():
            command = [python, str(PROJECT / "benches" / "tool_work.py"), kind.name, tool, port]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT)
            said = json.loads(done.stdout)
            taken.append(Measured(said["seconds"], said["memory"]))
            results.add(said["result"])
    if len(results) != 1:
        raise AssertionError(f"{kind.name}: different results: {results}")
    return {tool: Measured(*map(median, zip(*taken, strict=True))) for tool, taken in samples.items()}


def picture(kind: Kind, measured: dict[str, Measured]) -> str:
    """Draw a bar for each tool; shorter is better."""
    most = max(one.seconds for one in measured.values())
    wide = max(map(len, kind.tools.values()))
    lines = []
    for tool, (seconds, memory) in measured.items():
        bar = "█" * max(1, round(WIDTH * seconds / most))
        lines.append(f"{kind.tools[tool]:<{wide}}  {bar:<{WIDTH}} {seconds:6.2f} s {memory:6,.0f} MiB")
    return "\n".join([f"### {kind.title}", "", "```text", *lines, "```"])


def pictures(python: str, rounds: int) -> str:
    """Draw all kinds of work, with one server, which ends when its standard input is closed."""
    others = machine.Neighbours()
    server = subprocess.Popen(
        [python, str(PROJECT / "benches" / "tool_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        drawn = [picture(kind, measure(kind, port, python, rounds)) for kind in KINDS]
    version = sys.version.split()[0]
    said = f"`make which-tool`, {rounds} rounds, with CPython {version} on {machine.describe()}; {others}."
    how = (
        "Medians of alternating runs of all tools: seconds, and the memory of the process and its workers"
        " (shared memory counts for each)."
    )
    return "\n\n".join([f"{said} {how}", *drawn])


def main() -> int:
    """Run, print and write, as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="runs of each tool (default 5)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the section of the page")
    options = parser.parse_args()
    text = pictures(sys.executable, options.rounds)
    print(text)
    if options.write:
        write_section(options.write, "which_tool", text, "Which tool when")
    return 0


if __name__ == "__main__":
    sys.exit(main())
