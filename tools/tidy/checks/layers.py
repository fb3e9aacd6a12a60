"""Which crate may know what."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.tidy.house import ALLOWED_EDGES, ALLOWED_EXTERNAL
from tools.tidy.registry import Finding, check
from tools.tidy.rust_lexer import matching
from tools.tidy.tree import Tree

_CFG = re.compile(r"\bcfg(?:_attr)?!?\s*\(")
_PLATFORM = re.compile(
    r"\b(?:target_(?:os|arch|env|family|vendor|pointer_width|endian|has_atomic)|unix|windows|linux)\b"
)
_FOREIGN = {"libc", "rustix", "nix"}
_OBSERVERS = ("interlock_watch", "interlock_sim")


@check("I3", "platform code only in os")
def platform_code_in_os(tree: Tree) -> Iterator[Finding]:
    """Platform conditions, `libc`, `rustix` and std's platform extensions stand in `crates/os` only."""
    for file in tree.engine:
        if file.folder == "os":
            continue
        for match in _CFG.finditer(file.code):
            opening = match.end() - 1
            if _PLATFORM.search(file.code, opening, matching(file.code, opening)):
                advice = "asks for the platform: give crates/os a function that hides it"
                yield Finding(file.path, file.line_at(match.start()), advice)
        for line, path in file.paths:
            if path[0] in _FOREIGN or path[:3] in {("std", "os", "unix"), ("std", "os", "linux")}:
                yield Finding(file.path, line, f"`{'::'.join(path)}` belongs behind a function of crates/os")


@check("I4", "no pyo3 below crates/python")
def no_python_below(tree: Tree) -> Iterator[Finding]:
    """No other crate depends on PyO3, for tests neither, or names it."""
    for crate in tree.crates:
        for table, name, _ in _dependencies(tree, crate):
            if crate != "python" and name.startswith("pyo3"):
                path = f"crates/{crate}/Cargo.toml"
                yield Finding(path, _line_of(tree, path, name), f"{table}: only crates/python knows Python")
    for file in tree.rust:
        if file.folder != "python":
            for line, resolved in file.paths:
                if resolved[0].startswith("pyo3"):
                    yield Finding(file.path, line, "only crates/python knows Python: move this up")


@check("I6-crates", "crates depend downwards only, as the table of the house allows")
def crates_point_down(tree: Tree) -> Iterator[Finding]:
    """Every dependency of a crate stands in the table; those for tests, and loom for its models, are free."""
    for crate in tree.crates:
        path = f"crates/{crate}/Cargo.toml"
        if crate not in ALLOWED_EDGES:
            yield Finding(path, 1, f"crate {crate} has no row in tools/tidy/house.py: say what it may import")
            continue
        for table, name, package in _dependencies(tree, crate):
            internal = re.fullmatch(r"interlock(?:-(\w+))?", package)
            allowed = ALLOWED_EDGES[crate] if internal else ALLOWED_EXTERNAL.get(crate, set())
            wanted = (internal[1] or "interlock") if internal else package
            free = "dev-" in table or ("loom" in table and wanted == "loom")
            if not free and wanted not in allowed:
                advice = (
                    f"{crate} may not depend on {package}; allowed: {', '.join(sorted(allowed)) or 'nothing'}"
                )
                yield Finding(path, _line_of(tree, path, name), advice)


@check("I10", "primitives do not know watch or sim")
def primitives_know_no_observer(tree: Tree) -> Iterator[Finding]:
    """The crates below the faces never name an observer; the observers implement `Probe` instead."""
    for file in tree.engine:
        if file.folder in {"os", "wait", "sync", "queue", "shm", "pool"}:
            for line, path in file.paths:
                if path[0] in _OBSERVERS:
                    yield Finding(file.path, line, "report an event to the Probe; the observer implements it")
            for line, name in file.search(r"\binterlock_(?:watch|sim)\b(?!\s*::)"):
                yield Finding(
                    file.path, line, f"`{name}`: report an event to the Probe; the observer implements it"
                )


def _dependencies(tree: Tree, crate: str) -> Iterator[tuple[str, str, str]]:
    """The table, key and package name of each dependency of a crate."""
    manifest = tree.toml(f"crates/{crate}/Cargo.toml")
    shared = tree.toml("Cargo.toml").get("workspace", {}).get("dependencies", {})
    places = [
        ("", manifest),
        *((f"target {name} ", part) for name, part in manifest.get("target", {}).items()),
    ]
    for prefix, part in places:
        for table in ("dependencies", "build-dependencies", "dev-dependencies"):
            for name, value in part.get(table, {}).items():
                detail = value if isinstance(value, dict) else {}
                if detail.get("workspace") and isinstance(shared.get(name), dict):
                    detail = shared[name]
                yield prefix + table, name, detail.get("package", name)


def _line_of(tree: Tree, path: str, name: str) -> int:
    """The line on which a manifest names a dependency."""
    lines = tree.text(path).splitlines()
    return next(
        (n for n, line in enumerate(lines, 1) if re.match(rf"\[?[\w.\"'() =]*\b{re.escape(name)}\b", line)), 1
    )
