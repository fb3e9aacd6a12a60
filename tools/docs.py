"""Writes the reference into `target/docs`: `rust/` by cargo doc, `python/` by pdoc."""

from __future__ import annotations

import os
import shutil
import sys

from tools import venvs
from tools.build import DEFAULT_VENV
from tools.paths import target_dir
from tools.steps import Steps


def main() -> int:
    """Builds both; the exit status is 0 when both were written."""
    steps, docs = Steps(), target_dir() / "docs"
    env = venvs.environment(DEFAULT_VENV) | {"CARGO_TARGET_DIR": str(target_dir())}
    crates = ["cargo", "doc", "--quiet", "--workspace", "--exclude", "interlock-python", "--no-deps"]
    if steps.run("cargo doc", crates, {**env, "RUSTDOCFLAGS": os.environ.get("RUSTDOCFLAGS", "-D warnings")}):
        shutil.rmtree(docs / "rust", ignore_errors=True)
        shutil.copytree(target_dir() / "doc", docs / "rust")
    pdoc = [str(venvs.python_of(DEFAULT_VENV)), "-m", "pdoc", "-o", str(docs / "python"), "interlock"]
    steps.run("pdoc", pdoc, env)
    print(f"{docs / 'rust' / 'interlock' / 'index.html'}\n{docs / 'python' / 'index.html'}")
    return steps.finish()


if __name__ == "__main__":
    sys.exit(main())
