"""Compares Interlock with the standard library and its peers, in every interpreter with Interlock.

    run.py                                   every environment of the project, PATH, pyenv, the system
    run.py --python .nox/build-3-13/bin/python --case 'lock-*' --rounds 25
    run.py --quick
    run.py --write docs/benchmarks.md --json FILE

Each case runs in a process of its own, with a time limit. The exit status is 1 if a case failed or hung,
and with --strict also if a target was missed.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine
import report
from case import Case, Probe
from catalogue import ALL, BY_NAME
from interpreters import PROJECT, Interpreter, add_path, command_line, discover, environment, explain_none
from results import Result
from sections import write_section

WORKER = Path(__file__).with_name("worker.py")

PAGES = "workloads"
"""The folder beside the page, with a page for each interpreter."""

APART = 3
"""How many processes run each subject of a case, if the subjects run in separate processes."""


def main() -> int:
    """Run, print, write; return the exit status."""
    args = parse()
    cases = [case for case in ALL if not args.case or any(fnmatch.fnmatch(case.name, p) for p in args.case)]
    if args.list or not cases:
        print("\n".join(f"{case.name:20} {case.title}" for case in ALL))
        return 0 if args.list else 2
    interpreters, left_out = discover(args.python, args.path)
    if args.python:
        print("\n".join(f"left out: {line}" for line in left_out), file=sys.stderr)
    if not interpreters:
        print(explain_none(left_out), file=sys.stderr)
        return 2
    measured = []
    neighbours = machine.Neighbours()
    for interpreter in interpreters:
        results = [measure(interpreter, case, args) for case in cases]
        measured.append((interpreter, results))
        print(report.text(interpreter, results, neighbours), flush=True)
        save(measured, neighbours, args)
    everything = [result for _, results in measured for result in results]
    failed = any(result.failed for result in everything)
    short = args.strict and not all(result.ok for result in everything)
    return 1 if failed or short else 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = command_line(__doc__)
    add_path(parser)
    parser.add_argument(
        "--case",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only cases whose name matches (repeatable)",
    )
    parser.add_argument("--list", action="store_true", help="list the cases and stop")
    parser.add_argument("--rounds", type=int, help="samples of each column (default 15, quick 5)")
    parser.add_argument("--sample-ms", type=float, help="length of a sample (default 30, quick 15)")
    parser.add_argument("--limit", type=float, default=180, help="seconds a process may take (default 180)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter scale cases")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples here")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="write docs/benchmarks.md, and pages beside it"
    )
    parser.add_argument("--strict", action="store_true", help="exit status 1 also for a missed target")
    args = parser.parse_args()
    if args.write and args.case:
        print(f"{args.write} is left as it is: --case measures a part only", file=sys.stderr)
        args.write = None
    args.rounds = args.rounds or (5 if args.quick else 15)
    args.sample_ms = args.sample_ms or (15 if args.quick else 30)
    return args


def measure(interpreter: Interpreter, case: Case | Probe, args: argparse.Namespace) -> Result:
    """One case in one interpreter."""
    print(f"{interpreter.label}: {case.name}", file=sys.stderr, flush=True)
    result = Result.of(case)
    if isinstance(case, Probe):
        rounds, subjects = case.rounds, ["std", "interlock"]
    elif case.apart:
        rounds, subjects = APART, [label for label, _, _ in case.subjects()]
    else:
        rounds, subjects = 1, ["all"]
    for _ in range(1 if args.quick else rounds):
        for subject in subjects:
            run_worker(result, subject, interpreter, args)
    return result


def run_worker(result: Result, subject: str, interpreter: Interpreter, args: argparse.Namespace) -> None:
    """Run one process with a time limit; errors in it become errors of the result."""
    limit = args.limit * (
        1 + len(getattr(BY_NAME[result.name], "peers", ())) / 2
    )  # a peer may take seconds for one operation
    command = [
        interpreter.python,
        str(WORKER),
        result.name,
        "--subject",
        subject,
        "--rounds",
        str(args.rounds),
        "--sample-ms",
        str(args.sample_ms),
        "--limit",
        str(limit),
    ]
    if args.quick:
        command.append("--quick")
    status, out, err = run_group(command, environment(args.path), limit + 10)
    if status is None:
        result.errors[subject] = f"the process did not end within {limit + 10:g} s"
    elif status:
        what = f"no end within {limit:g} s" if "Timeout (" in err else last_line(err)
        result.errors[subject] = f"exit status {status}\n{err[-4000:]}\n{what}"
        print(err[-4000:], file=sys.stderr)
    else:
        print(err, end="", file=sys.stderr)
        result.add(told(out))


def run_group(command: list[str], env: dict[str, str], limit: float) -> tuple[int | None, str, str]:
    """Run a command with a time limit, and then end all its processes, including those of pools that were not closed.

    Returns its exit status (None: it did not end), and its output. The output goes to files, because such processes may
    hold a pipe open.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            command, env=env, cwd=PROJECT, stdout=out, stderr=err, start_new_session=True
        )
        try:
            status: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        out.seek(0)
        err.seek(0)
        return status, out.read(), err.read()


def told(output: str) -> dict[str, Any]:
    """Return the worker's measurements. The output may also contain lines of peers' processes."""
    mine = [line for line in output.splitlines() if line.startswith('{"samples"')]
    measured: dict[str, Any] = json.loads(mine[-1])
    return measured


def last_line(output: str) -> str:
    """Return the last line that is not empty."""
    lines = output.strip().splitlines()
    return lines[-1].strip() if lines else "no output"


def save(
    measured: list[tuple[Interpreter, list[Result]]], neighbours: machine.Neighbours, args: argparse.Namespace
) -> None:
    """Write the JSON file and the page with the results so far."""
    if args.json:
        runs: list[dict[str, Any]] = [
            {
                "python": interpreter.label,
                "interlock": interpreter.interlock,
                "results": [result.plain() for result in results],
            }
            for interpreter, results in measured
        ]
        everything = {
            "machine": machine.describe(),
            "others": neighbours.share,
            "rounds": args.rounds,
            "quick": args.quick,
            "runs": runs,
        }
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(everything, indent=1), encoding="utf-8")
    if args.write:
        how = "python benches/run.py" + (" --quick" if args.quick else "")
        rounds = f"{args.rounds} rounds of samples of {args.sample_ms:g} ms"
        pages = args.write.parent / PAGES
        section = report.overview(measured, how, rounds, neighbours, PAGES)
        write_section(args.write, "workloads", section, "Benchmarks")
        for interpreter, results in measured:
            name = report.label(interpreter)
            text = report.markdown(interpreter, results)
            write_section(pages / f"{name}.md", "workloads", text, f"Workloads on CPython {name}")


if __name__ == "__main__":
    sys.exit(main())
