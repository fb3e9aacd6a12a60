"""Each rule of tools/tidy.py about Rust code finds what breaks it, where it is, and leaves alone what keeps it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[[str, dict[str, str]], list[str]]

SYNC, WAIT, OS = "crates/sync/src/lock.rs", "crates/wait/src/deadline.rs", "crates/os/src/futex.rs"
PYTHON, SHM, QUEUE = "crates/python/src/blocking.rs", "crates/shm/src/ring.rs", "crates/queue/src/fifo.rs"

BREAKS = {
    "a platform condition": ("I3", SYNC, '#[cfg(all(not(loom), target_os = "linux"))]\nfn f() {}\n', 1),
    "a platform macro": ("I3", SYNC, "fn f() -> bool {\n    cfg!(unix)\n}\n", 2),
    "until without a deadline": ("I7", SYNC, "pub fn get_until(&self, nanos: u64) {}\n", 1),
    "a timeout in seconds": ("I7", SYNC, "fn acquire(&self, timeout: f64) {}\n", 1),
    "a duration to wait": (
        "I7",
        SYNC,
        "fn wait<F: Fn() -> u8>(&self, f: F, limit: Option<Duration>) {}\n",
        1,
    ),
    "a look at the payload": ("I9", QUEUE, "impl<T: Send + Clone> Fifo<T> {}\n", 1),
    "a bool for the caller": (
        "S-functions",
        SYNC,
        "pub fn acquire(\n    &self,\n    blocking: bool,\n) {\n}\n",
        1,
    ),
    "an ordering without its pair": ("S-ordering", SYNC, "fn f() {\n    X.load(Ordering::Acquire);\n}\n", 2),
    "silence about blocking": ("S-functions", SYNC, "/// Takes.\npub fn get(&self, d: Deadline) {}\n", 2),
    "a nap in a unit test": (
        "S-sleep",
        SYNC,
        "#[cfg(test)]\nmod tests {\n    fn f() {\n        sleep(D);\n    }\n}\n",
        4,
    ),
    "code after a model": (
        "I7",
        SYNC,
        "#[cfg(loom)]\nfn a(\n    b: C,\n) -> D {\n    e\n}\nfn get_until() {}\n",
        7,
    ),
}

KEEPS = {
    "conditions of tools": (
        "I3",
        SYNC,
        "#[cfg(not(loom))]\nfn f() {}\n#[cfg(debug_assertions)]\nfn g() {}\n",
    ),
    "a platform in os": ("I3", OS, '#[cfg(target_os = "linux")]\nfn f() {}\n'),
    "a platform in a comment": ("I3", SYNC, '// cfg!(unix)\nconst A: &str = "cfg!(unix)";\n'),
    "a deadline": ("I7", SYNC, "pub fn get_until(&self, deadline: Deadline) {}\n"),
    "a deadline is made": ("I7", WAIT, "pub fn after(timeout: Duration) -> Self {}\n"),
    "a number that is no time": ("I7", SYNC, "fn grow(&self, factor: f64) {}\n"),
    "the priority queue compares": ("I9", "crates/queue/src/priority.rs", "impl<T: Ord> Heap<T> {}\n"),
    "a payload that moves": ("I9", QUEUE, "impl<T: Send> Fifo<T> {}\n"),
    "a private bool": ("S-functions", SYNC, "fn acquire(&self, blocking: bool) -> bool {}\n"),
    "a bool of Python": ("S-functions", PYTHON, "pub fn acquire(&self, blocking: bool) {}\n"),
    "a pair": (
        "S-ordering",
        SYNC,
        "fn f() {\n    // pairs with the store in `set`\n    X.load(Ordering::Acquire);\n}\n",
    ),
    "an order of values": ("S-ordering", SYNC, "fn f() {\n    match a.cmp(b) { Ordering::Less => {} }\n}\n"),
    "words about blocking": (
        "S-functions",
        SYNC,
        "/// Blocks until set.\n#[inline]\npub fn get(d: Deadline) {}\n",
    ),
    "a nap with a reason": (
        "S-sleep",
        "crates/sync/tests/a.rs",
        "fn f() {\n    sleep(D); // sleep: the subject\n}\n",
    ),
    "a model": ("I7", SYNC, "#[cfg(loom)]\npub fn get_until(\n    nanos: u64,\n) {\n    sleep(1);\n}\n"),
}


@pytest.mark.parametrize(("rule", "path", "text", "line"), BREAKS.values(), ids=BREAKS)
def test_a_breach_is_found_on_its_line(complaints: Run, rule: str, path: str, text: str, line: int) -> None:
    assert complaints(rule, {path: text}) == [f"{path}:{line}"]


@pytest.mark.parametrize(("rule", "path", "text"), KEEPS.values(), ids=KEEPS)
def test_what_keeps_the_rule_is_left_alone(complaints: Run, rule: str, path: str, text: str) -> None:
    assert complaints(rule, {path: text}) == []


def test_a_module_declared_for_tests_only_is_no_engine_code(complaints: Run) -> None:
    files = {"crates/sync/src/lock.rs": "#[cfg(test)]\nmod stress;\n"}
    late = "fn get_until() {}\n"
    assert complaints("I7", files | {"crates/sync/src/lock/stress.rs": late}) == []
    assert complaints("I7", files | {"crates/sync/src/other.rs": late}) == ["crates/sync/src/other.rs:1"]


def test_shared_bytes_with_pointers_are_found(complaints: Run) -> None:
    struct = "const RING_VERSION: u32 = 1;\n#[repr(C)]\nstruct Ring {{\n    {}\n}}\n"
    described = {"crates/shm/FORMAT.md": "The ring."}
    assert complaints("I11", described | {SHM: struct.format("head: AtomicU64,")}) == []
    for field in ("next: *mut u8,", "text: &'static str,", "all: Vec<u8>,", "length: usize,"):
        assert complaints("I11", described | {SHM: struct.format(field)}) == [f"{SHM}:4"]


def test_shared_bytes_without_a_version_or_a_format_are_found(complaints: Run) -> None:
    assert complaints("I11", {SHM: "struct Ring;\n"}) == ["crates/shm/FORMAT.md:1"]


CELL = "crates/wait/src/cell.rs"
WHY = '#![expect(unsafe_code, reason = "it is a cell")]\n'
MAP = "# Map\n<!-- unsafe-files -->\n- `crates/wait/src/cell.rs`\n<!-- /unsafe-files -->\n- `crates/x/src/y.rs`\n"
CODE = WHY + "// SAFETY: held.\nfn f() { unsafe { g() } }\n"


def test_unsafe_code_is_listed_and_says_why(complaints: Run) -> None:
    assert complaints("I5", {"ARCHITECTURE.md": MAP, CELL: CODE}) == []
    assert complaints("I5", {"ARCHITECTURE.md": "# Map\n", CELL: CODE}) == [f"{CELL}:1"]
    assert complaints("I5", {"ARCHITECTURE.md": MAP, CELL: "fn f() {} // unsafe\n"}) == [f"{CELL}:1"]
    assert complaints("I5", {"ARCHITECTURE.md": MAP, CELL: CODE.removeprefix(WHY)}) == [f"{CELL}:1"]


def test_long_and_many_files_with_unsafe_code_are_found(complaints: Run) -> None:
    assert complaints("I5", {"ARCHITECTURE.md": MAP, CELL: CODE + "\n" * 298}) == [f"{CELL}:301"]
    names = [f"crates/wait/src/cell{number}.rs" for number in range(20)]
    marked = f"<!-- unsafe-files -->{' '.join(names)}<!-- /unsafe-files -->"
    assert complaints("I5", {"ARCHITECTURE.md": marked, **dict.fromkeys(names, CODE), CELL: ""}) == [
        "ARCHITECTURE.md:1"
    ]


LIB = "#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]\n"
TABLE = """
[bans]
deny = [
    { crate = "interlock-wait", wrappers = ["interlock-sync"] },
    { crate = "interlock-sync", wrappers = [] },
    { crate = "pyo3", wrappers = ["interlock-python"] },
    { crate = "loom", wrappers = ["interlock-wait"] },
]
"""
DEPENDENCIES = {
    "down": ("sync", "[dependencies]\ninterlock-wait.workspace = true\n", True),
    "up": ("wait", "[dependencies]\ninterlock-sync = { path = '../sync' }\n", False),
    "up under another name": (
        "wait",
        "[dependencies]\nlocks = { package = 'interlock-sync', path = '' }\n",
        False,
    ),
    "up for tests only": ("wait", "[dev-dependencies]\ninterlock-sync.workspace = true\n", True),
    "a stranger": ("wait", "[dependencies]\nlibc = '0.2'\n", False),
    "loom for models": ("wait", "[target.'cfg(loom)'.dependencies]\nloom = '0.7'\n", True),
    "loom for others": ("sync", "[target.'cfg(loom)'.dependencies]\nloom = '0.7'\n", False),
    "python above": ("python", "[build-dependencies]\npyo3 = '0.30'\n", True),
    "python below": ("sync", "[build-dependencies]\npyo3 = '0.30'\n", False),
    "python below for tests": ("sync", "[dev-dependencies]\npyo3 = '0.30'\n", False),
}


@pytest.mark.parametrize(("crate", "tables", "good"), DEPENDENCIES.values(), ids=DEPENDENCIES)
def test_dependencies_are_those_of_the_table(complaints: Run, crate: str, tables: str, good: bool) -> None:
    path = f"crates/{crate}/Cargo.toml"
    manifest = f"[package]\nname = 'interlock-{crate}'\n[lints]\nworkspace = true\n{tables}"
    files = {"deny.toml": TABLE, path: manifest, f"crates/{crate}/src/lib.rs": LIB}
    assert complaints("I6-crates", files) == ([] if good else [f"{path}:1"])


def test_a_crate_that_leaves_out_the_lints_is_found(complaints: Run) -> None:
    files = {
        "crates/sync/Cargo.toml": "[package]\nname = 'interlock-sync'\n",
        "crates/sync/src/lib.rs": "//! Locks.\n",
    }
    assert complaints("I6-crates", files) == ["crates/sync/Cargo.toml:1", "crates/sync/src/lib.rs:1"]


CIRCLES = {
    "by crate": ("use crate::b::B;", "use crate::a::A;", True),
    "by super": ("use super::b::B;", "fn f() { super::a::f() }", True),
    "in a group": ("use crate::{b::{self, B}};", "use crate::a::*;", True),
    "one way": ("use crate::b::B;", "use std::fmt;", False),
    "by tests only": ("use crate::b::B;", "#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}", False),
    "by documentation": ("use crate::b::B;", "/// See [`A`](crate::a::A).\nfn f() {}", False),
    "by a macro": ("use crate::b::B;", "fn f() { crate::trace!() }", False),
}


@pytest.mark.parametrize(("a", "b", "circle"), CIRCLES.values(), ids=CIRCLES)
def test_modules_form_no_circle(complaints: Run, a: str, b: str, circle: bool) -> None:
    root = "mod a;\nmod b;\npub use a::A;\n"
    files = {"crates/sync/src/lib.rs": root, "crates/sync/src/a.rs": a, "crates/sync/src/b.rs": b}
    assert bool(complaints("I6-modules", files)) == circle


def test_a_name_taken_from_the_root_that_re_exports_is_a_circle(complaints: Run) -> None:
    files = {
        "crates/sync/src/lib.rs": "mod a;\npub use a::A;\n",
        "crates/sync/src/a.rs": "use crate::Error;\n",
    }
    assert complaints("I6-modules", files)


def test_a_child_that_reaches_for_its_parent_is_a_circle_when_the_parent_uses_it(complaints: Run) -> None:
    files = {"crates/sync/src/a/mod.rs": "mod b;\nuse b::B;\n", "crates/sync/src/a/b.rs": "use super::A;\n"}
    assert complaints("I6-modules", files)
    assert not complaints("I6-modules", files | {"crates/sync/src/a/mod.rs": "pub mod b;\nstruct A;\n"})
