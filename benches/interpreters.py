"""Finds the Python interpreters of this machine in which Interlock can be imported."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
OLDEST = (3, 11)

_PROBE = """
import json, os, platform, sys, sysconfig
facts = {"implementation": platform.python_implementation(),
         "version": platform.python_version(),
         "minor": list(sys.version_info[:2]),
         "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
         "site": None, "interlock": "", "reason": ""}
try:
    import interlock, interlock.queue, interlock.threading
    facts["site"] = os.path.dirname(os.path.dirname(os.path.abspath(interlock.__file__)))
    from importlib.metadata import PackageNotFoundError, version
    try:
        facts["interlock"] = getattr(interlock, "__version__", "") or version("interlock")
    except PackageNotFoundError:
        pass
except Exception as error:
    facts["reason"] = f"{type(error).__name__}: {error}"
print(json.dumps(facts))
"""


@dataclass(frozen=True)
class Interpreter:
    """One interpreter, as it described itself."""

    python: str
    version: str
    free_threaded: bool
    site: str | None
    """The folder that holds the interlock package; None when the import failed."""

    interlock: str
    reason: str
    """Why the import failed."""

    @property
    def label(self) -> str:
        """The version, with a ``t`` for a free-threaded build: ``3.13.0t``."""
        return self.version + ("t" if self.free_threaded else "")


def discover(given: Sequence[str] = (), paths: Sequence[str] = ()) -> tuple[list[Interpreter], list[str]]:
    """The interpreters to measure, and one line for each that was left out, with the reason.

    ``given`` names the candidates; without it they are the project's virtual environments, this interpreter, and the
    interpreters on PATH, of pyenv and of the system. Without ``given``, the first interpreter of each version in which
    Interlock works is taken. ``paths`` are put on PYTHONPATH.
    """
    found: dict[str, Interpreter] = {}
    left_out: list[str] = []
    for python in given or candidates():
        one = describe(python, paths)
        if one is None:
            if given:
                left_out.append(f"{python}: no CPython {OLDEST[0]}.{OLDEST[1]} or newer")
        elif one.site is None:
            left_out.append(f"{one.label} ({python}): {one.reason}")
        else:
            found.setdefault(python if given else one.label, one)
    return sorted(found.values(), key=lambda one: _order(one.label)), left_out


def candidates() -> Iterator[str]:
    """Executables to look at, each once."""
    seen: set[str] = set()
    for python in _everywhere():
        if python not in seen and os.access(python, os.X_OK):
            seen.add(python)
            yield python


def _everywhere() -> Iterable[str]:
    yield from map(str, sorted(PROJECT.glob(".nox/build-*/bin/python")))
    yield sys.executable
    for minor in range(OLDEST[1], 30):
        for name in (f"python3.{minor}", f"python3.{minor}t"):
            python = shutil.which(name)
            if python:
                yield python
    root = pyenv_root()
    if root is not None:
        yield from map(str, sorted(root.glob("versions/*/bin/python3")))
    yield "/usr/bin/python3"


def pyenv_root() -> Path | None:
    """Return the folder in which pyenv keeps its versions, or None."""
    if "PYENV_ROOT" in os.environ:
        return Path(os.environ["PYENV_ROOT"])
    if shutil.which("pyenv") is None:
        return None
    done = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def describe(python: str, paths: Sequence[str] = ()) -> Interpreter | None:
    """Return the description that ``python`` prints of itself, or None if it is not a supported CPython."""
    try:
        done = subprocess.run(
            [python, "-P", "-c", _PROBE],
            env=environment(paths),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        facts = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, json.JSONDecodeError):
        return None
    if facts is None or facts["implementation"] != "CPython" or tuple(facts["minor"]) < OLDEST:
        return None
    return Interpreter(
        python, facts["version"], facts["free_threaded"], facts["site"], facts["interlock"], facts["reason"]
    )


def environment(paths: Sequence[str] = ()) -> dict[str, str]:
    """Return this process's environment without variables that affect Python, and with ``paths``."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") and k != "VIRTUAL_ENV"}
    env["PYTHONHASHSEED"] = "0"
    if paths:
        env["PYTHONPATH"] = os.pathsep.join(str(Path(path).resolve()) for path in paths)
    return env


def command_line(description: str | None, *needs: str) -> argparse.ArgumentParser:
    """Return the parser of a script that runs in these interpreters, with the option ``--python``."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PATH",
        help=f"an interpreter that has {', '.join(('interlock', *needs))} (repeatable; default: what is found)",
    )
    return parser


def add_path(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--path``."""
    parser.add_argument(
        "--path",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder that holds the interlock package, put on PYTHONPATH (repeatable)",
    )


def explain_none(left_out: Sequence[str]) -> str:
    """Return the message for the case that no interpreter can be measured."""
    lines = ["interlock cannot be imported in any interpreter that was looked at:"]
    lines += [f"  {line}" for line in left_out] or ["  (none found)"]
    lines.append("build it (`make bench` does), or give --python / --path")
    return "\n".join(lines)


def _order(label: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", label)]
