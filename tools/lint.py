"""Runs every check that needs no test run: formats, lints, types, stubs and the project rules."""

from __future__ import annotations

import os
import sys

from tools import venvs
from tools.build import DEFAULT_VENV
from tools.paths import ROOT, target_dir
from tools.steps import Steps

PYTHON_FOLDERS = ("python", "tools", "tests", "benches", "examples")

STUBTEST = (
    "mypy.stubtest",
    "--concise",
    "--mypy-config-file=pyproject.toml",
    "--allowlist=tools/stubtest.txt",
    "interlock._interlock",
    "interlock.concurrent.futures",
    "interlock.queue",
    "interlock.threading",
)
"""Whether the stubs agree with the modules, as arguments of `python -m`."""


def rust(steps: Steps, env: dict[str, str]) -> None:
    """Format and lints of all crates, and links in their documentation."""
    steps.run("cargo fmt", ["cargo", "fmt", "--all", "--check"], env)
    clippy = ["cargo", "clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]
    steps.run("cargo clippy", clippy, env)
    documentation = ["cargo", "doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"]
    steps.run("cargo doc", documentation, {**env, "RUSTDOCFLAGS": "-D warnings"})


def python(steps: Steps, env: dict[str, str]) -> None:
    """Lints, format, types, and the stubs against the module that was built."""
    run = [str(venvs.python_of(DEFAULT_VENV)), "-m"]
    folders = [name for name in PYTHON_FOLDERS if (ROOT / name).is_dir()]
    steps.run("ruff check", [*run, "ruff", "check", "--quiet", *folders], env)
    steps.run("ruff format", [*run, "ruff", "format", "--quiet", "--diff", *folders], env)
    steps.run("mypy", [*run, "mypy", "--no-error-summary"], env)
    steps.run("stubtest", [*run, *STUBTEST], env)


def main() -> int:
    """Runs them all and prints a summary; the exit status is 0 when everything passed."""
    env = venvs.environment(DEFAULT_VENV)
    env |= {"CARGO_TARGET_DIR": str(target_dir()), "PYO3_PYTHON": str(venvs.python_of(DEFAULT_VENV))}
    env |= {"MYPYPATH": str(ROOT / "python"), "CARGO_TERM_COLOR": os.environ.get("CARGO_TERM_COLOR", "auto")}
    steps = Steps()
    steps.run("tidy", [str(venvs.python_of(DEFAULT_VENV)), "-m", "tools.tidy"], env)
    python(steps, env)
    rust(steps, env)
    return steps.finish()


if __name__ == "__main__":
    sys.exit(main())
