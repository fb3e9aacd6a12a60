"""Finds the CPython interpreters that Interlock supports on this machine.

Prints one line for each, the default first: the path, the name of its virtual environment and the version.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST = (3, 11)
NEWEST = (3, 15)

_PROBE = """
import json, os, sys, sysconfig
base = getattr(sys, "_base_executable", None) or sys.executable
print(json.dumps({
    "path": os.path.realpath(base),
    "version": list(sys.version_info[:3]),
    "implementation": sys.implementation.name,
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "debug": hasattr(sys, "gettotalrefcount"),
    "prefix": sys.base_prefix,
}))
"""


@dataclass(frozen=True)
class Build:
    """One interpreter as it was compiled and installed."""

    path: str
    version: tuple[int, int, int]
    free_threaded: bool
    debug: bool
    prefix: str

    @property
    def kind(self) -> tuple[int, int, bool, bool]:
        """What two builds share when one of them is enough: minor version, free threading, debugging."""
        return (*self.version[:2], self.free_threaded, self.debug)

    @property
    def label(self) -> str:
        """The short name that people use, for example `3.13t`."""
        return f"{self.version[0]}.{self.version[1]}{'t' * self.free_threaded}{'d' * self.debug}"


@dataclass(frozen=True)
class Chosen:
    """An interpreter and the virtual environment that belongs to it."""

    build: Build
    venv: str


def probe(command: str) -> Build | None:
    """Asks the interpreter `command` what it is; `None` when it is no supported CPython or does not run."""
    try:
        run = subprocess.run(
            [command, "-I", "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
        )
        facts = json.loads(run.stdout) if run.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, json.JSONDecodeError):
        return None
    if (
        not facts
        or facts["implementation"] != "cpython"
        or not OLDEST <= tuple(facts["version"][:2]) <= NEWEST
    ):
        return None
    version = (facts["version"][0], facts["version"][1], facts["version"][2])
    return Build(facts["path"], version, facts["free_threaded"], facts["debug"], facts["prefix"])


def pyenv_versions() -> Iterator[str]:
    """The interpreters below pyenv's root, whichever of them is selected."""
    root = os.environ.get("PYENV_ROOT")
    if not root and shutil.which("pyenv"):
        root = subprocess.run(
            ["pyenv", "root"], capture_output=True, text=True, stdin=subprocess.DEVNULL
        ).stdout.strip()
    if root:
        yield from (str(path) for path in sorted(Path(root, "versions").glob("*/bin/python3")))


def fetched() -> Path:
    """The folder into which `.ci/interpreters` puts those that the system's own packages do not have."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "interlock", "interpreters", "bin")


def candidates(default: str) -> Iterator[str]:
    """Commands worth asking: the default, the names in every folder of PATH, those fetched, pyenv's versions."""
    yield default
    minors = range(OLDEST[1], NEWEST[1] + 1)
    names = ["python3", *(f"python3.{minor}{flag}" for minor in minors for flag in ("", "t"))]
    for folder in (*os.get_exec_path(), str(fetched())):
        for name in names:
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK) and not os.path.isdir(path):
                yield path
    yield from pyenv_versions()


def choose(builds: Iterable[Build], all_builds: bool = False) -> list[Chosen]:
    """Orders the builds and names their environments; the first build given is the default and gets `.venv`.

    Of each kind the newest patch is taken, but the default stands for its kind. With `all_builds` the others
    follow under longer names; debug builds are taken only then.
    """
    unique = list(dict.fromkeys(builds))
    if not unique:
        return []
    default, *others = unique
    others.sort(key=lambda b: (b.version[:2], b.free_threaded, b.debug, tuple(-n for n in b.version), b.path))
    chosen, kinds = [Chosen(default, ".venv")], {default.kind}
    for build in others:
        if build.kind not in kinds and not build.debug:
            kinds.add(build.kind)
            chosen.append(Chosen(build, f".venv-{build.label}"))
        elif all_builds:
            name = f".venv-{'.'.join(map(str, build.version))}{build.label.lstrip('.0123456789')}"
            place = Path(build.prefix).name
            if not place.startswith(name.removeprefix(".venv-")):
                name = f"{name}-{place}"
            taken = {c.venv for c in chosen}
            number = next(
                n for n in range(1, len(unique) + 2) if (name if n == 1 else f"{name}-{n}") not in taken
            )
            chosen.append(Chosen(build, name if number == 1 else f"{name}-{number}"))
    return chosen


def discover(default: str = "python3", all_builds: bool = False, only: Iterable[str] = ()) -> list[Chosen]:
    """All supported interpreters of this machine, the default first; `only` keeps those labels or commands.

    Raises `SystemExit` with a sentence when none is left.
    """
    found = {}
    for command in candidates(default):
        real = os.path.realpath(shutil.which(command) or command)
        if real not in found:
            found[real] = probe(command)
    chosen = choose((b for b in found.values() if b), all_builds)
    wanted = set(only)
    if wanted:
        chosen = [c for c in chosen if wanted & {c.build.label, c.build.path, c.venv}]
    if not chosen:
        raise SystemExit(
            f"no CPython {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]} found; is python3 on PATH?"
        )
    return chosen


def arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Adds the options that all tools which choose interpreters share."""
    parser.add_argument(
        "--default", default=sys.executable, metavar="PYTHON", help="the interpreter that gets .venv"
    )
    parser.add_argument(
        "--all-builds", action="store_true", help="also other builds of a minor version already listed"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="LABEL", help="for example 3.12 or 3.13t"
    )
    return parser


def main() -> int:
    """Prints the table."""
    options = arguments(argparse.ArgumentParser(description=__doc__)).parse_args()
    for chosen in discover(options.default, options.all_builds, options.only):
        version = ".".join(map(str, chosen.build.version)) + ("t" if chosen.build.free_threaded else "")
        print(f"{chosen.build.path}\t{chosen.venv}\t{version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
