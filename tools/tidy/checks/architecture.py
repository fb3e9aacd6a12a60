"""The map: ARCHITECTURE.md against the checkout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.tidy.house import INVARIANTS, MAX_MAP_LINES
from tools.tidy.registry import CHECKS, Finding, check
from tools.tidy.tree import Tree

MAP = "ARCHITECTURE.md"
_INVARIANT = re.compile(r"^[\s>|*#-]*\**(I\d+)\b")
_CHECK = re.compile(r"\btidy\W+(I\d+(?:-\w+)?|S-\w+)")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
_FILE = re.compile(r".*\.(?:rs|py|pyi|md|toml)$")


@check("S-map", "ARCHITECTURE.md is short and tells the truth")
def the_map_is_true(tree: Tree) -> Iterator[Finding]:
    """It names each top-level folder and crate, each path it names exists, each invariant names its check."""
    text = tree.text(MAP)
    if not text:
        yield Finding(MAP, 1, "write the map: folders, the way of one call, invariants with their checks")
        return
    lines = text.splitlines()
    if len(lines) > MAX_MAP_LINES:
        yield Finding(
            MAP, MAX_MAP_LINES, f"has {len(lines)} lines: a map of more than {MAX_MAP_LINES} is not read"
        )
    yield from _folders(tree, text)
    yield from _paths(tree, lines)
    yield from _invariants(tree, lines)


def _folders(tree: Tree, text: str) -> Iterator[Finding]:
    folders = {path.split("/")[0] for path in tree.files if "/" in path}
    for name in sorted(folders | {f"crates/{crate}" for crate in tree.crates}):
        if not re.search(rf"(?<![\w/.-]){re.escape(name)}(?:/|`|\b)", text):
            yield Finding(MAP, 1, f"says nothing about {name}/")


def _paths(tree: Tree, lines: list[str]) -> Iterator[Finding]:
    """Words in backticks that look like paths of the checkout."""
    top = {path.split("/")[0] for path in tree.files}
    for number, line in enumerate(lines, 1):
        for word in _CODE.findall(line):
            if _PATH.fullmatch(word) and _is_path(word, top) and not _exists(tree, word):
                yield Finding(MAP, number, f"`{word}` does not exist")


def _is_path(word: str, top: set[str]) -> bool:
    first = word.split("/")[0]
    return ("/" in word and first in top) or bool(_FILE.match(word))


def _exists(tree: Tree, word: str) -> bool:
    """Whether a file or folder fits; a bare file name may lie anywhere."""
    wanted = word.rstrip("/")
    if "*" in wanted:
        return any(PurePosixPath(path).match(wanted) for path in tree.files)
    if "/" not in word:
        return any(path == wanted or path.endswith(f"/{wanted}") for path in tree.files)
    return any(path == wanted or path.startswith(f"{wanted}/") for path in tree.files)


def _invariants(tree: Tree, lines: list[str]) -> Iterator[Finding]:
    """The text of an invariant runs from its line to the next invariant or empty line."""
    texts: dict[str, tuple[int, str]] = {}
    current = ""
    for number, line in enumerate(lines, 1):
        match = _INVARIANT.match(line)
        if match:
            current = match[1]
            texts.setdefault(current, (number, ""))
        elif not line.strip():
            current = ""
        if current:
            first, text = texts[current]
            texts[current] = (first, f"{text} {line}")
    for name in INVARIANTS:
        if name not in texts:
            yield Finding(MAP, 1, f"has no line that begins with {name}")
    for name, (number, text) in texts.items():
        if not _names_a_check(tree, text):
            yield Finding(MAP, number, f"{name} names no check that exists: `tidy {name}` or a test's path")


def _names_a_check(tree: Tree, text: str) -> bool:
    by_tidy = any(c in CHECKS or any(id.startswith(f"{c}-") for id in CHECKS) for c in _CHECK.findall(text))
    tests = (w.partition("::")[0] for w in _CODE.findall(text) if w.startswith(("tests/", "crates/")))
    return by_tidy or any("tests" in word and _exists(tree, word) for word in tests)
