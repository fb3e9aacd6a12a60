"""Imports in circles: modules inside each crate, and Python modules."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from tools.tidy.registry import Finding, check
from tools.tidy.rust import RustFile
from tools.tidy.tree import PythonFile, Tree

Graph = dict[str, dict[str, int]]
"""From a module to those that it imports, each with the line of the first import."""


@check("I6-modules", "no import cycles between the modules of a crate")
def rust_modules(tree: Tree) -> Iterator[Finding]:
    """A path that starts at the crate, at `super` or at a child module counts as an import.

    A name taken from the crate's root is an import of the root, which re-exports: take it from where it is
    defined.
    """
    for crate in tree.crates:
        files = [
            f for f in tree.engine if f.folder == crate and f.in_source and not f.path.endswith("/main.rs")
        ]
        paths = {"::".join(f.module): f.path for f in files}
        graph = {"::".join(f.module): _rust_imports(f, set(paths)) for f in files}
        yield from _report(graph, paths)


@check("I6-python", "no import cycles between Python modules")
def python_modules(tree: Tree) -> Iterator[Finding]:
    """Imports inside functions count; those for type checkers do not."""
    files = {_module_name(f.path): f for f in tree.python if f.path.startswith("python/interlock/")}
    graph = {name: _python_imports(file, name, set(files)) for name, file in files.items()}
    yield from _report(graph, {name: file.path for name, file in files.items()})


def cycles(graph: Graph) -> list[list[str]]:
    """A shortest circle through each module that is in one; modules already shown are left out."""
    found, seen = [], set()
    for start in sorted(graph):
        if start not in seen and (way := _way_back(graph, start)):
            seen.update(way)
            found.append(way)
    return found


def _way_back(graph: Graph, start: str) -> list[str]:
    """The shortest way from `start` over its imports back to it; empty when there is none."""
    queue, came_from = [start], {start: ""}
    for at in queue:
        for target in graph.get(at, {}):
            if target == start:
                way = [at]
                while came_from[way[-1]]:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if target not in came_from:
                came_from[target] = at
                queue.append(target)
    return []


def _report(graph: Graph, paths: dict[str, str]) -> Iterator[Finding]:
    for way in cycles(graph):
        circle = " → ".join([*way, way[0]])
        yield Finding(paths[way[0]], graph[way[0]][(*way, way[0])[1]], f"imports in a circle: {circle}")


def _rust_imports(file: RustFile, modules: set[str]) -> dict[str, int]:
    own = "::".join(file.module)
    found: dict[str, int] = {}
    for line, path in file.paths:
        if path[0] == file.crate:
            target = _deepest(path, modules)
            if target and target != own:
                found.setdefault(target, line)
    return found


def _deepest(path: Iterable[str], modules: set[str]) -> str | None:
    """The innermost known module on a path."""
    words = list(path)
    prefixes = ("::".join(words[:length]) for length in range(len(words), 0, -1))
    return next((prefix for prefix in prefixes if prefix in modules), None)


def _module_name(path: str) -> str:
    return path.removeprefix("python/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _python_imports(file: PythonFile, own: str, modules: set[str]) -> dict[str, int]:
    package = own if file.path.endswith("/__init__.py") else own.rpartition(".")[0]
    found: dict[str, int] = {}
    for node in imports(file.tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            targets = [f"{base}.{a.name}" if f"{base}.{a.name}" in modules else base for a in node.names]
        else:
            targets = [str(node.args[0].value)] if isinstance(node.args[0], ast.Constant) else []
        for target in targets:
            if target in modules and target != own:
                found.setdefault(target, node.lineno)
    return found


def _base(node: ast.ImportFrom, package: str) -> str:
    """The module from which a `from` import takes its names."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom | ast.Call]:
    """All imports below `node` that run: statements and `import_module("…")`; nothing under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from imports(ast.Module([other], []))
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        if isinstance(child, ast.Call) and ast.unparse(child.func).endswith("import_module") and child.args:
            yield child
        yield from imports(child)
