"""Atomics: one way in, and each ordering argued."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.tidy.house import PRIMITIVE_MODULE
from tools.tidy.registry import Finding, check
from tools.tidy.rust import RustFile
from tools.tidy.tree import Tree

REACH = 6
"""How many lines above an ordering its reason may stand."""

_NAMES = "Relaxed|Acquire|Release|AcqRel|SeqCst"
_QUALIFIED = re.compile(rf"\bOrdering::(?:{_NAMES})\b")
_BARE = re.compile(rf"(?<![\w:])(?:{_NAMES})\b(?!\s*(?:::|\())")
_REASON = re.compile(
    r"pairs? with|state table|table (?:above|of|on)|PROTOCOL|relaxed:|relaxed is enough", re.IGNORECASE
)


@check("I8", "atomics come through one module that loom can replace")
def atomics_come_through_one_module(tree: Tree) -> Iterator[Finding]:
    """One file named `primitive.rs` names std's atomics.

    `os`, which lies below that file, may name an atomic type as the word that the kernel sleeps on, and no
    ordering.
    """
    doors = [f.path for f in tree.engine if f.path.endswith(f"/{PRIMITIVE_MODULE}") and _std_atomics(f)]
    for file in tree.engine:
        for line, name in _std_atomics(file):
            if file.folder == "os" and "Ordering" not in name and "fence" not in name:
                continue
            if file.path not in doors[:1]:
                door = doors[0] if doors else f"crates/wait/src/{PRIMITIVE_MODULE}"
                yield Finding(file.path, line, f"`{name}`: take atomics from {door}")


@check("S-ordering", "each memory ordering names the access it pairs with")
def orderings_are_argued(tree: Tree) -> Iterator[Finding]:
    """`pairs with …`, a state table, a PROTOCOL.md or `relaxed: …` stands on the line or just above."""
    for file in tree.engine:
        imported = {use.name for use in file.uses if "Ordering" in use.path and use.name in _NAMES.split("|")}
        offsets = [m.start() for m in _QUALIFIED.finditer(file.code_without_uses)]
        if imported:
            offsets += [m.start() for m in _BARE.finditer(file.code_without_uses) if m.group() in imported]
        for line in sorted({file.line_at(offset) for offset in offsets}):
            if not _REASON.search("\n".join(file.lines[max(0, line - 1 - REACH) : line])):
                yield Finding(
                    file.path, line, "say which access this ordering pairs with (`// pairs with …`)"
                )


def _std_atomics(file: RustFile) -> list[tuple[int, str]]:
    """Where a file names atomics of std or core."""
    return [
        (line, "::".join(path))
        for line, path in file.paths
        if path[1:3] == ("sync", "atomic") and path[0] in {"std", "core"}
    ]
