"""The project's rules that no other tool checks: `python -m tools.tidy`.

Each rule is one function, which reads the checkout and reports `path:line: rule what to do`. Rules that clippy,
cargo-deny and import-linter can check are left to them (ARCHITECTURE.md, "Invariants"). Rust is read in rustfmt's
format: an item ends at the next line with its indentation. A function's docstring says what the function cannot see.
"""

from __future__ import annotations

import argparse
import ast
import graphlib
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
MAP = "ARCHITECTURE.md"
MAX_MAP_LINES, MAX_FILE_LINES, MAX_FUNCTION_LINES = 800, 500, 60
MAX_UNSAFE_LINES, MAX_UNSAFE_FILES_ABOVE_OS = 300, 19
ENGINE = ("os", "wait", "sync", "queue", "shm", "pool", "sched", "interlock")
INVARIANTS = tuple(f"I{number}" for number in range(1, 14))
TOOLS = {
    "clippy": "clippy.toml",
    "cargo-deny": "deny.toml",
    "import-linter": "pyproject.toml",
    "ruff": "pyproject.toml",
    "rustc": "Cargo.toml",
}
"""Tools that check an invariant, each with the file that names it."""

EXEMPT = r"\b(?:expect|allow)\(\s*(?:[\w:]+,\s*)*clippy::disallowed_"

_NOISE = re.compile(
    r"//[^\n]*|/\*.*?\*/|\b[bc]?r(#*)\".*?\"\1|\"(?:\\.|[^\"\\])*\"|'(?:\\[^'\n]+|[^\\'\n]|\\')'", re.DOTALL
)
_TEST_ITEM = re.compile(
    r"^( *)#!?\[cfg\((?:all\()?(?:test|loom)\b[^\n]*\n(?:\1#[^\n]*\n)*\1[^\n]*"
    r"(?:[;,}]|\n(?:(?:\1 [^\n]*|\1(?:where|\{|\)[^\n]*\{)|)\n)*?\1[)\]}](?:[^\n]*[^{\n])?)$",
    re.MULTILINE,
)
_TEST_FILE = re.compile(r"^#\[cfg\((?:test|loom)\)\]\n(?:#.*\n)*(?:pub )?mod (\w+);", re.MULTILINE)
_GENERICS = r"(?:<(?:[^<>]|->|<(?:[^<>]|<[^<>]*>)*>)*>)?"
_FUNCTION = re.compile(
    rf"^ *(?P<public>pub )?(?:pub\(\w+\) )?(?:const |async |unsafe |extern \S+ )*fn (?P<name>\w+){_GENERICS}"
    r"\((?P<parameters>(?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)(?P<result>[^{;]*)",
    re.MULTILINE,
)
_GROUP = re.compile(r"([\w:]+::)\{([^{}]*)\}")


class Finding(NamedTuple):
    """One place that breaks a rule, with what to do about it."""

    path: str
    line: int
    advice: str


class Rust(NamedTuple):
    """A file of a crate: as written, and its code without comments, strings, tests and models (offsets stay)."""

    path: str
    text: str
    bare: str
    code: str

    def line(self, offset: int) -> int:
        """The number of the line, from 1."""
        return self.text.count("\n", 0, offset) + 1

    def find(self, pattern: str, advice: str) -> Iterator[Finding]:
        """A finding for each match in the code."""
        for match in re.finditer(pattern, self.code):
            yield Finding(self.path, self.line(match.start()), f"`{match[0]}`: {advice}")


class Tree:
    """A checkout. Paths are relative to its root, with slashes."""

    def __init__(self, root: Path) -> None:
        """Read the names of the files, except for build products and for hidden folders other than `.ci`."""
        skipped = re.compile(r"(?:target|dist|build|(?:.*/)?__pycache__|\.(?!ci/)[^/]*)/")
        paths = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        self.root, self.files = root, sorted(path for path in paths if not skipped.match(path))
        self.crates = sorted({path.split("/")[1] for path in self.files if re.match(r"crates/\w+/", path)})

    def text(self, path: str) -> str:
        """Return the content of a file, or an empty string if it does not exist."""
        return (self.root / path).read_text("utf-8", "replace") if path in self.files else ""

    def find(self, *suffixes: str, under: str = "") -> list[str]:
        """Paths with one of the suffixes, below a folder."""
        return [path for path in self.files if path.endswith(suffixes) and path.startswith(under)]

    @cached_property
    def rust(self) -> list[Rust]:
        """All files of the crates."""
        texts = {path: self.text(path) for path in self.find(".rs", under="crates/")}
        files, tests = (
            [],
            [
                f"{re.sub(r'(?:/lib|/mod|)[.]rs$', '', path)}/{name}"
                for path, text in texts.items()
                for name in _TEST_FILE.findall(text)
            ],
        )
        for path, text in texts.items():
            bare = _NOISE.sub(lambda match: blanked(match[0]), text)
            whole = "/src/" not in path or any(path.startswith((f"{t}.rs", f"{t}/")) for t in tests)
            code = "" if whole else _TEST_ITEM.sub(lambda match: blanked(match[0]), bare)
            files.append(Rust(path, text, bare, code))
        return files

    def engine(self, *crates: str) -> list[Rust]:
        """The files of these crates that are not for tests."""
        return [file for file in self.rust if file.code and file.path.split("/")[1] in crates]

    @cached_property
    def python(self) -> list[tuple[str, str, ast.Module]]:
        """All Python files that parse (ruff reports the others), with their syntax trees."""
        files = ((path, self.text(path)) for path in self.find(".py"))
        return [(path, text, syntax) for path, text in files if (syntax := parsed(text))]

    @cached_property
    def names(self) -> set[str]:
        """All files and folders."""
        folders = (path[: match.start()] for path in self.files for match in re.finditer("/", path))
        return {*self.files, *folders}


def blanked(text: str) -> str:
    """Replace everything except line breaks by spaces."""
    return re.sub(r"[^\n]", " ", text)


def parsed(text: str) -> ast.Module | None:
    """Return the syntax tree of a text, or None if it is not Python of this version."""
    try:
        return ast.parse(text)
    except SyntaxError:
        return None


RULES: dict[str, Callable[[Tree], Iterator[Finding]]] = {}


def rule(name: str) -> Callable[[Callable[[Tree], Iterator[Finding]]], Callable[[Tree], Iterator[Finding]]]:
    """Registers a function under the name of its rule."""

    def register(function: Callable[[Tree], Iterator[Finding]]) -> Callable[[Tree], Iterator[Finding]]:
        RULES[name] = function
        return function

    return register


@rule("I3")
def platform_conditions(tree: Tree) -> Iterator[Finding]:
    """Only `crates/os` has conditions on the platform; clippy.toml and deny.toml keep its means out of other crates."""
    for file in tree.engine(*(crate for crate in tree.crates if crate != "os")):
        asks = r"\bcfg(?:_attr|!)?\s*\([^\]\n]*\b(?:target_(?!has)\w+|unix|windows|linux)\b"
        yield from file.find(asks, "give crates/os a function that hides the platform")


@rule("I5")
def exceptions_are_listed(tree: Tree) -> Iterator[Finding]:
    """The map lists the files with unsafe code, and clippy.toml those with an exception from its lists.

    Each file with unsafe code has to say so itself, because the compiler extends what a module allows to its children.
    """
    source = [file for file in tree.rust if "/src/" in file.path]
    unsafe = {file.path for file in source if re.search(r"\bunsafe\b", file.bare)}
    exempt = {file.path for file in source if re.search(EXEMPT, file.text)}
    marked = re.search(r"<!-- unsafe-files -->.*?<!-- /unsafe-files -->", tree.text(MAP), re.DOTALL)
    lists = {MAP: (unsafe, marked[0] if marked else ""), "clippy.toml": (exempt, tree.text("clippy.toml"))}
    for where, (found, text) in lists.items():
        for path in sorted(found ^ set(re.findall(r"crates/[\w/]+\.rs", text))):
            yield Finding(path, 1, f"{where} {'does not list it' if path in found else 'lists it in vain'}")
    for file in source:
        if file.path in unsafe:
            if not re.search(r"^#!\[expect\(\s*unsafe_code,\s*reason", file.text, re.MULTILINE):
                yield Finding(file.path, 1, "say why: `#![expect(unsafe_code, reason = …)]`")
            if (length := file.text.count("\n")) >= MAX_UNSAFE_LINES:
                yield Finding(
                    file.path, length, f"a file with unsafe code stays below {MAX_UNSAFE_LINES} lines"
                )
    above = [path for path in unsafe if not path.startswith("crates/os/")]
    if len(above) > MAX_UNSAFE_FILES_ABOVE_OS:
        yield Finding(
            MAP, 1, f"{len(above)} files above crates/os are unsafe, {MAX_UNSAFE_FILES_ABOVE_OS} may be"
        )


@rule("I6-crates")
def dependencies_are_listed(tree: Tree) -> Iterator[Finding]:
    """Each dependency has a line in deny.toml that lists the crates which may have it: I4, I6, I10.

    So the edges are checked even without cargo-deny. Dependencies of tests are free, except for Python.
    """
    bans = tomllib.loads(tree.text("deny.toml")).get("bans", {}).get("deny", [])
    allowed = {ban["crate"]: ban.get("wrappers", []) for ban in bans}
    for crate in tree.crates:
        path = f"crates/{crate}/Cargo.toml"
        manifest = tomllib.loads(tree.text(path))
        own = manifest.get("package", {}).get("name", crate)
        if manifest.get("lints") != {"workspace": True}:
            yield Finding(path, 1, "say `[lints] workspace = true`")
        if "deny(clippy::disallowed_methods, clippy::disallowed_types)" not in tree.text(
            f"crates/{crate}/src/lib.rs"
        ):
            yield Finding(f"crates/{crate}/src/lib.rs", 1, "deny clippy's two lists, as the other crates do")
        for part in [manifest, *manifest.get("target", {}).values()]:
            for table in ("dependencies", "build-dependencies", "dev-dependencies"):
                for key, detail in part.get(table, {}).items():
                    name = detail.get("package", key) if isinstance(detail, dict) else key
                    free = table == "dev-dependencies" and not name.startswith("pyo3")
                    if not free and own not in allowed.get(name, []):
                        yield Finding(path, 1, f"{own} may not depend on {name}: see deny.toml")


@rule("I6-modules")
def modules_form_no_circle(tree: Tree) -> Iterator[Finding]:
    """Modules form no circle. A path from `crate`, `super` or a child module is an import."""
    for crate in tree.crates:
        files = {module(file.path): file for file in tree.engine(crate)}
        graph = {own: set(imported(file.code, own, set(files))) - {own} for own, file in files.items()}
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            way = " ← ".join("::".join(("crate", *own)) for own in error.args[1])
            yield Finding(files[error.args[1][0]].path, 1, f"imports in a circle: {way}")


def module(path: str) -> tuple[str, ...]:
    """The module of a file, without its crate."""
    names = re.sub(r"^crates/\w+/src/|(?:/?\b(?:lib|mod|main))?\.rs$", "", path)
    return tuple(name for name in names.split("/") if name)


def imported(code: str, own: tuple[str, ...], modules: set[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """The innermost known module of each path."""
    flat = code
    while (code := flat) != (
        flat := _GROUP.sub(lambda m: ",".join(m[1] + p.strip() for p in m[2].split(",")), code)
    ):
        pass
    children = re.findall(r"\bmod (\w+)\s*[;{]", flat)
    starts = "|".join(["crate", "self", "super(?:::super)*", *children])
    for match in re.finditer(rf"(?<![\w:.])({starts})((?:::\w+)+)(?![\w!])", flat):
        first, rest = match[1], tuple(match[2].split("::")[1:])
        base = own if first == "self" else () if first == "crate" else own[: -first.count("super") or None]
        path = (*base, *(() if first.startswith(("crate", "self", "super")) else (first,)), *rest)
        yield next(path[:n] for n in range(len(path), -1, -1) if path[:n] in modules or not n)


def functions(file: Rust) -> Iterator[tuple[re.Match[str], int]]:
    """The functions of a file that are not for tests, with their lines."""
    return ((match, file.line(match.start("name"))) for match in _FUNCTION.finditer(file.code))


@rule("I7")
def time_is_a_deadline(tree: Tree) -> Iterator[Finding]:
    """Below the Python border, only `x_timeout` and `x_deadline` take a timeout as a duration or in seconds."""
    time, kind = (
        r"timeout|timed|wait|until|deadline|secs?\b|seconds|_for\b",
        r"\b(?:Duration|Instant|f64|f32)\b",
    )
    for file in tree.engine(*ENGINE):
        for match, line in functions(file):
            given, name = match["parameters"], match["name"]
            if "Deadline" in given + match["result"] or file.path.endswith("/deadline.rs"):
                continue
            if name.endswith(("_timeout", "_deadline")) and re.search(
                r"\b(?:timeout: Duration|deadline: Instant)\b", given
            ):
                continue  # the forms for programs: each makes a `Deadline` at once
            named = re.search(rf"(?:{time})\w*: [^,]*{kind}", given)
            until = name.endswith("_until") and not file.path.startswith("crates/os/")
            if until or named or (re.search(time, name) and re.search(kind, given)):
                yield Finding(file.path, line, f"`{name}` should take a `Deadline`")


@rule("I9")
def queues_never_look(tree: Tree) -> Iterator[Finding]:
    """No payload of crates/queue is cloned, compared or hashed, except in the priority queue.

    This function cannot see which code drops or calls a Python object under an internal lock: that is for review.
    """
    for file in tree.engine("queue"):
        if "priority" not in file.path:
            bound = r"\b[A-Z]\w*\s*:\s*[^,>{;=()\n]*\b(?:Clone|Copy|PartialEq|Eq|PartialOrd|Ord|Hash)\b"
            yield from file.find(bound, "a queue moves payloads and never looks")


LAYOUT = r"#\[repr\((?:C|transparent)\b[^\n]*\n(?:#[^\n]*\n)*[^\n(;{]*(?:\([^)]*\)|\{[^}]*\})"


@rule("I11")
def shared_bytes_hold_no_pointer(tree: Tree) -> Iterator[Finding]:
    """Fixed layouts in crates/shm hold no pointer and no machine word, have a version, and are listed in FORMAT.md.

    Whether FORMAT.md is true, or an integer is used as an address, is for review.
    """
    files = tree.engine("shm")
    if files and not (
        tree.text("crates/shm/FORMAT.md") and any(re.search(r"const \w*VERSION", f.code) for f in files)
    ):
        yield Finding("crates/shm/FORMAT.md", 1, "describe the layout, and give it a `const …VERSION`")
    pointer = r"\*\s*(?:const|mut)\b|&|\b(?:Box|Arc|Rc|Vec|String|NonNull|AtomicPtr|[ui]size)\b"
    for file in files:
        for body in re.finditer(LAYOUT, file.code):
            if word := re.search(pointer, body[0]):
                line = file.line(body.start() + word.start())
                yield Finding(
                    file.path, line, f"`{word[0]}`: shared bytes hold offsets and integers of fixed size"
                )


@rule("S-ordering")
def orderings_are_argued(tree: Tree) -> Iterator[Finding]:
    """Each ordering names the access with which it pairs, or why it may be relaxed, at most six lines above it."""
    reason = re.compile(
        r"pairs? with|state table|table (?:above|of|on)|PROTOCOL|relaxed:|relaxed is enough", re.I
    )
    for file in tree.engine(*tree.crates):
        lines = file.text.splitlines()
        for one in file.find(
            r"\bOrdering::(?:Relaxed|Acquire|Release|AcqRel|SeqCst)\b", "say what it pairs with"
        ):
            if not reason.search("\n".join(lines[max(0, one.line - 7) : one.line])):
                yield one


@rule("S-functions")
def functions_are_plain(tree: Tree) -> Iterator[Finding]:
    """Python functions are short (Rust's: clippy); public ones of the engine take no bool, and say how they block."""
    for path, _, syntax in tree.python:
        for node in ast.walk(syntax):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION_LINES:
                    yield Finding(path, node.lineno, f"`{node.name}` holds two ideas: part it")
    for file in tree.engine(*ENGINE):
        lines = file.text.splitlines()
        for match, line in functions(file):
            if match["public"] and re.search(r":\s*bool\b", match["parameters"]):
                yield Finding(
                    file.path, line, f"`{match['name']}`: two functions or an enum say more than a bool"
                )
            if match["public"] and re.search(r":[^,]*\b(?:Deadline|Patience)\b", match["parameters"]):
                first = line - 1
                while first and re.match(r"\s*(?:///|#\[|\)\])", lines[first - 1]):
                    first -= 1
                if not re.search(r"\bblock|\bwait|\bsleep", "\n".join(lines[first : line - 1]), re.I):
                    yield Finding(
                        file.path, line, f"`{match['name']}`: say what it waits for and what wakes it"
                    )


@rule("S-facade")
def facade_does_not_wait(tree: Tree) -> Iterator[Finding]:
    """In python/interlock no standard lock is made and no `while` loop waits, except in demos and servers."""
    waits = {"wait", "acquire", "sleep", "wait_for", "join", "select", "poll"}
    for path, _, syntax in tree.python:
        if path.startswith("python/interlock/") and not re.search("/demos/|/_(fork_server|guard).py", path):
            for node in ast.walk(syntax):
                if isinstance(node, ast.Call) and re.fullmatch(
                    r"_?thread(?:ing)?\.(?:allocate_lock|R?Lock|Condition|Semaphore)", ast.unparse(node.func)
                ):
                    yield Finding(path, node.lineno, "makes a standard lock: the engine holds the locks")
                for call in ast.walk(node) if isinstance(node, ast.While) else ():
                    if (
                        isinstance(call, ast.Call)
                        and isinstance(call.func, ast.Attribute)
                        and call.func.attr in waits
                    ):
                        yield Finding(
                            path, call.lineno, "waits in a loop: give the engine a call that does it"
                        )


@rule("S-sleep")
def tests_do_not_sleep(tree: Tree) -> Iterator[Finding]:
    """Each sleep in a test has its reason on its line, `# sleep: …`; a sleep that a task yields does not count."""
    advice = "wait for a state instead, or say `sleep: reason` in a comment"
    for path, text, syntax in tree.python:
        of_tasks = re.search(r"^from interlock\.scheduler import .*\bsleep\b", text, re.MULTILINE)
        for node in ast.walk(syntax) if path.startswith("tests/") and not of_tasks else ():
            if isinstance(node, ast.Call) and re.search(r"(?:^|\.)sleep$", ast.unparse(node.func)):
                if not re.search(r"# sleep: \S", text.splitlines()[node.lineno - 1]):
                    yield Finding(path, node.lineno, advice)
    for file in tree.rust:
        for match in re.finditer(r"(?<!fn )(?<![.\w])sleep\s*\(", file.bare):
            in_test = not file.code[match.start() : match.end()].strip()
            if in_test and "// sleep: " not in file.text.splitlines()[file.line(match.start()) - 1]:
                yield Finding(file.path, file.line(match.start()), advice)


@rule("S-files")
def files_are_short(tree: Tree) -> Iterator[Finding]:
    """Files have at most 500 lines (not generated parts, changelog, map); no line names a folder of one machine."""
    for path in tree.find(".rs", ".py", ".pyi", ".md", ".toml", ".txt", "Makefile", ".ci/run"):
        text = re.sub(r"<!-- generated -->.*?<!-- /generated -->", "", tree.text(path), flags=re.DOTALL)
        if text.count("\n") > MAX_FILE_LINES and not path.endswith((".toml", ".txt", "CHANGELOG.md", MAP)):
            yield Finding(path, MAX_FILE_LINES, "holds two ideas: part it")
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if re.search(r"(?:^|[\s\"'`=(<])/(?:root|home|work|Users)/\w", line):
                yield Finding(path, number, "names a folder of one machine: make it relative")


@rule("S-claims")
def claims_are_tested(tree: Tree) -> Iterator[Finding]:
    """A line of a protocol page that begins with `C<n>` names its test, a function of a crate; numbers are unique."""
    seen: set[str] = set()
    sources = (tree.text(file) for file in tree.find(".rs", under="crates/"))
    names = {name for text in sources for name in re.findall(r"\bfn (\w+)", text)}
    for path in [*tree.find("PROTOCOL.md", under="crates/"), *tree.find("FORMAT.md", under="crates/")]:
        text = tree.text(path)
        for match in re.finditer(r"^[^\w\n]*(C\d+)\b(.*(?:\n(?!\n|[^\w\n]*C\d+\b).*)*)", text, re.MULTILINE):
            line = text.count("\n", 0, match.start(1)) + 1
            if match[1] in seen:
                yield Finding(path, line, f"{match[1]} is the number of another claim")
            if not names & set(re.findall(r"`(?:\w+::)*(\w+)`", match[2])):
                yield Finding(path, line, f"{match[1]} names no test in backticks that exists in crates/")
            seen.add(match[1])


@rule("S-map")
def the_map_is_true(tree: Tree) -> Iterator[Finding]:
    """The map is short and names each folder, crate and source file; its paths exist; invariants name their checks."""
    text = tree.text(MAP)
    lines = text.splitlines()
    if not text or len(lines) > MAX_MAP_LINES:
        yield Finding(MAP, 1, f"has {len(lines)} lines: a map has some, and at most {MAX_MAP_LINES}")
    folders = {path.split("/")[0] for path in tree.files if "/" in path}
    for name in sorted(folders | {f"crates/{crate}" for crate in tree.crates}):
        if not re.search(rf"(?<![\w/.-]){re.escape(name)}(?:/|`|\b)", text):
            yield Finding(MAP, 1, f"says nothing about {name}/")
    for path in sorted(tree.files):
        if re.match(r"crates/\w+/src/.*\.rs$|python/interlock/(?!demos/|.*dummy/).*\.py$", path):
            name = path.rsplit("/", 1)[1]
            if name not in {"lib.rs", "mod.rs", "__init__.py", "__main__.py"} and f"- `{name}`" not in text:
                yield Finding(MAP, 1, f"has no line for {path}")
    for number, line in enumerate(lines, 1):
        for word in re.findall(r"`([\w.*-]+(?:/[\w.*-]+)*/?)`", line):
            is_path = ("/" in word and word.split("/")[0] in folders) or re.search(
                r"\.(?:rs|py|pyi|md|toml)$", word
            )
            if is_path and not exists(tree, word.rstrip("/")):
                yield Finding(MAP, number, f"`{word}` does not exist")
    for name in INVARIANTS:
        row = re.search(rf"^\| {name} .*$", text, re.MULTILINE)
        if not row or not has_a_check(tree, name, row[0].split("|")[-2]):
            yield Finding(MAP, 1, f"{name} has no row, or names nothing that checks it")


def exists(tree: Tree, word: str) -> bool:
    """Whether a file or folder matches the word, which may be a pattern; a bare name may be in any folder."""
    if "*" in word:
        return any(PurePosixPath(path).match(word) for path in tree.files)
    return word in tree.names or ("/" not in word and any(path.endswith(f"/{word}") for path in tree.files))


def has_a_check(tree: Tree, name: str, cell: str) -> bool:
    """Whether each tool in the last cell of an invariant's row names it, and there is a tool, a rule here or a test."""
    tools = [file for tool, file in TOOLS.items() if tool in cell]
    rules = re.findall(r"`tidy (\w+)`", cell)
    tests = [word for word in re.findall(r"`([^`]+)`", cell) if "/" in word and exists(tree, word)]
    return (
        bool(tools or rules or tests)
        and set(rules) <= {rule.split("-")[0] for rule in RULES}
        and all(re.search(rf"\b{name}\b", tree.text(file)) for file in tools)
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the findings; the exit status is 0 if there are none."""
    parser = argparse.ArgumentParser(prog="python -m tools.tidy", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout; by default this one")
    parser.add_argument("rules", nargs="*", help=f"by default all: {' '.join(RULES)}")
    options = parser.parse_args(arguments)
    tree, count = Tree(options.root), 0
    for name in options.rules or RULES:
        for found in sorted(set(RULES[name](tree))):
            print(f"{found.path}:{found.line}: {name} {found.advice}")
            count += 1
    print(f"tidy: {count} findings", file=sys.stderr)
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
