"""Makes the virtual environments and installs the pinned requirements, each only when something changed.

An interpreter without `ensurepip` (Debian's, for example) gets an environment without pip, driven by the
pip of another interpreter: `pip --python VENV/bin/python install …`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from functools import cache
from pathlib import Path

from tools.interpreters import Chosen, candidates
from tools.paths import ROOT

STAMPS = "interlock-stamps"


def python_of(venv: str) -> Path:
    """The interpreter inside the environment `venv`."""
    return ROOT / venv / "bin" / "python"


def environment(venv: str) -> dict[str, str]:
    """The process environment in which `venv` is the active one."""
    folder = ROOT / venv
    env = {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "PYTHONPATH"}}
    return env | {
        "VIRTUAL_ENV": str(folder),
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def stamp(venv: str, name: str) -> Path:
    """The file in `venv` that remembers for which input the step `name` was last done."""
    return ROOT / venv / STAMPS / name


def is_done(venv: str, name: str, key: str) -> bool:
    """Whether the step `name` was last done for the same input."""
    path = stamp(venv, name)
    return path.exists() and path.read_text() == key


def mark_done(venv: str, name: str, key: str) -> None:
    """Remembers that the step `name` was done for the input `key`."""
    path = stamp(venv, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(key)


def make(chosen: Chosen) -> None:
    """Creates the environment unless it is there and belongs to the same interpreter."""
    folder, base = ROOT / chosen.venv, chosen.build.path
    if (
        _base_of(folder) == (base, ".".join(map(str, chosen.build.version)))
        and python_of(chosen.venv).exists()
    ):
        return
    print(f"making {chosen.venv} with {chosen.build.label}", flush=True)
    command = [base, "-I", "-m", "venv", "--clear", str(folder)]
    made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if made.returncode:
        made = subprocess.run(
            [*command, "--without-pip"], stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    if made.returncode:
        raise SystemExit(f"{base} cannot make a virtual environment:\n{made.stdout}{made.stderr}")


def requirements(group: str, label: str) -> Path:
    """The file of this group: `requirements/<group>-<label>.txt` where an interpreter needs one of its own."""
    own = ROOT / "requirements" / f"{group}-{label}.txt"
    return own if own.exists() else ROOT / "requirements" / f"{group}.txt"


def require(chosen: Chosen, *groups: str) -> None:
    """Installs the requirements of each group, unless that was done for the same text."""
    venv = chosen.venv
    for group in groups:
        path = requirements(group, chosen.build.label)
        key = hashlib.sha256(path.read_bytes()).hexdigest()
        if is_done(venv, group, key):
            continue
        print(f"installing requirements/{path.name} into {venv}", flush=True)
        command = [*pip_for(venv), "install", "--quiet", "--disable-pip-version-check", "-r", str(path)]
        if subprocess.run(command, stdin=subprocess.DEVNULL).returncode:
            raise SystemExit(
                f"requirements/{path.name} could not be installed into {venv}; pip says why above"
            )
        mark_done(venv, group, key)


def pip_for(venv: str) -> list[str]:
    """The command that runs pip on `venv`: its own, else that of another interpreter."""
    python = str(python_of(venv))
    if _has_pip(python):
        return [python, "-m", "pip"]
    return [*foreign_pip(), "--python", python]


@cache
def foreign_pip() -> list[str]:
    """The pip of any interpreter on this machine that knows `--python` (pip 22.3 and later)."""
    environments = (str(path) for path in sorted(ROOT.glob(".venv*/bin/python")))
    for python in (*environments, *candidates("python3")):
        if _has_pip(python):
            return [python, "-m", "pip"]
    raise SystemExit(
        "no interpreter on this machine has pip 22.3 or newer; install python3-venv or python3-pip"
    )


def pip_script(venv: str) -> str | None:
    """A path to an executable pip when `venv` has none of its own, for tools that want a file."""
    if _has_pip(str(python_of(venv))):
        return None
    script = ROOT / venv / STAMPS / "pip"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec {" ".join(foreign_pip())} "$@"\n')
    script.chmod(0o755)
    return str(script)


def _has_pip(python: str) -> bool:
    """Whether `python -m pip` runs and is new enough for `--python`."""
    try:
        run = subprocess.run(
            [python, "-I", "-m", "pip", "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        major, minor = (int(part) for part in run.stdout.split()[1].split(".")[:2])
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError):
        return False
    return run.returncode == 0 and (major, minor) >= (22, 3)


def _base_of(folder: Path) -> tuple[str, str] | None:
    """The interpreter and version that an existing environment was made with."""
    try:
        lines = (folder / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return None
    facts = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    return os.path.realpath(facts.get("executable", "")), facts.get("version", "")
