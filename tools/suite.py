"""Runs all tests: the Rust crates once, then the Python tests on every supported interpreter.

Those of the house itself (`tests/tidy`) are run on the first interpreter only: no Interlock is in them.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tools import venvs
from tools.build import prepare
from tools.interpreters import Chosen, arguments, discover
from tools.paths import ROOT, target_dir
from tools.steps import Step, Steps

PYTEST_LIMIT = float(os.environ.get("PYTEST_LIMIT", "900"))
"""Seconds for the Python tests on one interpreter; a single test has its own limit in pyproject.toml."""

RUST_LIMIT = 600.0
"""Seconds for the Rust tests, compilation included."""


NO_HOUSE = ("--ignore=tests/tidy",)


def rust(steps: Steps) -> None:
    """The tests of the crates that know no Python, then the models of their protocols."""
    env = {**os.environ, "CARGO_TARGET_DIR": str(target_dir())}
    crates = ["--workspace", "--exclude", "interlock-python"]
    steps.run("cargo test", ["cargo", "test", "--quiet", *crates], env, RUST_LIMIT)
    modelled = sorted({path.parent.parent.name for path in ROOT.glob("crates/*/tests/loom*")})
    for crate in modelled:
        flags = f"{os.environ.get('RUSTFLAGS', '')} --cfg loom".strip()
        loom_env = {**env, "RUSTFLAGS": flags, "CARGO_TARGET_DIR": str(target_dir() / "loom")}
        command = ["cargo", "test", "--quiet", "--release", "-p", f"interlock-{crate}", "--test", "loom*"]
        steps.run(f"loom {crate}", command, loom_env, RUST_LIMIT)


def python(steps: Steps, prepared: list[tuple[Chosen, bool]], extra: list[str]) -> None:
    """The Python tests on these interpreters, with these arguments for pytest; two at a time on two cores."""
    runs = []
    for number, (chosen, built) in enumerate(prepared):
        name = f"pytest {chosen.build.label} ({chosen.venv})"
        if not built:
            steps.record(name, "the extension module could not be built", time.monotonic())
            continue
        arguments = extra or ["-q", *(NO_HOUSE if number else ())]
        command = [str(venvs.python_of(chosen.venv)), "-m", "pytest", *arguments]
        runs.append(Step(name, command, venvs.environment(chosen.venv)))
    if len(runs) == 1:
        steps.run(runs[0].name, runs[0].command, runs[0].env, PYTEST_LIMIT)
    else:
        steps.run_together(runs, PYTEST_LIMIT, at_once=min(2, os.cpu_count() or 1))


def main() -> int:
    """Builds, tests, prints a summary; the exit status is 0 when everything passed."""
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--no-rust", action="store_true", help="only the Python tests")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    options = parser.parse_args()
    steps = Steps()
    found = discover(options.default, options.all_builds, options.only)
    prepared = prepare(found, "test")
    if not options.no_rust:
        rust(steps)
    python(steps, prepared, options.pytest)
    return steps.finish()


if __name__ == "__main__":
    sys.exit(main())
