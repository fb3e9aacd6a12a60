"""Made-up checkouts for the rules."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.tidy import RULES, Tree

Files = dict[str, str]


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[Files], Path]:
    """Writes files into an empty checkout."""

    def write(files: Files) -> Path:
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(textwrap.dedent(text), encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture
def complaints(plant: Callable[[Files], Path]) -> Callable[[str, Files], list[str]]:
    """Runs one rule of `tools.tidy` on made-up files and gives the places that it complains of, as `path:line`."""

    def run(rule: str, files: Files) -> list[str]:
        return sorted({f"{found.path}:{found.line}" for found in RULES[rule](Tree(plant(files)))})

    return run
