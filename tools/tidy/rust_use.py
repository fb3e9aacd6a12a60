"""The `use` declarations of Rust, spread out into single paths."""

from __future__ import annotations

import re
from dataclasses import dataclass

_USE = re.compile(r"\b(?:pub(?:\([^)]*\))?\s+)?use\s+([^;]+);")


@dataclass(frozen=True)
class Use:
    """One name in scope: its path, local name (`*` for a glob), and the offsets of name and statement."""

    path: tuple[str, ...]
    name: str
    start: int
    statement: tuple[int, int]


def uses(code: str) -> list[Use]:
    """All names that the `use` declarations of blanked `code` bring in."""
    found: list[Use] = []
    for match in _USE.finditer(code):
        _spread(match[1], match.start(1), (), match.span(), found)
    return found


def _spread(
    tree: str, offset: int, prefix: tuple[str, ...], statement: tuple[int, int], found: list[Use]
) -> None:
    """Adds the leaves of one use tree; `tree` starts at `offset` in the code."""
    for part, at in _split(tree, offset):
        head, brace, inner = part.partition("{")
        words = tuple(w for w in re.split(r"\s*::\s*", head.strip()) if w)
        if brace:
            _spread(inner.rsplit("}", 1)[0], at + len(head) + 1, prefix + words, statement, found)
            continue
        if not words:
            continue
        last, _, alias = (piece.strip() for piece in words[-1].partition(" as "))
        path = prefix + words[:-1] + (() if last == "self" and (prefix or words[:-1]) else (last,))
        name = alias or ("*" if last == "*" else path[-1])
        start = at + len(part) - len(part.lstrip())
        found.append(Use(path, name, start, statement))


def _split(tree: str, offset: int) -> list[tuple[str, int]]:
    """The parts between the commas that stand outside braces, with their offsets."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(tree):
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            parts.append((tree[start:at], offset + start))
            start = at + 1
    parts.append((tree[start:], offset + start))
    return [(part, at) for part, at in parts if part.strip()]
