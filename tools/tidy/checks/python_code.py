"""Rules for Python files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.tidy.house import DEMOS, MAX_FUNCTION_LINES
from tools.tidy.registry import Finding, check
from tools.tidy.tree import Tree

_REASON = re.compile(r"(?:#|//) sleep: \S")
_RUST_SLEEP = re.compile(r"(?<!fn )\bsleep\s*\(")
_WAITS = {"wait", "acquire", "sleep", "wait_for", "join", "select", "poll"}
_LOCKS = {"allocate_lock", "Lock", "RLock", "Condition", "Semaphore"}


@check("S-sleep", "tests do not sleep to get an order")
def tests_do_not_sleep(tree: Tree) -> Iterator[Finding]:
    """Each `sleep(` in a test bears a `# sleep: reason` on its line (`// sleep: reason` in Rust)."""
    for file in tree.python:
        if file.path.startswith("tests/"):
            for node in ast.walk(file.tree):
                if isinstance(node, ast.Call) and _called(node) == "sleep":
                    if not _REASON.search(file.lines[node.lineno - 1]):
                        yield Finding(
                            file.path, node.lineno, "wait for a state instead, or say `# sleep: reason`"
                        )
    for rust in tree.rust:
        for match in _RUST_SLEEP.finditer(rust.bare):
            in_test = rust.is_test or not rust.code[match.start() : match.end()].strip()
            line = rust.line_at(match.start())
            if (
                in_test
                and "sleep" in rust.bare[match.start() : match.end()]
                and not _REASON.search(rust.lines[line - 1])
            ):
                if not re.search(r"\bfn\s+$|\.$", rust.bare[: match.start()]):
                    yield Finding(rust.path, line, "wait for a state instead, or say `// sleep: reason`")


@check("S-facade", "the Python layer holds no lock and no loop that waits")
def facade_does_not_wait(tree: Tree) -> Iterator[Finding]:
    """In python/interlock no standard lock is made and no `while` loop waits; the demos are user code."""
    for file in tree.python:
        if not file.path.startswith("python/interlock/") or file.path.startswith(DEMOS):
            continue
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Call) and re.match(r"(?:_thread|_?threading)\.", ast.unparse(node.func)):
                if _called(node) in _LOCKS:
                    yield Finding(file.path, node.lineno, "makes a standard lock: the engine holds the locks")
            if isinstance(node, ast.While):
                for call in ast.walk(node):
                    if (
                        isinstance(call, ast.Call)
                        and _called(call) in _WAITS
                        and isinstance(call.func, ast.Attribute)
                    ):
                        yield Finding(
                            file.path, call.lineno, "waits in a loop: give the engine a call that does it"
                        )


@check("S-functions", f"functions have at most {MAX_FUNCTION_LINES} lines")
def functions_are_short(tree: Tree) -> Iterator[Finding]:
    """Python functions by their syntax tree, decorators left out; Rust functions by their braces."""
    for file in tree.python:
        for node in ast.walk(file.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _too_long(file.path, node.name, node.lineno, node.end_lineno or node.lineno)
    for rust in tree.rust:
        for function in rust.functions:
            yield from _too_long(rust.path, function.name, function.line, function.end_line)


def _too_long(path: str, name: str, first: int, last: int) -> Iterator[Finding]:
    length = last - first + 1
    if length > MAX_FUNCTION_LINES:
        yield Finding(path, first, f"`{name}` has {length} lines: it holds two ideas, part them")


def _called(call: ast.Call) -> str:
    """The last name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
