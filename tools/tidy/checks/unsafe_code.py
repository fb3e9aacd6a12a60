"""Unsafe code: a short list of short files, each block with its note."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch

from tools.tidy.house import MAX_UNSAFE_FILES_ABOVE_OS, MAX_UNSAFE_LINES
from tools.tidy.registry import Finding, check
from tools.tidy.rust import RustFile
from tools.tidy.tree import Tree

MAP = "ARCHITECTURE.md"
MARKER = "<!-- unsafe-files -->"
_END = re.compile(r"<!-- /?(?:end )?unsafe-files -->")
_ENTRY = re.compile(r"crates/[\w./*-]+\.rs")
_UNSAFE = re.compile(
    r"\bunsafe\s*(?:\{|impl\b|trait\b|(?:extern\s*\"[^\"]*\"\s*)?fn\s+\w|extern\s*\"[^\"]*\"\s*\{)"
)
_FORBID = re.compile(r"#!\s*\[\s*forbid\s*\([^)]*\bunsafe_code\b")
_WORD = re.compile(r"\bunsafe\b")
_STATEMENT_ENDS = (";", "{", "}")


def listed(tree: Tree) -> list[tuple[int, str]]:
    """The patterns between the markers in ARCHITECTURE.md, with their lines."""
    before, marker, after = tree.text(MAP).partition(MARKER)
    if not marker:
        return []
    end = _END.search(after)
    block = after[: end.start()] if end else after
    first = before.count("\n") + 1
    return [(first + block.count("\n", 0, m.start()), m.group()) for m in _ENTRY.finditer(block)]


@check("I5", "unsafe only in a short, named list of files, each block with a SAFETY note")
def unsafe_is_a_list(tree: Tree) -> Iterator[Finding]:
    """The list matches the code, its files are short, notes are there, all other crates forbid unsafe code.

    Whether a note answers the callee's conditions is for the reader to judge.
    """
    patterns = listed(tree)
    with_unsafe = {f.path: f for f in tree.rust if f.in_source and _WORD.search(f.bare)}
    for file in with_unsafe.values():
        if not any(fnmatch(file.path, pattern) for _, pattern in patterns):
            offset = next(_WORD.finditer(file.bare)).start()
            yield Finding(
                file.path,
                file.line_at(offset),
                f"is not in the list of {MAP}: move the unsafe code to a file that is",
            )
        if len(file.lines) >= MAX_UNSAFE_LINES:
            yield Finding(
                file.path, len(file.lines), f"a file with unsafe code stays below {MAX_UNSAFE_LINES} lines"
            )
    for line, pattern in patterns:
        if not any(fnmatch(path, pattern) for path in with_unsafe):
            yield Finding(MAP, line, f"`{pattern}` holds no unsafe code: take it off the list")
    above = [path for path in with_unsafe if not path.startswith("crates/os/")]
    if len(above) > MAX_UNSAFE_FILES_ABOVE_OS:
        yield Finding(
            MAP, 1, f"{len(above)} files above crates/os are unsafe; at most {MAX_UNSAFE_FILES_ABOVE_OS}"
        )
    for file in tree.rust:
        yield from _notes(file)
    yield from _forbidden(tree, set(with_unsafe))


def _forbidden(tree: Tree, with_unsafe: set[str]) -> Iterator[Finding]:
    """Crates without unsafe code say so to the compiler."""
    for crate in tree.crates:
        root = f"crates/{crate}/src/lib.rs"
        has_unsafe = any(path.startswith(f"crates/{crate}/") for path in with_unsafe)
        if not has_unsafe and not _FORBID.search(tree.text(root)):
            yield Finding(root, 1, "say `#![forbid(unsafe_code)]`: this crate needs none")


def _notes(file: RustFile) -> Iterator[Finding]:
    """Each unsafe block, impl, trait and function has its note."""
    for match in _UNSAFE.finditer(file.bare):
        line = file.line_at(match.start())
        if "fn" in match.group() or "trait" in match.group():
            if not re.search(r"# Safety|SAFETY", _comments_above(file, line)) and not _in_trait_impl(
                file, match
            ):
                yield Finding(file.path, line, "write a `# Safety` section: what must the caller uphold?")
        elif "SAFETY:" not in _comments_above(file, line) and "SAFETY:" not in file.lines[line - 1]:
            yield Finding(
                file.path, line, "write a `// SAFETY:` note above that answers the callee's conditions"
            )


def _comments_above(file: RustFile, line: int) -> str:
    """The comments and attributes directly above the statement that holds `line`."""
    found, number = [], line - 1
    while number >= 1:
        raw, bare = file.lines[number - 1].strip(), file.bare_lines[number - 1].strip()
        if raw.startswith("//"):
            found.append(raw)
        elif not raw or (not bare.startswith("#[") and (found or bare.endswith(_STATEMENT_ENDS) or not bare)):
            break
        number -= 1
    return "\n".join(found)


def _in_trait_impl(file: RustFile, match: re.Match[str]) -> bool:
    """Whether the function fulfils a trait, whose own text holds the contract."""
    before = file.bare[: match.start()]
    headers = list(re.finditer(r"\bimpl\b[^;{]*\{", before))
    if not headers:
        return False
    last = headers[-1]
    inside = before[last.end() :]
    return " for " in last.group() and inside.count("{") >= inside.count("}")
