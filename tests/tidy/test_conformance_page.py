"""The page of conformance: a partial run replaces its own rows, and keeps all others."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benches"), str(ROOT / "tests" / "conformance")]

from judged import Judged, on_page, page  # noqa: E402

PAGE = ROOT / "docs" / "conformance.md"
ORDER = ("test_a", "test_b")


def scores() -> list[Judged]:
    """Return some scores of all kinds."""
    lost = {"test.a.Case.test_x": "fail", "test.a.Case.test_y": "fail", "test.b.Case.test_x": "crash"}
    return [
        Judged(
            "3.11.7",
            "interlock-import",
            "test_a",
            9,
            12,
            lost,
            flaky=2,
            excluded=3,
            seconds=7.0,
            date="2026-01-02",
        ),
        Judged("3.11.7", "interlock-install", "test_b", 5, 5, date="2026-01-03"),
        Judged(
            "3.11.7",
            "interlock-install",
            "test_a",
            problem="no score, the runner ended with status 1",
            date="2026-01-03",
        ),
        Judged("3.13t", "interlock-import", "test_a", date="2026-01-03"),
    ]


def test_a_page_that_is_read_and_written_is_the_same() -> None:
    written = page(scores(), ORDER)
    assert "3.13t" in written
    assert page(on_page(written), ORDER) == written
    assert on_page(written)[0] == scores()[0]


def test_a_partial_run_keeps_the_rows_that_it_has_not_run() -> None:
    before = page(scores(), ORDER)
    new = Judged("3.11.7", "interlock-import", "test_a", 12, 12, date="2026-02-01")
    after = page(Judged.merge(on_page(before), [new]), ORDER)
    lines = before.splitlines()
    changed = [line for line in after.splitlines() if line not in lines]
    assert "| 3.11.7 | import | test_a | 12 / 12 | 0 |  |  | 0 | 2026-02-01 |" in changed
    assert "| 3.11.7 | install | test_b | 5 / 5 | 0 |  |  | 0 | 2026-01-03 |" in after
    assert "test_x" not in after


def test_a_row_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="a row with 3 cells"):
        on_page("| 3.11.7 | import | test_a |")


def test_the_projects_page_can_be_read() -> None:
    rows = on_page(PAGE.read_text(encoding="utf-8"))
    assert len(rows) > 100
    assert all(one.date and one.baseline == one.passed_tests + len(one.lost) for one in rows if one.suite)
