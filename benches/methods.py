"""Measures a call of every method of every class beside the standard library, in every interpreter with Interlock.

    methods.py                                every environment of the project, PATH, pyenv, the system
    methods.py --python .nox/build-3-13/bin/python --only Queue
    methods.py --write docs/methods.md

All cases of one interpreter run in one process, each in interleaved samples of both libraries.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter_ns, thread_time_ns

import machine
import measure
import namespaces
from cases_methods import ALL, Method
from interpreters import PROJECT, Interpreter, command_line, discover, environment, explain_none
from sections import table, write_section

LIMIT = 1800
Times = dict[str, list[float]]


def main() -> int:
    """Measure, print, write; return the exit status."""
    args = parse()
    if args.worker:
        work(args)
        return 0
    interpreters, left_out = discover(args.python)
    if not interpreters:
        print(explain_none(left_out), file=sys.stderr)
        return 2
    neighbours = machine.Neighbours()
    measured: dict[str, Times] = {}
    for interpreter in interpreters:
        measured[interpreter.label] = times = run(interpreter, args)
        print(text(interpreter.label, times), flush=True)
    if args.write and not args.only:
        write_section(args.write, "methods", markdown(measured, args, neighbours), "Benchmarks")
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--only", metavar="TEXT", help="only cases whose class or call has this text")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sample-ms", type=float, default=5)
    parser.add_argument("--cpu", action="store_true", help="processor time, for a busy machine")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the section of docs/methods.md")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def run(interpreter: Interpreter, args: argparse.Namespace) -> Times:
    """Measure in one interpreter, in a process of its own."""
    options = ["--rounds", str(args.rounds), "--sample-ms", str(args.sample_ms)]
    if args.cpu:
        options += ["--cpu"]
    if args.only:
        options += ["--only", args.only]
    command = [interpreter.python, __file__, "--worker", *options]
    done = subprocess.run(
        command, env=environment(), cwd=PROJECT, stdout=subprocess.PIPE, text=True, timeout=LIMIT, check=True
    )
    times: Times = json.loads(done.stdout)
    return times


def work(args: argparse.Namespace) -> None:
    """Measure in this interpreter; print the nanoseconds per run of each statement as JSON."""
    faulthandler.dump_traceback_later(LIMIT - 10, exit=True)
    chosen = [case for case in ALL if not args.only or args.only in f"{case.kind} {case.call}"]
    both = [namespaces.load(name) for name in ("std", "interlock")]
    json.dump({title(case): measured(case, both, args) for case in chosen}, sys.stdout)


def measured(case: Method, both: list[namespaces.Namespace], args: argparse.Namespace) -> list[float]:
    """The medians of the standard library and of Interlock."""
    now_ns = thread_time_ns if args.cpu else perf_counter_ns
    gc.disable()
    bodies = {ns.name: measure.with_own_code(case.prepare(ns)) for ns in both}
    sizes = {name: measure.size(body, 1, 1, args.sample_ms, now_ns) for name, body in bodies.items()}
    samples = measure.in_turn(bodies, sizes, args.rounds, now_ns)
    return [median(samples[ns.name]) for ns in both]


def title(case: Method) -> str:
    """Return the name of a case in the table."""
    return f"{case.kind} | {case.call}"


def text(label: str, times: Times) -> str:
    """The results of one interpreter, the slowest last."""
    rows = sorted(times.items(), key=lambda row: -row[1][0] / row[1][1])
    lines = [f"{std:10,.0f} {own:10,.0f} {std / own:7.2f}  {name}" for name, (std, own) in rows]
    return "\n".join([f"CPython {label}: ns standard, ns Interlock, ratio", *lines])


def markdown(measured: dict[str, Times], args: argparse.Namespace, neighbours: machine.Neighbours) -> str:
    """The section of the page: one row for each case, the ratio for each interpreter."""
    names = list(dict.fromkeys(name for times in measured.values() for name in times))
    ratios = {
        label: {name: std / own for name, (std, own) in times.items()} for label, times in measured.items()
    }
    rows = [[*name.split(" | "), *(f"{ratios[label][name]:.2f}" for label in measured)] for name in names]
    below = [
        f"- {label}: {name.replace(' | ', ', ')}: {ratio:.2f}"
        for label, all_of in ratios.items()
        for name, ratio in all_of.items()
        if ratio < 1
    ]
    head = ["class", "call", *measured]
    return "\n".join(
        [
            "## Every method",
            "",
            f"`python benches/methods.py`, {args.rounds} rounds of samples of {args.sample_ms:g} ms, on "
            f"{machine.describe()}; {neighbours}. Standard library / Interlock, of the medians; each time includes the "
            "loop around the call.",
            "",
            table(head, rows, left=2),
            "",
            "Slower than the standard library:"
            if below
            else "Nothing is slower than in the standard library.",
            *([""] if below else []),
            *below,
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
