"""Rules about directions and cycles between crates, modules of a crate, and Python modules."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[[str, dict[str, str]], list[str]]

DEPENDENCIES = {
    "down": ("sync", "[dependencies]\ninterlock-wait.workspace = true\n", []),
    "down past a layer": (
        "sync",
        "[dependencies]\ninterlock-os.workspace = true\n",
        ["crates/sync/Cargo.toml:2"],
    ),
    "up": (
        "wait",
        "[package]\n[dependencies]\ninterlock-sync = { path = '../sync' }\n",
        ["crates/wait/Cargo.toml:3"],
    ),
    "up under another name": (
        "wait",
        "[dependencies]\nlocks = { package = 'interlock-sync', path = '../sync' }\n",
        ["crates/wait/Cargo.toml:2"],
    ),
    "up for tests only": ("wait", "[dev-dependencies]\ninterlock-sync.workspace = true\n", []),
    "a stranger": ("wait", "[dependencies]\nlibc = '0.2'\n", ["crates/wait/Cargo.toml:2"]),
    "the kernel's crates in os": ("os", "[dependencies]\nlibc = '0.2'\nrustix = '1'\n", []),
    "loom for models": ("wait", "[target.'cfg(loom)'.dependencies]\nloom = '0.7'\n", []),
    "loom for everybody": ("wait", "[dependencies]\nloom = '0.7'\n", ["crates/wait/Cargo.toml:2"]),
    "a crate without a row": ("extra", "[package]\n", ["crates/extra/Cargo.toml:1"]),
}


@pytest.mark.parametrize(("crate", "manifest", "expected"), DEPENDENCIES.values(), ids=DEPENDENCIES)
def test_dependencies_point_down(complaints: Run, crate: str, manifest: str, expected: list[str]) -> None:
    assert complaints("I6-crates", {f"crates/{crate}/Cargo.toml": manifest}) == expected


@pytest.mark.parametrize("table", ["dependencies", "dev-dependencies", "build-dependencies"])
def test_pyo3_is_no_dependency_below_the_border(complaints: Run, table: str) -> None:
    manifest = f"[{table}]\npyo3-ffi = '0.30'\n"
    assert complaints("I4", {"crates/sync/Cargo.toml": manifest}) == ["crates/sync/Cargo.toml:2"]
    assert complaints("I4", {"crates/sync/Cargo.toml": "", "crates/python/Cargo.toml": manifest}) == []


RUST_CIRCLES = {
    "by crate": ("use crate::b::B;", "use crate::a::A;", ["crates/sync/src/a.rs:1"]),
    "by super": ("use super::b::B;", "fn f() { super::a::f() }", ["crates/sync/src/a.rs:1"]),
    "in a group": ("use crate::{b::{self, B}};", "use crate::a::*;", ["crates/sync/src/a.rs:1"]),
    "one way": ("use crate::b::B;", "use std::fmt;", []),
    "by tests only": ("use crate::b::B;", "#[cfg(test)]\nmod tests { use crate::a::A; }", []),
    "by documentation": ("use crate::b::B;", "/// See [`A`](crate::a::A).\nfn f() {}", []),
    "by a macro": ("use crate::b::B;", "fn f() { crate::trace!() }", []),
}


@pytest.mark.parametrize(("a", "b", "expected"), RUST_CIRCLES.values(), ids=RUST_CIRCLES)
def test_modules_form_no_circle(complaints: Run, a: str, b: str, expected: list[str]) -> None:
    root = "mod a;\nmod b;\npub use a::A;\n"
    files = {"crates/sync/src/lib.rs": root, "crates/sync/src/a.rs": a, "crates/sync/src/b.rs": b}
    assert complaints("I6-modules", files) == expected


def test_a_name_taken_from_the_root_that_re_exports_is_a_circle(complaints: Run) -> None:
    files = {
        "crates/sync/src/lib.rs": "mod a;\npub use a::A;\n",
        "crates/sync/src/a.rs": "use crate::Error;\n",
    }
    assert complaints("I6-modules", files) == ["crates/sync/src/lib.rs:2"]


def test_a_child_that_reaches_for_its_parent_is_a_circle_when_the_parent_uses_it(complaints: Run) -> None:
    files = {"crates/sync/src/a/mod.rs": "mod b;\nuse b::B;\n", "crates/sync/src/a/b.rs": "use super::A;\n"}
    assert complaints("I6-modules", files) == ["crates/sync/src/a/mod.rs:2"]
    assert complaints("I6-modules", files | {"crates/sync/src/a/mod.rs": "pub mod b;\nstruct A;\n"}) == []


PYTHON_CIRCLES = {
    "at the top": ("from interlock import b", "import interlock.a", True),
    "relative": ("from . import b", "from .a import f", True),
    "inside a function": ("from . import b", "def f():\n    from . import a", True),
    "by name": ("from . import b", "import importlib\nimportlib.import_module('interlock.a')", True),
    "for type checkers": ("from . import b", "if TYPE_CHECKING:\n    from . import a", False),
    "one way": ("from . import b", "import threading", False),
}


@pytest.mark.parametrize(("a", "b", "circle"), PYTHON_CIRCLES.values(), ids=PYTHON_CIRCLES)
def test_python_modules_form_no_circle(complaints: Run, a: str, b: str, circle: bool) -> None:
    files = {"python/interlock/__init__.py": "", "python/interlock/a.py": a, "python/interlock/b.py": b}
    assert bool(complaints("I6-python", files)) == circle


def test_a_name_taken_from_the_package_that_imports_the_taker_is_a_circle(complaints: Run) -> None:
    files = {
        "python/interlock/__init__.py": "from .sub.deep import x\n",
        "python/interlock/sub/__init__.py": "",
        "python/interlock/sub/deep.py": "from .. import DeadlockError\n",
    }
    assert complaints("I6-python", files) == ["python/interlock/__init__.py:1"]
