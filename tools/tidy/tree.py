"""The files of the checkout, read at most once."""

from __future__ import annotations

import ast
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tools.tidy.rust import RustFile

IGNORED = {"target", "__pycache__", "node_modules", "dist", "build"}


@dataclass(frozen=True)
class PythonFile:
    """A Python file with its syntax tree."""

    path: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """Its lines without their ends."""
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree; an empty one when the file does not parse (ruff says so better)."""
        try:
            return ast.parse(self.text)
        except SyntaxError:
            return ast.parse("")


class Tree:
    """A checkout at `root`. Paths are given and returned relative to it, with slashes."""

    def __init__(self, root: Path) -> None:
        """Reads the names of all files below `root`; contents are read when asked for."""
        self.root = root
        self.files = sorted(self._walk())
        self._texts: dict[str, str] = {}

    def _walk(self) -> Iterator[str]:
        for folder, names, files in os.walk(self.root):
            at_root = Path(folder) == self.root
            names[:] = [
                n for n in names if n not in IGNORED and (not n.startswith(".") or (at_root and n == ".ci"))
            ]
            relative = Path(folder).relative_to(self.root)
            yield from ((relative / name).as_posix() for name in files)

    def text(self, path: str) -> str:
        """The content of a file; empty when there is none."""
        if path not in self._texts:
            file = self.root / path
            self._texts[path] = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        return self._texts[path]

    def find(self, *suffixes: str, under: str = "") -> Iterator[str]:
        """Paths that end with one of `suffixes`, below the folder `under`."""
        return (p for p in self.files if p.endswith(suffixes) and p.startswith(under))

    @cached_property
    def crates(self) -> list[str]:
        """The names of the folders in `crates` that hold a crate."""
        parts = (path.split("/") for path in self.files)
        return [p[1] for p in parts if len(p) == 3 and p[0] == "crates" and p[2] == "Cargo.toml"]

    @cached_property
    def rust(self) -> list[RustFile]:
        """All Rust files of the crates; see `RustFile.is_test` for those of tests."""
        files = [RustFile(path, self.text(path)) for path in self.find(".rs", under="crates/")]
        test_modules = {module for file in files for module in file.test_modules}
        for file in files:
            file.is_test = file.is_test or any(file.path.startswith(m) for m in test_modules)
        return files

    @cached_property
    def engine(self) -> list[RustFile]:
        """The Rust files that are not tests, benchmarks or examples."""
        return [file for file in self.rust if not file.is_test]

    @cached_property
    def python(self) -> list[PythonFile]:
        """All Python files, stubs left out."""
        return [PythonFile(path, self.text(path)) for path in self.find(".py")]

    def toml(self, path: str) -> dict[str, Any]:
        """A parsed TOML file; empty when there is none or it does not parse (Cargo says so better)."""
        try:
            return tomllib.loads(self.text(path))
        except tomllib.TOMLDecodeError:
            return {}
