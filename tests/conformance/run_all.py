"""Runs CPython's own tests on Interlock: every interpreter, both forms, each suite in turn.

    run_all.py                                        all interpreters that are found, all suites
    run_all.py --python .nox/build-3-13/bin/python --form interlock-import --suite lock_tests,test_queue
    run_all.py --write PAGE                           write another page than docs/conformance.md

A complete run writes the page anew; a partial run (--python, --form, --suite) replaces the rows that it ran and
keeps the page's others. Each row has its date.

The runner with its suites, baselines and exclusions is not part of this checkout: it is in the folder that
CONFORMANCE_DIR names (default: the folder shared/conformance beside the project). If the runner has no baseline of an
interpreter, this script first takes one from the bare interpreter; it reports suites that the interpreter comes
without. Only one suite runs at a time, also across several calls of this script. Results and logs go to
target/conformance. The exit status is 1 if a test failed or a suite has no score.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benches"))

from interpreters import PROJECT, Interpreter, command_line, discover, explain_none
from judged import Judged, on_page, page, text
from sections import write_section

FORMS = ("interlock-import", "interlock-install")
RUNNER = Path(os.environ.get("CONFORMANCE_DIR") or PROJECT.parent / "shared" / "conformance").resolve()


def main() -> int:
    """Run, print, write; return the exit status."""
    if not (RUNNER / "run.py").exists():
        print(f"no run.py in {RUNNER}: set CONFORMANCE_DIR to the runner's folder", file=sys.stderr)
        return 2
    suites: tuple[str, ...] = tuple(runpy.run_path(str(RUNNER / "suites.py"))["SUITES"])
    args = parse(suites)
    interpreters, left_out = discover(args.python)
    if not interpreters or (args.python and left_out):
        print(explain_none(left_out), file=sys.stderr)
        return 2
    # Before hours of tests: a page that can't be read would lose its rows.
    part = args.python or args.only
    before = on_page(args.write.read_text(encoding="utf-8")) if part and args.write.exists() else []
    args.out.mkdir(parents=True, exist_ok=True)
    with (Path(tempfile.gettempdir()) / "interlock-conformance.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        judged = [
            run_suite(interpreter, form, suite, args)
            for interpreter in interpreters
            for form in args.form
            for suite in args.suite
        ]
    print(text(judged))
    everything = Judged.merge(before, judged)
    write_section(args.write, "conformance", page(everything, suites), "Conformance")
    return 0 if all(one.passed for one in judged) else 1


def parse(suites: tuple[str, ...]) -> argparse.Namespace:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--form", action="append", choices=FORMS, help="default: both")
    parser.add_argument(
        "--suite",
        action="append",
        default=[],
        help=f"repeatable, or with commas; default: {', '.join(suites)}",
    )
    parser.add_argument("--write", type=Path, metavar="PAGE", default=PROJECT / "docs" / "conformance.md")
    parser.add_argument("--out", type=Path, default=PROJECT / "target" / "conformance", metavar="DIR")
    args = parser.parse_args()
    given = [name.strip() for names in args.suite for name in names.split(",") if name.strip()]
    args.only = bool(given or args.form)
    args.suite = list(dict.fromkeys(given)) or list(suites)
    args.form = args.form or list(FORMS)
    args.out = args.out.resolve()
    return args


def run_suite(interpreter: Interpreter, form: str, suite: str, args: argparse.Namespace) -> Judged:
    """Run one suite in one form; its JSON and log stay in the output folder."""
    stem = f"{interpreter.label}-{form}-{suite}"
    result = args.out / f"{stem}.json"
    result.unlink(missing_ok=True)
    own = baseline_of(interpreter, suite, args)
    options = ["--impl", form, "--interlock", str(interpreter.site), "--json", str(result)]
    options += ["--suite", suite, "--logs", str(args.out / "logs" / stem)]
    if own is not None:
        options += ["--baseline", str(own)]
    status = call_runner(interpreter, options)
    judged = Judged.read(interpreter.label, form, suite, result, status)
    if own is not None and not judged.baseline:
        own.unlink(missing_ok=True)  # no test was found; the next run may find some
    return judged


def baseline_of(interpreter: Interpreter, suite: str, args: argparse.Namespace) -> Path | None:
    """Return None if the runner has a baseline; else the one taken here, now or in an earlier run.

    The runner's baselines are for default builds; a free-threaded build always gets its own.
    """
    known = RUNNER / "baseline" / f"{interpreter.version}.json"
    if known.exists() and not interpreter.free_threaded:
        return None
    own = Path(args.out / "baseline" / f"{interpreter.label}-{suite}.json")
    if not own.exists():
        print(f"{interpreter.label}: taking a baseline of {suite}", file=sys.stderr, flush=True)
        call_runner(interpreter, ["--impl", "stdlib", "--suite", suite, "--save-baseline", str(own)])
    return own


def call_runner(interpreter: Interpreter, options: list[str]) -> int:
    """Call run.py for one interpreter; show its progress, but not its scoreboard."""
    command = [sys.executable, str(RUNNER / "run.py"), "--python", interpreter.python, *options]
    print(f"{interpreter.label}: {' '.join(options[:2])}: ", end="", file=sys.stderr, flush=True)
    env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
