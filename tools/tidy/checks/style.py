"""Sizes, signatures and documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.tidy.house import MAX_FILE_LINES
from tools.tidy.registry import Finding, check
from tools.tidy.rust import Function, RustFile
from tools.tidy.tree import Tree

_GENERATED = re.compile(r"<!-- generated -->.*?<!-- /generated -->", re.DOTALL)
_BOOL = re.compile(r":\s*bool\b")
_MISSING_DOCS = re.compile(r"#!\s*\[\s*(?:warn|deny|forbid)\s*\([^)]*\bmissing_docs\b")
_MACHINE_PATH = re.compile(r"(?:^|[\s\"'`=(<])/(?:root|home|work|Users)/\w")
_TEXTS = (".rs", ".py", ".pyi", ".md", ".toml", ".txt", ".sh", "Makefile", ".ci/run")
_CLAIM = re.compile(r"^[^\w\n]*(C\d+)\b", re.MULTILINE)
_DOC = re.compile(r"\s*(?:///|//!|#\[|\)\]|/?\*)")


@check("S-files", f"files have at most {MAX_FILE_LINES} lines")
def files_are_short(tree: Tree) -> Iterator[Finding]:
    """Rust, Python and Markdown; the changelog and what stands between `generated` marks are free."""
    for path in tree.find(".rs", ".py", ".pyi", ".md"):
        text = tree.text(path)
        if path.endswith(".md"):
            text = "" if path == "CHANGELOG.md" else _GENERATED.sub("", text)
        length = text.count("\n")
        if length > MAX_FILE_LINES:
            yield Finding(path, MAX_FILE_LINES, f"has {length} lines: it holds two ideas, part them")


@check("S-bool", "no bool parameter in a public function below crates/python")
def no_bool_parameters(tree: Tree) -> Iterator[Finding]:
    """A caller reads `f(true)`: use two functions or an enum with names."""
    for file in tree.engine:
        if file.folder != "python":
            for function in _public(file):
                if _BOOL.search(function.parameters):
                    yield Finding(
                        file.path, function.line, f"`{function.name}`: two functions or an enum say more"
                    )


@check("S-docs", "every public item is documented")
def missing_docs_is_on(tree: Tree) -> Iterator[Finding]:
    """Each crate asks the compiler: an attribute in lib.rs, or the workspace's lint table inherited."""
    lints = tree.toml("Cargo.toml").get("workspace", {}).get("lints", {}).get("rust", {})
    shared = lints.get("missing_docs", {})
    level = shared.get("level") if isinstance(shared, dict) else shared
    for crate in tree.crates:
        inherits = tree.toml(f"crates/{crate}/Cargo.toml").get("lints", {}).get("workspace") is True
        root = f"crates/{crate}/src/lib.rs"
        if not (inherits and level in {"warn", "deny", "forbid"}) and not _MISSING_DOCS.search(
            tree.text(root)
        ):
            yield Finding(root, 1, "say `#![warn(missing_docs)]` or inherit the workspace's lints")


@check("S-blocks", "a public function that takes a Deadline says when it blocks")
def blocking_is_documented(tree: Tree) -> Iterator[Finding]:
    """Its documentation has a word on blocking: what it waits for and what wakes it."""
    for file in tree.engine:
        for function in _public(file):
            if re.search(r":\s*(?:&(?:mut )?)?(?:Deadline|Patience|[^,]*\bPatience\b)", function.parameters):
                if not re.search(r"\bblock|\bwait|\bsleep", _documentation(file, function), re.IGNORECASE):
                    yield Finding(
                        file.path,
                        function.line,
                        f"`{function.name}`: say what it waits for and what wakes it",
                    )


@check("S-claims", "each claim of a PROTOCOL.md has its own number and names a test that exists")
def claims_are_tested(tree: Tree) -> Iterator[Finding]:
    """A line that begins with `C<n>` names its test in backticks; a function of that name is in the crate.

    The numbers go through all crates.
    """
    seen: dict[str, str] = {}
    for path in tree.find("PROTOCOL.md", under="crates/"):
        folder = path.split("/")[1]
        names = {function.name for file in tree.rust if file.folder == folder for function in file.functions}
        text = tree.text(path)
        for match in _CLAIM.finditer(text):
            line = text.count("\n", 0, match.start(1)) + 1
            if match[1] in seen:
                yield Finding(path, line, f"{match[1]} is the number of a claim in {seen[match[1]]} already")
            seen[match[1]] = path
            paragraph = text[match.start() :].split("\n\n")[0]
            paragraph = re.split(r"\n[^\w\n]*C\d+\b", paragraph)[0]
            if not names & set(re.findall(r"`(?:\w+::)*(\w+)`", paragraph)):
                yield Finding(
                    path, line, f"{match[1]} names no test in backticks that exists in crates/{folder}"
                )


@check("S-paths", "no file names a folder of somebody's machine")
def no_machine_paths(tree: Tree) -> Iterator[Finding]:
    """Absolute paths below the usual homes."""
    for path in tree.find(*_TEXTS):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if _MACHINE_PATH.search(line):
                yield Finding(path, number, "names a folder of one machine: make it relative")


def _public(file: RustFile) -> Iterator[Function]:
    """The public functions that are not for tests."""
    return (f for f in file.functions if f.public and file.code[f.start : f.start + 3].strip())


def _documentation(file: RustFile, function: Function) -> str:
    number = file.line_at(function.start) - 1
    first = number
    while first >= 1 and _DOC.match(file.lines[first - 1]):
        first -= 1
    return "\n".join(file.lines[first:number])
