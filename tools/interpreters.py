"""Finds the CPythons of this machine: where nox looks, below pyenv's root, and those fetched by `.ci/interpreters`."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from python_discovery import DiskCache, PythonInfo, PythonSpec, iter_interpreters

SUPPORTED = PythonSpec.from_string_spec("cpython>=3.11,<3.16")
ROOT = Path(__file__).resolve().parent.parent


def places() -> str:
    """Return the folders of PATH and other known folders; pyenv's shims are replaced by its versions."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    fetched = Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "interlock", "interpreters", "bin"
    )
    on_path = [folder for folder in os.get_exec_path() if Path(folder) != pyenv / "shims"]
    return os.pathsep.join([*on_path, str(fetched), *map(str, sorted(pyenv.glob("versions/3.1[1-5]*/bin")))])


def is_supported(one: PythonInfo) -> bool:
    """Whether it is a CPython that Interlock is built for."""
    return one.satisfies(SUPPORTED, impl_must_match=True)


def find(default: str, every_build: bool = False, only: Collection[str] = ()) -> dict[str, str]:
    """Return the interpreters by label, such as `3.13t`, the default first; `only` selects by label or command.

    Raises `SystemExit` with a message if no interpreter is found.
    """
    logging.getLogger("python_discovery").setLevel(logging.ERROR)  # it warns of each Python 2
    cache, env = DiskCache(ROOT / ".nox" / "interpreters"), {**os.environ, "PATH": places()}
    first = PythonInfo.from_exe(shutil.which(default) or default, cache, raise_on_error=False, env=env)
    if not first or not is_supported(first):
        raise SystemExit(f"{default} is no CPython 3.11 to 3.15: name one, for example PYTHON=python3.12")
    chosen = choose([first, *iter_interpreters(cache=cache, env=env, predicate=is_supported)], every_build)
    if only:
        chosen = {label: python for label, python in chosen.items() if {label, python} & set(only)}
    if not chosen:
        raise SystemExit(f"this machine has no CPython {' or '.join(only)} (3.11 to 3.15 are supported)")
    return chosen


def choose(found: Sequence[PythonInfo], every_build: bool = False) -> dict[str, str]:
    """Label the interpreters. The first one represents its version; of each other version, the newest patch is taken.

    With `every_build` the other builds follow under longer names. Debug builds are taken only then.
    """
    others = sorted(found[1:], key=lambda one: [-number for number in one.version_info[:3]])
    chosen: dict[str, str] = {}
    for one in [found[0], *sorted(others, key=lambda one: (one.version_info[:2], one.free_threaded))]:
        path = os.path.realpath(one.system_executable or one.executable)
        version, flag = [str(number) for number in one.version_info[:3]], "t" * one.free_threaded
        label, name = ".".join(version[:2]) + flag, ".".join(version) + flag + "d" * one.debug_build
        if path in chosen.values():
            continue
        if label not in chosen and (one is found[0] or not one.debug_build):
            chosen[label] = path
        elif every_build:
            number = sum(other.startswith(name) for other in chosen)
            chosen[f"{name}-{number + 1}" if number else name] = path
    return chosen
