"""The list of files with unsafe code, and the notes on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.tidy.house import MAX_UNSAFE_FILES_ABOVE_OS

Run = Callable[[str, dict[str, str]], list[str]]

CELL = "crates/wait/src/cell.rs"
LIB = {"crates/wait/src/lib.rs": "mod cell;\n"}
LISTED = "<!-- unsafe-files -->\n- `crates/wait/src/cell.rs`\n<!-- /unsafe-files -->\n"
MAP = f"# Map\n\n{LISTED}- `crates/x/src/y.rs`\n"
BLOCK = "// SAFETY: the caller holds the lock.\nfn f() { unsafe { g() } }\n"

NOTES = {
    "a block without a note": ("fn f() {\n    unsafe { g() }\n}\n", [f"{CELL}:2"]),
    "a note above": ("fn f() {\n    // SAFETY: held.\n    unsafe { g() }\n}\n", []),
    "a note above a statement of two lines": (
        "fn f() {\n    // SAFETY: held.\n    let x =\n        unsafe { g() };\n}\n",
        [],
    ),
    "a note above an attribute": ("// SAFETY: no state.\n#[rustfmt::skip]\nunsafe impl Send for X {}\n", []),
    "a note on another statement": (
        "fn f() {\n    // SAFETY: held.\n    h();\n    unsafe { g() }\n}\n",
        [f"{CELL}:4"],
    ),
    "an impl without a note": ("unsafe impl Send for X {}\n", [f"{CELL}:1"]),
    "a function without a contract": ("/// Takes it.\npub unsafe fn take() {}\n", [f"{CELL}:2"]),
    "a function with a contract": (
        "/// Takes it.\n///\n/// # Safety\n/// - held\npub unsafe fn take() {}\n",
        [],
    ),
    "the contract is the trait's": (
        "// SAFETY: see RawLock.\nunsafe impl RawLock for X {\n    unsafe fn unlock() {}\n}\n",
        [],
    ),
    "a pointer to an unsafe function": (
        "// SAFETY: x\nunsafe impl A for X {}\ntype F = unsafe fn(u8);\n",
        [],
    ),
}


@pytest.mark.parametrize(("text", "expected"), NOTES.values(), ids=NOTES)
def test_each_unsafe_block_has_its_note(complaints: Run, text: str, expected: list[str]) -> None:
    assert complaints("I5", {"ARCHITECTURE.md": MAP, CELL: text, **LIB}) == expected


def test_a_file_that_is_not_listed_is_found(complaints: Run) -> None:
    assert complaints("I5", {"ARCHITECTURE.md": "# Map\n", CELL: BLOCK, **LIB}) == [f"{CELL}:2"]


def test_a_listed_file_without_unsafe_code_is_found(complaints: Run) -> None:
    files = {
        "ARCHITECTURE.md": MAP,
        CELL: "fn f() {}\n",
        "crates/wait/src/lib.rs": "#![forbid(unsafe_code)]\n",
    }
    assert complaints("I5", files) == ["ARCHITECTURE.md:4"]


def test_a_pattern_stands_for_files(complaints: Run) -> None:
    files = {"ARCHITECTURE.md": MAP.replace("cell.rs", "*.rs"), CELL: BLOCK, **LIB}
    assert complaints("I5", files) == []


def test_a_long_file_with_unsafe_code_is_found(complaints: Run) -> None:
    files = {"ARCHITECTURE.md": MAP, CELL: BLOCK + "\n" * 298, **LIB}
    assert complaints("I5", files) == [f"{CELL}:300"]


def test_a_crate_without_unsafe_code_forbids_it(complaints: Run) -> None:
    assert complaints("I5", {"crates/sync/src/lib.rs": "//! Locks.\n"}) == ["crates/sync/src/lib.rs:1"]
    assert complaints("I5", {"crates/sync/src/lib.rs": "#![forbid(unsafe_code)]\n"}) == []


def test_too_many_files_above_os_are_found(complaints: Run) -> None:
    marked = "# Map\n<!-- unsafe-files -->\n`crates/wait/src/*.rs`\n<!-- /unsafe-files -->\n"
    files = {f"crates/wait/src/cell{number}.rs": BLOCK for number in range(MAX_UNSAFE_FILES_ABOVE_OS + 1)}
    assert complaints("I5", {"ARCHITECTURE.md": marked, **files, **LIB}) == ["ARCHITECTURE.md:1"]
