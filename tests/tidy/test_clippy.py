"""What clippy and the compiler are told to forbid is found: one run over a crate that breaks each rule."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIPPY = (ROOT / "clippy.toml").read_text(encoding="utf-8")
LIB = (ROOT / "crates" / "sync" / "src" / "lib.rs").read_text(encoding="utf-8")
DENIED = next(line for line in LIB.splitlines() if "clippy::disallowed_methods" in line)

BREACHES = {
    "a kernel wait": ("I1", "fn f() { interlock_os::futex::wait(); }"),
    "a kernel wait under another name": ("I1", "use interlock_os::futex::wait as w; fn f() { w(); }"),
    "a wait for descriptors": ("I1", "fn f(given: &interlock_os::poll::Poller) { given.wait(); }"),
    "a standard mutex": ("I1", "use std::sync::Mutex; type M = Mutex<u8>;"),
    "a standard mutex from a glob": ("I1", "use std::sync::*; fn f() -> Arc<Condvar> { Arc::default() }"),
    "a channel": ("I1", "fn f(given: &std::sync::mpsc::Receiver<u8>) { let _ = given; }"),
    "a nap": ("I1", "fn f() { std::thread::sleep(std::time::Duration::ZERO); }"),
    "a second detach": ("I2", "fn f(py: pyo3::Python) { py.detach(); }"),
    "a detach in C": ("I2", "fn f() { pyo3::ffi::PyEval_SaveThread(); }"),
    "a file descriptor": ("I3", "fn f(given: std::os::fd::RawFd) { let _ = given; }"),
    "unsafe code": ("unsafe_code", "/// # Safety\n/// None.\npub unsafe fn f() {}"),
    "a note that is missing": (
        "undocumented_unsafe",
        '#![allow(unsafe_code, reason = "x")]\nfn f(p: &u8) { let p: *const u8 = p; unsafe { p.read() }; }',
    ),
    "atomics by the back door": (
        "I8",
        "use std::sync::atomic::AtomicU32 as Word; static W: Word = Word::new(0);",
    ),
    "a fork handler": ("I13", 'extern "C" fn g() {} fn f() { interlock_os::fork::on_child(g); }'),
    "an exit handler": ("I13", 'extern "C" fn g() {} fn f() { pyo3::ffi::Py_AtExit(g); }'),
    "a fence": ("I8", "fn f() { std::sync::atomic::fence(order()); } fn order<T>() -> T { loop {} }"),
    "an ordering": ("I8", "fn f() { let _: Option<std::sync::atomic::Ordering> = None; }"),
    "the exception of an error": ("errors::exception", "fn f(error: &pyo3::PyErr) { error.value(); }"),
    "a long function": ("too_many_lines", "fn f() {" + "\n    g();" * 61 + "\n}\nfn g() {}"),
    "an exception without need": (
        "unfulfilled",
        '#![expect(clippy::disallowed_types, reason = "I8")] const X: u8 = 0;',
    ),
    "an exception without a reason": (
        "allow_attributes_without_reason",
        "#![allow(clippy::disallowed_types)]",
    ),
}

KEEPS = {
    "the door": '#![expect(clippy::disallowed_types, reason = "I8")] pub type Word = std::sync::atomic::AtomicU32;',
    "through the door": "use crate::door::Word; pub static W: Word = Word::new(0);",
    "a mutex in a test": "#[cfg(test)] mod tests { #[test] fn f() { let _ = std::sync::Mutex::new(0); } }",
}

METHODS = [f"pub fn {name}(&self) {{}}" for name in re.findall(r"pyo3::PyErr::(\w+)", CLIPPY)]
FAKES = {
    "interlock_os": "pub mod futex { pub fn wait() {} } "
    "pub mod poll { pub struct Poller; impl Poller { pub fn wait(&self) {} } } "
    'pub mod fork { pub fn on_child(_: extern "C" fn()) {} '
    "pub fn around() {} }",
    "pyo3": "pub struct Python; impl Python { pub fn detach(self) {} } pub mod ffi { pub fn PyEval_SaveThread() {} "
    'pub fn PyEval_ReleaseThread() {} pub fn Py_AtExit(_: extern "C" fn()) {} } '
    f"pub struct PyErr; impl PyErr {{ {' '.join(METHODS)} }}",
}
"""Crates of these names, as clippy.toml knows them by name only: so nothing large is compiled here."""


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What was said of each module, by its name."""
    root = tmp_path_factory.mktemp("offender")
    lints = (ROOT / "Cargo.toml").read_text(encoding="utf-8").partition("[workspace.lints.rust]")
    tables = (lints[1] + lints[2]).partition("[profile.")[0].replace("[workspace.lints.", "[lints.")
    modules = dict(
        zip((f"breach{n}" for n in range(99)), [text for _, text in BREACHES.values()], strict=False)
    )
    modules |= {
        "door": KEEPS["the door"],
        "through": KEEPS["through the door"],
        "tested": KEEPS["a mutex in a test"],
    }
    package = '[package]\nname = "{}"\nedition = "2024"\n'
    paths = "".join(f'{name} = {{ path = "{name}" }}\n' for name in FAKES)
    write(root / "Cargo.toml", package.format("offender") + "[workspace]\n[dependencies]\n" + paths + tables)
    declared = "".join(f"pub mod {name};\n" for name in modules)
    write(
        root / "src" / "lib.rs",
        f'{DENIED}\n#![allow(missing_docs, dead_code, unused, reason = "made up")]\n{declared}',
    )
    for name, text in modules.items():
        write(root / "src" / f"{name}.rs", text)
    for name, text in FAKES.items():
        write(root / name / "Cargo.toml", package.format(name))
        write(root / name / "src" / "lib.rs", text)
    command = ["cargo", "clippy", "--quiet", "--offline", "--all-targets", "--message-format=json"]
    env = {**os.environ, "CLIPPY_CONF_DIR": str(ROOT), "CARGO_TARGET_DIR": str(root / "target")}
    done = subprocess.run(
        command, cwd=root, env=env, capture_output=True, text=True, timeout=250, check=False
    )
    said: dict[str, str] = {}
    for line in done.stdout.splitlines():
        message = json.loads(line).get("message") or {}
        for span in message.get("spans", []):
            name = Path(span["file_name"]).stem
            said[name] = (
                said.get(name, "") + f"{message['rendered']}{message['code'] and message['code']['code']}\n"
            )
    assert said, done.stderr
    return said


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


needs_cargo = pytest.mark.skipif(shutil.which("cargo") is None, reason="there is no cargo")


@needs_cargo
@pytest.mark.parametrize(
    ("number", "word"), [(n, word) for n, (word, _) in enumerate(BREACHES.values())], ids=BREACHES
)
def test_a_breach_is_found(findings: dict[str, str], number: int, word: str) -> None:
    assert word in findings.get(f"breach{number}", ""), findings


@needs_cargo
@pytest.mark.parametrize("module", ["door", "through", "tested"], ids=KEEPS)
def test_what_keeps_the_rule_is_left_alone(findings: dict[str, str], module: str) -> None:
    assert module not in findings


def test_an_exception_that_is_not_listed_is_found(
    complaints: Callable[[str, dict[str, str]], list[str]],
) -> None:
    files = {
        "crates/wait/src/nap.rs": '#![expect(clippy::disallowed_methods, reason = "x")]\n',
        "clippy.toml": "# none\n",
    }
    assert complaints("I5", files) == ["crates/wait/src/nap.rs:1"]
    assert complaints("I5", files | {"clippy.toml": "# crates/wait/src/nap.rs naps\n"}) == []
    gone = {"crates/wait/src/nap.rs": "\n", "clippy.toml": "# crates/wait/src/nap.rs naps\n"}
    assert complaints("I5", gone) == ["crates/wait/src/nap.rs:1"]
