"""Builds the extension module into virtual environments, and does nothing where nothing changed."""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import venvs
from tools.interpreters import Chosen, arguments, discover
from tools.paths import ROOT, target_dir

DEFAULT_VENV = ".venv"
PACKAGE = ROOT / "python" / "interlock"
PROFILE = "extension-dev" if os.environ.get("PROFILE") == "dev" else "extension"
"""The Cargo profile; speed is part of what is tested, so tests run what is released."""

_INPUTS = (
    "Cargo.toml",
    "Cargo.lock",
    "pyproject.toml",
    "rust-toolchain.toml",
    ".cargo/config.toml",
    "README.md",
)
_SUFFIX = "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'), end='')"


def fingerprint(chosen: Chosen) -> str:
    """A digest of all that the extension module is made from."""
    digest = hashlib.sha256()
    sources = [ROOT / name for name in _INPUTS]
    sources += sorted(p for p in (ROOT / "crates").rglob("*") if p.suffix in {".rs", ".toml"} and p.is_file())
    for path in sources:
        if path.exists():
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    compiler = subprocess.run(["rustc", "-vV"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for part in (str(chosen.build), PROFILE, os.environ.get("RUSTFLAGS", ""), compiler):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def module_state(venv: str) -> str:
    """The built module of this environment as size and time, so that a build by other hands is noticed."""
    run = [str(venvs.python_of(venv)), "-I", "-c", _SUFFIX]
    suffix = subprocess.run(run, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    path = PACKAGE / f"_interlock{suffix}"
    return f"{path.stat().st_size} {path.stat().st_mtime_ns}" if path.exists() else "absent"


def build(chosen: Chosen, maturin: Path) -> bool:
    """Builds for one interpreter; returns whether the module is there and current."""
    key, lock = fingerprint(chosen), _lock()
    if venvs.is_done(chosen.venv, "module", f"{key} {module_state(chosen.venv)}"):
        return True
    print(f"building the extension module for {chosen.build.label} into {chosen.venv}", flush=True)
    command = [str(maturin), "develop", "--quiet", "--profile", PROFILE]
    pip = venvs.pip_script(chosen.venv)
    if pip:
        command += ["--pip-path", pip]
    env = venvs.environment(chosen.venv) | {"CARGO_TARGET_DIR": str(build_dir(chosen))}
    if chosen.build.label == "3.13t":
        # PyO3 supports free threading from 3.14 on, and refuses 3.13t unless told to go on.
        env["UNSAFE_PYO3_SKIP_VERSION_CHECK"] = "1"
    if subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL).returncode:
        return False
    if _lock() != lock:  # Cargo itself wrote it: that is no reason to build again
        key = fingerprint(chosen)
    venvs.mark_done(chosen.venv, "module", f"{key} {module_state(chosen.venv)}")
    return True


def _lock() -> bytes:
    path = ROOT / "Cargo.lock"
    return path.read_bytes() if path.exists() else b""


def build_dir(chosen: Chosen) -> Path:
    """Where Cargo builds for this interpreter.

    PyO3 is compiled anew when the interpreter changes, so in one common folder each interpreter would undo
    the work of the one before it.
    """
    return (
        target_dir()
        if chosen.venv == DEFAULT_VENV
        else target_dir() / "python" / chosen.venv.removeprefix(".venv-")
    )


def prepare(all_interpreters: list[Chosen], *groups: str) -> list[tuple[Chosen, bool]]:
    """Makes the environments, installs the groups of requirements and builds; pairs each with its success.

    The compiler driver, maturin, is installed only once, in the first environment. One build hardly uses more than one
    processor (its longest step optimizes the whole module at once), so there are as many at a time as processors.
    """
    for number, chosen in enumerate(all_interpreters):
        venvs.make(chosen)
        venvs.require(chosen, *(("build",) if number == 0 else ()), *groups)
    maturin = ROOT / all_interpreters[0].venv / "bin" / "maturin"
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as at_once:
        built = at_once.map(lambda chosen: build(chosen, maturin), all_interpreters)
        return list(zip(all_interpreters, built, strict=True))


def main() -> int:
    """Builds for the default interpreter, or for all of them."""
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--all", action="store_true", help="for every interpreter, not only the default")
    parser.add_argument(
        "--group", action="append", default=[], help="requirements to install, for example lint"
    )
    options = parser.parse_args()
    found = discover(options.default, options.all_builds, options.only)
    built = prepare(found if options.all or options.only else found[:1], *options.group)
    return int(not all(success for _, success in built))


if __name__ == "__main__":
    sys.exit(main())
