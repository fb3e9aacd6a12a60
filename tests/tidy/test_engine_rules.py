"""Each rule about Rust code finds code that breaks it, with its place, and accepts code that follows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[[str, dict[str, str]], list[str]]

SYNC, WAIT, OS = "crates/sync/src/lock.rs", "crates/wait/src/deadline.rs", "crates/os/src/futex.rs"
BLOCK, PYTHON, SHM = "crates/wait/src/block.rs", "crates/python/src/blocking.rs", "crates/shm/src/ring.rs"

BREAKS = {
    "a kernel wait outside block": ("I1", SYNC, "use interlock_os::futex;\nfn f() { futex::wait(1) }\n", 2),
    "a kernel wait in a group": ("I1", SYNC, "use interlock_os::futex::{wake_one, wait as w};\n", 1),
    "a kernel wait by full path": ("I1", SYNC, "fn f() { interlock_os::futex::wait_until(1) }\n", 1),
    "all of futex at once": ("I1", WAIT, "use interlock_os::futex::*;\n", 1),
    "all of std's locks at once": ("I1", SYNC, "use std::sync::*;\n", 1),
    "a standard mutex": ("I1", SYNC, "\nuse std::sync::{Arc, Mutex};\n", 2),
    "a nap": ("I1", PYTHON, "use std::thread;\nfn f() {\n thread::sleep(D)\n}\n", 3),
    "a foreign lock": ("I1", SYNC, "type L = parking_lot::RawMutex;\n", 1),
    "a second detach": ("I2", PYTHON, "fn f() { py.detach(|| 1) }\nfn g() { py.detach(|| 2) }\n", 2),
    "a platform condition": ("I3", SYNC, '#[cfg(all(not(loom), target_os = "linux"))]\nfn f() {}\n', 1),
    "a platform macro": ("I3", SYNC, "fn f() -> bool { cfg!(unix) }\n", 1),
    "libc above os": ("I3", SYNC, "\nfn f() { libc::getpid(); }\n", 2),
    "pyo3 below the border": ("I4", SYNC, "use pyo3::prelude::*;\n", 1),
    "until without a deadline": ("I7", SYNC, "pub fn get_until(&self, nanos: u64) {}\n", 1),
    "a timeout in seconds": ("I7", SYNC, "fn acquire(&self, timeout: f64) {}\n", 1),
    "a duration to wait": ("I7", SYNC, "fn wait(&self, limit: Option<Duration>) {}\n", 1),
    "atomics by the back door": ("I8", SYNC, "use std::sync::atomic::AtomicU32;\n", 1),
    "an ordering in os": ("I8", OS, "use std::sync::atomic::Ordering;\n", 1),
    "a look at the payload": ("I9", "crates/queue/src/fifo.rs", "impl<T: Send + Clone> Fifo<T> {}\n", 1),
    "an observer by name": ("I10", SYNC, "fn f() { interlock_watch::note() }\n", 1),
    "a bool for the caller": ("S-bool", SYNC, "pub fn acquire(&self, blocking: bool) {}\n", 1),
    "an ordering without its pair": ("S-ordering", SYNC, "fn f() { X.load(Ordering::Acquire); }\n", 1),
    "a bare ordering": ("S-ordering", SYNC, "use p::Ordering::{Acquire};\nfn f() { X.load(Acquire); }\n", 2),
    "silence about blocking": ("S-blocks", SYNC, "/// Takes.\npub fn get(&self, d: Deadline) {}\n", 2),
    "a long function": ("S-functions", SYNC, "fn f() {\n" + "    g();\n" * 60 + "}\n", 1),
    "a nap in a unit test": ("S-sleep", SYNC, "#[cfg(test)]\nmod tests {\n fn f() { sleep(D); }\n}\n", 3),
}

KEEPS = {
    "block waits": ("I1", BLOCK, "use interlock_os::futex;\nfn f() { futex::wait(1) }\n"),
    "a wake": ("I1", WAIT, "use interlock_os::futex;\nfn f() { futex::wake_one(1) }\n"),
    "a wait in a comment": (
        "I1",
        SYNC,
        "// futex::wait and std::sync::Mutex\n/* std::thread::sleep /* */ */\n",
    ),
    "a mutex in a test": ("I1", SYNC, "#[cfg(test)]\nmod tests { use std::sync::Mutex; }\n"),
    "a mutex in a model": ("I1", SYNC, "#[cfg(loom)]\nuse std::sync::Mutex;\n"),
    "one detach": ("I2", PYTHON, "fn f() { py.detach(|| 1) } // py.detach(\n"),
    "conditions of tools": (
        "I3",
        SYNC,
        "#[cfg(not(loom))]\nfn f() {}\n#[cfg(debug_assertions)]\nfn g() {}\n",
    ),
    "a platform in os": ("I3", OS, '#[cfg(target_os = "linux")]\nfn f() { libc::getpid(); }\n'),
    "a deadline": ("I7", SYNC, "pub fn get_until(&self, deadline: Deadline) {}\n"),
    "a deadline is made": ("I7", WAIT, "pub fn after(timeout: Duration) -> Self {}\n"),
    "a number that is no time": ("I7", SYNC, "fn grow(&self, factor: f64) {}\n"),
    "the one door": ("I8", "crates/wait/src/primitive.rs", "pub use std::sync::atomic::AtomicU32;\n"),
    "the kernel's word": ("I8", OS, "use std::sync::atomic::AtomicU32;\n"),
    "another Ordering": ("I8", SYNC, "use std::cmp::Ordering;\n"),
    "the priority queue compares": ("I9", "crates/queue/src/priority.rs", "impl<T: Ord> Heap<T> {}\n"),
    "a payload that moves": ("I9", "crates/queue/src/fifo.rs", "impl<T: Send> Fifo<T> {}\n"),
    "a private bool": ("S-bool", SYNC, "fn acquire(&self, blocking: bool) -> bool {}\n"),
    "a bool of Python": ("S-bool", PYTHON, "pub fn acquire(&self, blocking: bool) {}\n"),
    "a pair": (
        "S-ordering",
        SYNC,
        "// pairs with the store in `set`\nfn f() { X.load(Ordering::Acquire); }\n",
    ),
    "an order of values": ("S-ordering", SYNC, "fn f() { match a.cmp(b) { Ordering::Less => {} } }\n"),
    "an event named Release": ("S-ordering", SYNC, "fn f() { report(Event::Release, Release); }\n"),
    "words about blocking": (
        "S-blocks",
        SYNC,
        "/// Blocks until set.\n#[inline]\npub fn get(d: Deadline) {}\n",
    ),
    "a function of the limit": ("S-functions", SYNC, "fn f() {\n" + "    g();\n" * 58 + "}\n"),
    "a nap with a reason": (
        "S-sleep",
        "crates/sync/tests/a.rs",
        "fn f() { std::thread::sleep(D); } // sleep: the timeout is the subject\n",
    ),
}


@pytest.mark.parametrize(("check", "path", "text", "line"), BREAKS.values(), ids=BREAKS)
def test_a_breach_is_found_on_its_line(complaints: Run, check: str, path: str, text: str, line: int) -> None:
    assert complaints(check, {path: text}) == [f"{path}:{line}"]


@pytest.mark.parametrize(("check", "path", "text"), KEEPS.values(), ids=KEEPS)
def test_what_keeps_the_rule_is_left_alone(complaints: Run, check: str, path: str, text: str) -> None:
    assert complaints(check, {path: text}) == []


def test_a_module_declared_for_tests_only_is_no_engine_code(complaints: Run) -> None:
    files = {"crates/sync/src/lock.rs": "#[cfg(test)]\nmod stress;\n"}
    nap = "fn f() { std::thread::sleep(D); }\n"
    assert complaints("I1", files | {"crates/sync/src/lock/stress.rs": nap}) == []
    assert complaints("I1", files | {"crates/sync/src/other.rs": nap}) == ["crates/sync/src/other.rs:1"]


def test_a_second_door_for_atomics_is_found(complaints: Run) -> None:
    door = "pub use std::sync::atomic::AtomicU32;\n"
    files = {"crates/sync/src/primitive.rs": door, "crates/wait/src/primitive.rs": door}
    assert complaints("I8", files) == ["crates/wait/src/primitive.rs:1"]


def test_shared_bytes_with_pointers_or_without_format_are_found(complaints: Run) -> None:
    struct = "const RING_VERSION: u32 = 1;\n#[repr(C)]\nstruct Ring {{\n    {}\n}}\n"
    described = {"crates/shm/FORMAT.md": "The ring."}
    assert complaints("I11", described | {SHM: struct.format("head: AtomicU64,")}) == []
    for field in ("next: *mut u8,", "text: &'static str,", "all: Vec<u8>,", "length: usize,"):
        assert complaints("I11", described | {SHM: struct.format(field)}) == [f"{SHM}:4"]


def test_shared_bytes_without_a_version_or_a_format_are_found(complaints: Run) -> None:
    assert complaints("I11", {SHM: "struct Ring;\n"}) == ["crates/shm/FORMAT.md:1", "crates/shm/src/lib.rs:1"]
