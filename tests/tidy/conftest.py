"""Made-up checkouts for the checks of `tools.tidy`."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.tidy.registry import CHECKS
from tools.tidy.tree import Tree

from tools.tidy import checks

assert checks.__all__, "importing the package registers the checks"

Files = dict[str, str]


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[Files], Tree]:
    """Write files into an empty checkout; crates that they name get a manifest."""

    def write(files: Files) -> Tree:
        for path, text in files.items():
            _write(tmp_path / path, textwrap.dedent(text))
            parts = path.split("/")
            if parts[0] == "crates" and f"crates/{parts[1]}/Cargo.toml" not in files:
                _write(tmp_path / "crates" / parts[1] / "Cargo.toml", "[package]\n")
        return Tree(tmp_path)

    return write


@pytest.fixture
def complaints(plant: Callable[[Files], Tree]) -> Callable[[str, Files], list[str]]:
    """Run one check on made-up files, and return the places of its complaints as `path:line`."""

    def run(check: str, files: Files) -> list[str]:
        return sorted(f"{finding.path}:{finding.line}" for finding in CHECKS[check].find(plant(files)))

    return run


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
