"""Rules about Python files, sizes, documents and the map."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.tidy import INVARIANTS

Run = Callable[[str, dict[str, str]], list[str]]

QUEUE, TEST = "python/interlock/queue.py", "tests/parity/test_queue.py"

PYTHON = {
    "a test that naps": ("S-sleep", TEST, "import time\ntime.sleep(1)\n", 2),
    "a test that naps with a reason": (
        "S-sleep",
        TEST,
        "time.sleep(1)  # sleep: the timeout is the subject\n",
        0,
    ),
    "a nap in a text": ("S-sleep", TEST, "CODE = 'time.sleep(1)'\n", 0),
    "a benchmark that naps": ("S-sleep", "benches/run.py", "time.sleep(1)\n", 0),
    "a standard lock in the facade": ("S-facade", QUEUE, "import _thread\nl = _thread.allocate_lock()\n", 2),
    "a loop that waits": ("S-facade", QUEUE, "while True:\n    event.wait(1)\n", 2),
    "a loop that does not": ("S-facade", QUEUE, "while items:\n    items.pop()\n", 0),
    "a lock in a test": ("S-facade", TEST, "l = threading.Lock()\n", 0),
    "a long function": ("S-functions", QUEUE, "def f():\n" + "    g()\n" * 60, 1),
    "a function of the limit": ("S-functions", QUEUE, "@d\ndef f():\n" + "    g()\n" * 59, 0),
    "a long file": ("S-files", QUEUE, "x = 1\n" * 501, 500),
    "a long page": ("S-files", "docs/guide.md", "word\n" * 501, 500),
    "a page that is long because it is generated": (
        "S-files",
        "docs/benchmarks.md",
        "# Numbers\n<!-- generated -->\n" + "row\n" * 600 + "<!-- /generated -->\n",
        0,
    ),
    "a long changelog": ("S-files", "CHANGELOG.md", "- more\n" * 600, 0),
    "a folder of one machine": ("S-files", "docs/guide.md", "Go to\n`/" + "home/ann/interlock`.\n", 2),
    "a relative folder": ("S-files", "docs/guide.md", "Go to `docs/home/work`, or /proc/self.\n", 0),
}


@pytest.mark.parametrize(("check", "path", "text", "line"), PYTHON.values(), ids=PYTHON)
def test_files_are_judged(complaints: Run, check: str, path: str, text: str, line: int) -> None:
    assert complaints(check, {path: text}) == ([f"{path}:{line}"] if line else [])


def test_a_claim_without_a_test_is_found(complaints: Run) -> None:
    protocol = (
        "# Wake-ups\n\n- C1 none is lost: `no_wake_up_is_lost`\n- C2 order is kept:\n  `order_is_kept`\n"
    )
    files = {"crates/wait/PROTOCOL.md": protocol, "crates/wait/tests/loom.rs": "fn no_wake_up_is_lost() {}\n"}
    assert complaints("S-claims", files) == ["crates/wait/PROTOCOL.md:4"]
    both = files | {"crates/wait/src/queue.rs": "#[cfg(loom)]\nmod model {\n    fn order_is_kept() {}\n}\n"}
    assert complaints("S-claims", both) == []


def test_a_claim_with_the_number_of_another_is_found(complaints: Run) -> None:
    wait, sync = "crates/wait/PROTOCOL.md", "crates/sync/PROTOCOL.md"
    claims = {wait: "C1 none is lost: `none_is_lost`\n", sync: "C1 one has it: `one_has_it`\n"}
    tests = {
        f"crates/{crate}/tests/loom.rs": "fn none_is_lost() {}\nfn one_has_it() {}\n"
        for crate in ("wait", "sync")
    }
    assert complaints("S-claims", claims | tests) == [f"{wait}:1"]
    assert complaints("S-claims", claims | tests | {sync: "C2 one has it: `one_has_it`\n"}) == []


TRUE_MAP = (
    "# Map\n\n`crates/wait/src/block.rs` and `tests/`: see `block.rs`, `put/get`, `a::b`.\n\n"
    "- `block.rs`: where threads block\n\n"
    + "".join(f"| {name} is kept | `tidy {'I3' if name != 'I1' else 'I5'}` |\n" for name in INVARIANTS)
)
CHECKOUT = {"crates/wait/src/block.rs": "", "tests/test_a.py": "", "clippy.toml": "# I4\n"}


def test_a_true_map_is_left_alone(complaints: Run) -> None:
    assert complaints("S-map", {**CHECKOUT, "ARCHITECTURE.md": TRUE_MAP}) == []


LIES = {
    "a folder is missing": ("`tests/`", "nothing", 1),
    "a source file has no line": ("- `block.rs`: where", "- where", 1),
    "a path does not exist": ("`tests/`", "`tests/` `crates/wait/src/gone.rs`", 3),
    "a file does not exist": ("`tests/`", "`tests/` `gone.py`", 3),
    "an invariant is missing": ("| I4 is kept", "| it is kept", 1),
    "an invariant has no check": ("| I4 is kept | `tidy I3` |", "| I4 is kept | good will |", 1),
    "an invariant names a rule that is none": (
        "| I4 is kept | `tidy I3` |",
        "| I4 is kept | `tidy I40` |",
        1,
    ),
    "an invariant names a tool that knows it not": (
        "| I3 is kept | `tidy I3` |",
        "| I3 is kept | clippy |",
        1,
    ),
    "an invariant names a test that is none": (
        "| I4 is kept | `tidy I3` |",
        "| I4 is kept | `gone/test` |",
        1,
    ),
}


@pytest.mark.parametrize(("old", "new", "line"), LIES.values(), ids=LIES)
def test_a_map_that_lies_is_found(complaints: Run, old: str, new: str, line: int) -> None:
    found = complaints("S-map", {**CHECKOUT, "ARCHITECTURE.md": TRUE_MAP.replace(old, new)})
    assert set(found) == {f"ARCHITECTURE.md:{line}"}


@pytest.mark.parametrize("checked", ["`tests/test_a.py`", "clippy"])
def test_an_invariant_may_be_kept_by_a_test_or_a_tool(complaints: Run, checked: str) -> None:
    text = TRUE_MAP.replace("| I4 is kept | `tidy I3` |", f"| I4 is kept | {checked} |")
    assert complaints("S-map", {**CHECKOUT, "ARCHITECTURE.md": text}) == []


def test_a_missing_or_long_map_is_found(complaints: Run) -> None:
    assert complaints("S-map", CHECKOUT) == ["ARCHITECTURE.md:1"]
    assert complaints("S-map", {**CHECKOUT, "ARCHITECTURE.md": TRUE_MAP + "more\n\n" * 400}) == [
        "ARCHITECTURE.md:1"
    ]
