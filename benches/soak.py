"""Puts two PyPI servers under load, on plain Python and with ``interlock run``.

    soak.py                             60 seconds each, with the first interpreter that has all packages
    soak.py --seconds 10 --server cheroot --python .nox/build-3-13/bin/python
    soak.py --write docs/benchmarks.md

The interpreter needs interlock, cheroot and waitress; wrk, or else hey, makes the load. The plain server and the one
on Interlock run side by side. They get load in turn, ten seconds at a time, and alternate in going first. The exit
status is 1 if a request failed, a server did not stop when told to, or a server did not use Interlock where it should.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import machine
import soak_load
from interpreters import Interpreter, add_path, command_line, discover, environment, explain_none
from sections import table, write_section
from soak_server import FORMS, Server

HEAD = [
    "server",
    "run by",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "requests",
    "failed",
    "MiB after {slice} s",
    "MiB at the end",
]
SLICE = 10


@dataclass
class Soaked:
    """The measurements of one server, on plain Python or on Interlock."""

    server: str
    form: str
    loads: list[soak_load.Load] = field(default_factory=list)
    rss_mib: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests for each second of load."""
        return sum(load.requests for load in self.loads) / sum(load.seconds for load in self.loads)

    @property
    def failures(self) -> dict[str, int]:
        """Failed requests by kind, over all slices."""
        kinds = sorted({kind for load in self.loads for kind in load.failures})
        return {kind: sum(load.failures.get(kind, 0) for load in self.loads) for kind in kinds}

    def cells(self) -> list[str]:
        """One row of the table."""
        p50, p99 = (median(getattr(load, name) for load in self.loads) for name in ("p50_ms", "p99_ms"))
        requests, failed = sum(load.requests for load in self.loads), sum(self.failures.values())
        by = {"plain": "python", "interlock": "interlock run"}[self.form]
        return [
            self.server,
            by,
            f"{self.rate:,.0f}",
            f"{p50:.2f}",
            f"{p99:.2f}",
            f"{requests:,}",
            str(failed),
            f"{self.rss_mib[0]:.1f}",
            f"{self.rss_mib[-1]:.1f}",
        ]


def main() -> int:
    """Run, print, write; return the exit status."""
    args = parse()
    tool = soak_load.find_tool()
    if tool is None:
        print(soak_load.INSTALL, file=sys.stderr)
        return 2
    interpreters = choose(args)
    if not interpreters:
        return 2
    neighbours = machine.Neighbours()
    complaints: list[str] = []
    parts = []
    for interpreter in interpreters:
        soaked: list[Soaked] = []
        for name in args.server:
            try:
                soaked += soak(interpreter, name, tool, args, complaints)
            except (RuntimeError, OSError) as error:
                complaints.append(f"{interpreter.label}: {name}: {error}")
        parts.append(section(interpreter, soaked, args))
        print(parts[-1], flush=True)
    print("\n".join(complaints), file=sys.stderr)
    if args.write:
        write_section(args.write, "soak", page(parts, complaints, tool, args, neighbours), "Benchmarks")
    return 1 if complaints else 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = command_line(__doc__, "cheroot", "waitress")
    add_path(parser)
    parser.add_argument("--server", action="append", choices=("cheroot", "waitress"), help="default: both")
    parser.add_argument("--seconds", type=int, default=60, help="load for each server and form (default 60)")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the section of docs/benchmarks.md")
    args = parser.parse_args()
    args.server = args.server or ["cheroot", "waitress"]
    if args.seconds < 2:
        parser.error("--seconds must be at least 2")
    args.slices = max(2, args.seconds // SLICE)
    args.slice = args.seconds // args.slices
    return args


def choose(args: argparse.Namespace) -> list[Interpreter]:
    """Return the given interpreters, or the first one found that has the servers; print what is missing."""
    interpreters, left_out = discover(args.python, args.path)
    if not interpreters or (args.python and left_out):
        print(explain_none(left_out), file=sys.stderr)
        return []
    ready = [one for one in interpreters if has_servers(one, args)]
    if not ready or (args.python and len(ready) < len(interpreters)):
        names = ", ".join(one.label for one in interpreters if one not in ready)
        print(
            f"{' and '.join(args.server)} cannot be imported in {names}: "
            f"python -m pip install {' '.join(args.server)}",
            file=sys.stderr,
        )
        return []
    return ready if args.python else ready[:1]


def has_servers(interpreter: Interpreter, args: argparse.Namespace) -> bool:
    """Whether that interpreter can import the servers."""
    code = "import " + ", ".join(args.server)
    done = subprocess.run(
        [interpreter.python, "-P", "-c", code], env=environment(args.path), capture_output=True, check=False
    )
    return done.returncode == 0


def soak(
    interpreter: Interpreter, name: str, tool: str, args: argparse.Namespace, complaints: list[str]
) -> list[Soaked]:
    """Put load on the plain server and the one on Interlock in turn; add errors to ``complaints``."""
    servers: list[Server] = []
    soaked = [Soaked(name, form) for form in FORMS]
    try:
        for form in FORMS:
            servers.append(Server(interpreter.python, name, form, args.path))
            if servers[-1].about["interlock"] != (form == "interlock"):
                complaints.append(f"{servers[-1]}: queue.Queue is not the one it should be")
        for number in range(args.slices):
            print(f"{interpreter.label}: {name}, {number + 1} of {args.slices}", file=sys.stderr, flush=True)
            pairs = list(zip(servers, soaked, strict=True))
            for server, one in pairs if number % 2 == 0 else pairs[::-1]:
                one.loads.append(soak_load.run(tool, server.url, args.slice, args.connections))
                one.rss_mib.append(server.rss_mib())
    finally:
        complaints.extend(filter(None, [server.stop() for server in servers]))
    for one in soaked:
        complaints.extend(
            f"{name} ({one.form}): {count} failed: {kind}" for kind, count in one.failures.items()
        )
    return soaked


def section(interpreter: Interpreter, soaked: Sequence[Soaked], args: argparse.Namespace) -> str:
    """The table of one interpreter and the ratio for each server."""
    head = [name.format(slice=args.slice) for name in HEAD]
    parts = [
        f"### CPython {interpreter.label}, Interlock {interpreter.interlock}",
        table(head, [one.cells() for one in soaked], left=2),
    ]
    ratios = []
    for plain, ours in zip(soaked[::2], soaked[1::2], strict=True):
        ratios.append(f"{plain.server}: {ours.rate / plain.rate:.2f} times the requests of plain Python")
    return "\n\n".join([*parts, ("; ".join(ratios) or "Not measured") + "."])


def page(
    parts: Sequence[str],
    complaints: Sequence[str],
    tool: str,
    args: argparse.Namespace,
    neighbours: machine.Neighbours,
) -> str:
    """The section of the page."""
    about = (
        f"`python benches/soak.py --seconds {args.seconds}` on {machine.describe()}; {neighbours}. "
        f"Load: {tool}, {args.connections} connections, {args.slices} times {args.slice} s for each row, "
        "alternating between plain Python and Interlock, with load and server on the same machine. Latencies are "
        'medians of the runs; "failed" counts socket errors and answers other than success; MiB is the resident set.'
    )
    failures = "\n".join(f"- {line.splitlines()[0]}" for line in complaints) or "Nothing failed."
    return "\n\n".join(["## Two PyPI servers under load", about, *parts, failures])


if __name__ == "__main__":
    sys.exit(main())
