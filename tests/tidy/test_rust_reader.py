"""The small reader of Rust: what it blanks, and which functions and paths it sees."""

from __future__ import annotations

import pytest
from tools.tidy.rust import RustFile
from tools.tidy.rust_lexer import blank

BLANKED = {
    "line comment": ("a // b\nc", "a     \nc"),
    "nested comment": ("a /* b /* c */ d */ e", "a                   e"),
    "string": ('f("a\\"b // c")', 'f("         ")'),
    "raw string": ('r#"a"b"# c', '  "    " c'),
    "brace as a character": ("match c { '{' => 1 }", "match c {     => 1 }"),
    "quote as a character": ("'\\'' x '\"' y", "     x     y"),
    "lifetime": ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
}


@pytest.mark.parametrize(("text", "expected"), BLANKED.values(), ids=BLANKED)
def test_comments_and_strings_are_blanked_in_place(text: str, expected: str) -> None:
    assert blank(text) == expected


def test_functions_are_seen_with_their_signature_and_extent() -> None:
    text = (
        "impl<T> A<T> {\n"
        "    pub const unsafe fn one<F: Fn(u32) -> bool>(&self, f: F) -> [u8; 4]\n"
        "    where\n"
        "        T: X,\n"
        "    {\n"
        "        '}';\n"
        "    }\n"
        "    pub(crate) fn two();\n"
        "}\n"
    )
    one, two = RustFile("crates/sync/src/a.rs", text).functions
    assert (one.name, one.line, one.end_line, one.public) == ("one", 2, 7, True)
    assert (one.parameters, one.result.startswith("-> [u8; 4]")) == ("&self, f: F", True)
    assert (two.name, two.line, two.end_line, two.public) == ("two", 8, 8, False)


def test_paths_are_resolved_through_use_lines() -> None:
    text = (
        "use std::sync::{self, atomic::{AtomicU8 as Byte, Ordering}};\n"
        "use super::lock;\n"
        "mod child;\n"
        "fn f() { sync::Mutex::new(); Byte::new(0); lock::take(); child::go(); crate::x::y(); }\n"
    )
    paths = {"::".join(path) for _, path in RustFile("crates/sync/src/a/b.rs", text).paths}
    assert paths >= {
        "std::sync::Mutex::new",
        "std::sync::atomic::AtomicU8::new",
        "interlock_sync::a::lock::take",
        "interlock_sync::a::b::child::go",
        "interlock_sync::x::y",
    }


def test_items_for_tests_and_models_are_no_code() -> None:
    text = (
        "#[cfg(test)]\nmod tests { fn a() {} }\n"
        "struct S {\n    #[cfg(loom)]\n    b: X<Y>,\n    c: Z,\n}\n"
        "#[cfg(not(loom))]\nfn d() {}\n"
        "#[cfg(all(test, not(loom)))]\npub(crate) fn e() { f() }\n"
        "fn g() {\n    match x {\n        #[cfg(loom)]\n        None => h(),\n        _ => i(),\n    }\n}\n"
    )
    words = set(RustFile("crates/sync/src/a.rs", text).code.replace("(", " ").split())
    assert words >= {"c:", "d", "g", "i"}
    assert not words & {"a", "b:", "e", "f", "h"}
