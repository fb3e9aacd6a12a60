"""Just enough of Rust's grammar for the checks: blanked text, functions, and paths resolved through `use`.

This is no compiler: macros are read as they stand, and a name is resolved by the file's own `use` lines only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tools.tidy.rust_lexer import blank, blanked, matching
from tools.tidy.rust_use import Use, uses

_CFG = re.compile(r"#(?P<inner>!?)\s*\[\s*cfg\s*\((?P<condition>[^\]]*)\)\s*\]")
_NOT = re.compile(r"\bnot\s*\([^()]*\)")
_FOR_TESTS = re.compile(r"\b(?:test|loom)\b")
_ITEM = re.compile(
    r"(?:fn|struct|enum|union|impl|mod|use|trait|static|const|type|unsafe|async|extern|let|return)\b"
)
_TEST_ITEM = re.compile(r"(?:\s|#\[[^\]]*\]|pub\b(?:\([^)]*\))?)*")
_FUNCTION = re.compile(
    r"(?P<public>\bpub\s+)?(?P<words>\b(?:(?:const|async|unsafe|safe|extern\s*(?:\"[^\"]*\")?)\s+)*)\bfn\s+(?P<name>\w+)"
)
_PATH = re.compile(r"(?<![\w:$.])(?:::)?([A-Za-z_]\w*(?:::[A-Za-z_]\w*)+)(!?)")


@dataclass(frozen=True)
class Function:
    """A function with its signature and extent; `start` and `end` are offsets, lines count from 1."""

    name: str
    line: int
    end_line: int
    start: int
    end: int
    public: bool
    parameters: str
    result: str


class RustFile:
    """One file of a crate: `crates/<crate>/...`."""

    def __init__(self, path: str, text: str) -> None:
        """Reads the file; `is_test` is true below a crate's tests, benches and examples."""
        self.path = path
        self.text = text
        parts = path.split("/")
        self.folder = parts[1]
        self.crate = "interlock" if self.folder == "interlock" else f"interlock_{self.folder}"
        self.in_source = parts[2] == "src"
        self.is_test = not self.in_source

    @cached_property
    def lines(self) -> list[str]:
        """The lines as written."""
        return self.text.splitlines()

    @cached_property
    def bare(self) -> str:
        """The text with comments and the insides of strings blanked; offsets and lines stay."""
        return blank(self.text)

    @cached_property
    def bare_lines(self) -> list[str]:
        """The lines of `bare`."""
        return self.bare.split("\n")

    @cached_property
    def code(self) -> str:
        """`bare` without items for tests and for models (`#[cfg(test)]`, `#[cfg(loom)]`)."""
        code = self.bare
        for start, end in self._test_spans:
            code = code[:start] + blanked(code[start:end]) + code[end:]
        return code

    @cached_property
    def _test_spans(self) -> list[tuple[int, int]]:
        spans = []
        for match in _CFG.finditer(self.bare):
            if not _FOR_TESTS.search(_NOT.sub("", match["condition"])):
                continue
            if match["inner"]:
                return [(0, len(self.bare))]
            item = _TEST_ITEM.match(self.bare, match.end())
            start = item.end() if item else match.end()
            spans.append((match.start(), _item_end(self.bare, start)))
        return spans

    @cached_property
    def test_modules(self) -> list[str]:
        """Path prefixes of the modules that this file declares for tests only (`#[cfg(test)] mod tests;`)."""
        found = []
        for start, end in self._test_spans:
            name = re.search(r"\bmod\s+(\w+)\s*;", self.bare[start:end])
            if name:
                folder = self.path.rsplit("/", 1)[0]
                base = folder if self.is_root_of_folder else self.path.removesuffix(".rs")
                found += [f"{base}/{name.group(1)}.rs", f"{base}/{name.group(1)}/"]
        return found

    @property
    def is_root_of_folder(self) -> bool:
        """Whether the modules that this file declares lie beside it."""
        return self.path.rsplit("/", 1)[1] in {"lib.rs", "main.rs", "mod.rs"}

    @cached_property
    def module(self) -> tuple[str, ...]:
        """The module path, the crate's name first."""
        parts = self.path.split("/")[3:]
        parts[-1] = parts[-1].removesuffix(".rs")
        if parts[-1] in {"lib", "main", "mod"}:
            parts.pop()
        return (self.crate, *parts)

    def line_at(self, offset: int) -> int:
        """The number, from 1, of the line at an offset."""
        return self.text.count("\n", 0, offset) + 1

    def search(self, pattern: str) -> Iterator[tuple[int, str]]:
        """Where a pattern occurs in the code that is not for tests: line and matched text."""
        return ((self.line_at(m.start()), m.group()) for m in re.finditer(pattern, self.code))

    @cached_property
    def functions(self) -> list[Function]:
        """All functions, those of tests too."""
        return list(self._functions())

    def _functions(self) -> Iterator[Function]:
        for match in _FUNCTION.finditer(self.bare):
            opening = _after_generics(self.bare, match.end())
            if opening is None:
                continue
            closing = matching(self.bare, opening)
            end = _body_start(self.bare, closing + 1)
            result = self.bare[closing + 1 : end].strip()
            last = matching(self.bare, end) if end < len(self.bare) and self.bare[end] == "{" else end
            parameters = self.bare[opening + 1 : closing]
            yield Function(
                match["name"],
                self.line_at(match.start("name")),
                self.line_at(last),
                match.start(),
                last,
                bool(match["public"]),
                parameters,
                result,
            )

    @cached_property
    def uses(self) -> list[Use]:
        """What the `use` lines outside tests bring in."""
        return uses(self.code)

    @cached_property
    def code_without_uses(self) -> str:
        """`code` with the `use` declarations blanked."""
        code = self.code
        for start, end in sorted({use.statement for use in self.uses}):
            code = code[:start] + blanked(code[start:end]) + code[end:]
        return code

    @cached_property
    def paths(self) -> list[tuple[int, tuple[str, ...]]]:
        """Every path named but for macros: its line and words, resolved as far as this file tells."""
        found = [(self.line_at(use.start), self.resolve(use.path)) for use in self.uses]
        for match in _PATH.finditer(self.code_without_uses):
            if not match[2]:
                offset = match.start(1)
                found.append((self.line_at(offset), self.resolve(tuple(match[1].split("::")))))
        return found

    @cached_property
    def _names(self) -> dict[str, tuple[str, ...]]:
        return {use.name: use.path for use in self.uses if use.name not in {"_", "*"}}

    @cached_property
    def _children(self) -> set[str]:
        return set(re.findall(r"\bmod\s+(\w+)\s*[;{]", self.code))

    def resolve(self, path: tuple[str, ...], depth: int = 8) -> tuple[str, ...]:
        """The path from the crate's name on."""
        first, rest = path[0], path[1:]
        if first == "crate":
            return (self.crate, *rest)
        if first == "self":
            return (*self.module, *rest)
        if first == "super":
            module = self.module[:-1]
            while rest and rest[0] == "super":
                module, rest = module[:-1], rest[1:]
            return (*module, *rest)
        if first in self._children and rest:
            return (*self.module, *path)
        if depth and first in self._names and self._names[first][0] != first:
            return self.resolve((*self._names[first], *rest), depth - 1)
        if first in self._names and self._names[first] != (first,):
            path = (*self._names[first], *rest)
        return (*self.module, *path) if first in self._children else path


def _item_end(code: str, at: int) -> int:
    """The offset after the item, statement, field or match arm that begins at `at`."""
    stops = "{;" if _ITEM.match(code, at) else "{;,}"
    while at < len(code) and code[at] not in stops:
        at = matching(code, at) + 1 if code[at] in "([" else at + 1
    if at < len(code) and code[at] == "{":
        return matching(code, at) + 1
    return at if code[at : at + 1] == "}" else at + 1


def _after_generics(code: str, at: int) -> int | None:
    """The offset of the `(` that opens the parameters, after any generics."""
    depth = 0
    for offset in range(at, len(code)):
        character = code[offset]
        if character == "<":
            depth += 1
        elif character == ">" and code[offset - 1] not in "-=":
            depth -= 1
        elif character == "(" and depth == 0:
            return offset
        elif character in "{;" and depth == 0:
            return None
    return None


def _body_start(code: str, at: int) -> int:
    """The offset of the `{` or `;` after a signature; brackets in the result type are stepped over."""
    while at < len(code) and code[at] not in "{;":
        at = matching(code, at) + 1 if code[at] in "([" else at + 1
    return at
