"""The contracts of import-linter, on made-up packages."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("importlinter")

INIT, A, B = (f"python/interlock/{name}.py" for name in ("__init__", "concurrent/a", "concurrent/b"))
LAYERS, CIRCLE, PICKLES = "downwards BROKEN", "no circle BROKEN", "a line here pickle BROKEN"

BREACHES = {
    "upwards": (LAYERS, {"python/interlock/_native_classes.py": "from . import queue"}),
    "a module without a layer": (LAYERS, {"python/interlock/new.py": ""}),
    "a circle": (CIRCLE, {A: "from interlock.concurrent import b", B: "import interlock.concurrent.a"}),
    "a relative circle": (CIRCLE, {A: "from . import b", B: "from .a import f"}),
    "a circle by a function": (CIRCLE, {A: "from . import b", B: "def f():\n    from . import a"}),
    "pickling": (PICKLES, {A: "def f():\n    from pickle import loads"}),
}
KEEPS = {
    "nothing": {},
    "downwards": {"python/interlock/queue.py": "from . import _native_classes"},
    "a circle for type checkers": {
        A: "from . import b",
        B: "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import a",
    },
}


def allowed_to_pickle(config: str) -> dict[str, str]:
    """The modules that may pickle, because import-linter complains of an exception without an import."""
    contracts = tomllib.loads(config)["tool"]["importlinter"]["contracts"]
    pairs = (pair.split(" -> ") for contract in contracts for pair in contract.get("ignore_imports", ()))
    texts: dict[str, str] = {}
    for module, pickler in pairs:
        path = f"python/{module.replace('.', '/')}.py"
        texts[path] = f"{texts.get(path, '')}import {pickler}\n"
        texts.setdefault(f"{path.rpartition('/')[0]}/__init__.py", "")
    return texts


@pytest.fixture
def linted(plant: Callable[[dict[str, str]], Path]) -> Callable[[dict[str, str]], tuple[int, str]]:
    """The exit status and the words of import-linter about a package with the modules of this one, and these texts."""

    def run(files: dict[str, str]) -> tuple[int, str]:
        package = ROOT / "python" / "interlock"
        modules = [
            path for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
        ]
        empty = {
            f"python/interlock/{path.name}" + ("/__init__.py" if path.is_dir() else ""): ""
            for path in modules
        }
        config = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        written = {A: "", B: "", "pyproject.toml": config}
        root = plant(empty | allowed_to_pickle(config) | written | files)
        command = [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as c; c()",
            "--no-cache",
        ]
        env = {**os.environ, "PYTHONPATH": str(root / "python"), "COLUMNS": "200"}
        done = subprocess.run(
            command, cwd=root, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize(("word", "files"), BREACHES.values(), ids=BREACHES)
def test_a_breach_is_found(
    linted: Callable[[dict[str, str]], tuple[int, str]], word: str, files: dict[str, str]
) -> None:
    status, said = linted(files)
    assert (status, word in said) == (1, True), said


@pytest.mark.parametrize("files", KEEPS.values(), ids=KEEPS)
def test_what_keeps_the_contracts_is_left_alone(
    linted: Callable[[dict[str, str]], tuple[int, str]], files: dict[str, str]
) -> None:
    status, said = linted(files)
    assert status == 0, said
