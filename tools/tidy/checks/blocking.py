"""Where a thread blocks, where it leaves the interpreter, and how time is told."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.tidy.house import BLOCK_FILE, KERNEL_WAITS, OTHER_WAITS
from tools.tidy.registry import Finding, check
from tools.tidy.rust import Function
from tools.tidy.tree import Tree

_DETACH = r"(?:\.|::)detach\s*\(|\ballow_threads\b|\bPyEval_(?:SaveThread|ReleaseThread)\b"
_TIME_TYPE = re.compile(r"\b(?:Duration|Instant|f64|f32)\b")
_TIME_NAME = re.compile(r"timeout|timed|wait|until|deadline|secs?\b|seconds|_for$")


@check("I1", "wait::block is the only caller of the kernel's waits, and nothing of std's or others' blocks")
def one_place_blocks(tree: Tree) -> Iterator[Finding]:
    """Kernel waits are named in one file only; std's blocking types and parking_lot in none.

    A thread that joins another through a handle of std, or the first use of a `OnceLock`, is not seen.
    """
    for file in tree.engine:
        for line, path in file.paths:
            name = "::".join(path)
            if file.folder != "os" and file.path != BLOCK_FILE:
                if re.match(KERNEL_WAITS, name):
                    yield Finding(file.path, line, f"`{name}` blocks: wait through wait::block")
            if re.match(OTHER_WAITS, name):
                yield Finding(file.path, line, f"`{name}` waits unseen: use interlock-wait or interlock-sync")


@check("I2", "one function detaches from the interpreter")
def one_place_detaches(tree: Tree) -> Iterator[Finding]:
    """Exactly one expression of the extension detaches (none is right while nothing there blocks)."""
    hits = [(f.path, line) for f in tree.engine if f.folder == "python" for line, _ in f.search(_DETACH)]
    first = hits[0] if hits else None
    for path, line in hits[1:]:
        assert first
        yield Finding(path, line, f"detaches a second time: go through the function at {first[0]}:{first[1]}")


@check("I7", "time below the border is a Deadline")
def time_is_a_deadline(tree: Tree) -> Iterator[Finding]:
    """`x_until` takes a `Deadline`, and no function takes a timeout as a duration or as a number of seconds.

    Functions that make a `Deadline` are the border itself. `os`, which lies below `Deadline`, tells absolute
    nanoseconds.
    """
    for file in tree.engine:
        if file.folder == "python":
            continue
        makes_deadlines = file.path.endswith("/deadline.rs")
        for function in file.functions:
            if _is_for_tests(file.code, function):
                continue
            takes_deadline = "Deadline" in function.parameters
            if function.name.endswith("_until") and not takes_deadline and file.folder != "os":
                yield Finding(file.path, function.line, f"`{function.name}` should take a `Deadline`")
            if not makes_deadlines and "Deadline" not in function.result:
                yield from _times(file.path, function)


def _times(path: str, function: Function) -> Iterator[Finding]:
    for parameter in re.split(r",(?![^<(]*[>)])", function.parameters):
        name, _, kind = parameter.partition(":")
        is_time = _TIME_NAME.search(name.strip()) or _TIME_NAME.search(function.name)
        if kind and is_time and _TIME_TYPE.search(kind):
            yield Finding(
                path, function.line, f"`{name.strip()}` of `{function.name}` should be a `Deadline`"
            )


def _is_for_tests(code: str, function: Function) -> bool:
    return not code[function.start : function.start + 3].strip()
