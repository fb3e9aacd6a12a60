"""What may happen to payloads and to shared bytes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.tidy.checks.cycles import imports
from tools.tidy.registry import Finding, check
from tools.tidy.rust import RustFile
from tools.tidy.rust_lexer import matching
from tools.tidy.tree import Tree

_BOUND = re.compile(r"\b[A-Z]\w*\s*:\s*[^,>{;=()]*\b(Clone|Copy|PartialEq|Eq|PartialOrd|Ord|Hash)\b")
_REPR_C = re.compile(r"#\s*\[\s*repr\s*\(\s*(?:C|transparent)\b[^\]]*\]")
_STRUCT = re.compile(r"\b(?:struct|union)\s+(\w+)[^{;(]*([{(;])")
_POINTER = re.compile(
    r"\*\s*(?:const|mut)\b|&|\b(?:Box|Arc|Rc|Vec|String|NonNull|AtomicPtr|fn\s*\()\b|\b[ui]size\b"
)
_PICKLES = {"pickle", "_pickle", "cloudpickle", "dill"}


@check("I9", "no user code under an internal lock (a program sees only part of it)")
def queues_never_look_at_payloads(tree: Tree) -> Iterator[Finding]:
    """In crates/queue no payload is asked to be cloned, compared or hashed, but in the priority queue.

    A program cannot see which code drops or calls a Python object while an internal lock is held: review asks
    at each lock what runs before it is released, and tests with a hostile `__del__` and `__lt__` try it.
    """
    for file in tree.engine:
        if file.folder == "queue" and "priority" not in file.path:
            for match in _BOUND.finditer(file.code):
                line = file.line_at(match.start())
                yield Finding(
                    file.path, line, f"`{match[1]}` on a payload: a queue moves payloads and never looks"
                )


@check(
    "I11", "nothing in shared memory is a pointer; the layout is versioned and written down (partly checked)"
)
def shared_bytes_hold_no_pointer(tree: Tree) -> Iterator[Finding]:
    """Structs with a fixed layout in crates/shm hold no pointer and no machine-sized word; FORMAT.md exists.

    A program cannot see whether FORMAT.md tells the truth or an integer is used as an address: that is for
    review.
    """
    if "shm" not in tree.crates:
        return
    if not tree.text("crates/shm/FORMAT.md"):
        yield Finding("crates/shm/FORMAT.md", 1, "write down the layout of the shared bytes")
    files = [file for file in tree.engine if file.folder == "shm"]
    if not any(re.search(r"\bconst\s+\w*VERSION\b", file.code) for file in files):
        yield Finding(
            "crates/shm/src/lib.rs", 1, "give the layout a `const …VERSION` that attaching processes compare"
        )
    for file in files:
        yield from _pointers(file)


def _pointers(file: RustFile) -> Iterator[Finding]:
    for layout in _REPR_C.finditer(file.code):
        struct = _STRUCT.search(file.code, layout.end())
        if struct and struct[2] != ";":
            start = struct.end() - 1
            for match in _POINTER.finditer(file.code, start, matching(file.code, start)):
                word = match.group().strip()
                advice = f"`{word}` in `{struct[1]}`: shared bytes hold offsets and fixed-size integers"
                yield Finding(file.path, file.line_at(match.start()), advice)


@check("I12", "pickling lives in one Python module")
def one_module_pickles(tree: Tree) -> Iterator[Finding]:
    """At most one module of python/interlock imports a pickling library."""
    found: dict[str, int] = {}
    for file in tree.python:
        if not file.path.startswith("python/interlock/"):
            continue
        for node in imports(file.tree):
            names: list[str | None] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [None if node.level else node.module]
            elif isinstance(node.args[0], ast.Constant):
                names = [str(node.args[0].value)]
            if any(name and name.partition(".")[0] in _PICKLES for name in names):
                found.setdefault(file.path, node.lineno)
    for path in sorted(found)[1:]:
        yield Finding(path, found[path], f"pickles a second time: {sorted(found)[0]} is the module for it")
