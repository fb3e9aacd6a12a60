"""The conformance runner's score of one suite, and tables of many scores."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sections import table

HEAD = ["CPython", "form", "suite", "passed / baseline", "failed", "passed on a second run", "excluded", "s", "on"]
_UNTESTED = "Not tested, because the interpreter comes without these tests: "
_LOST = re.compile(r"- (\S+) (import|install) (\S+), (\S+): `(.+)`: (.+)")


@dataclass
class Judged:
    """The score of one suite, in one form (import or install), on one interpreter."""

    version: str
    form: str
    suite: str
    passed_tests: int = 0
    baseline: int = 0
    lost: dict[str, str] = field(default_factory=dict)
    """Tests that fail only on Interlock, by id, and what happened: fail, error, timeout, crash, not-run, absent."""

    flaky: int = 0
    """How many tests passed on a second run only."""

    excluded: int = 0
    seconds: float = 0.0
    problem: str = ""
    """Why there is no score of the suite."""

    date: str = ""

    @property
    def passed(self) -> bool:
        """Whether the suite has a score and no test failed."""
        return not self.lost and not self.problem

    @classmethod
    def read(cls, version: str, form: str, suite: str, result: Path, status: int) -> Judged:
        """Read the runner's JSON file."""
        judged = cls(version, form, suite, date=datetime.datetime.now(datetime.UTC).date().isoformat())
        rows = _rows(result)
        if rows:
            row = rows[0]
            judged.lost = row["lost"]
            judged.passed_tests = row["impl"]
            judged.baseline = row["impl"] + len(judged.lost)
            judged.flaky, judged.seconds = len(row["flaky"]), row["seconds"]
            judged.excluded = row["excluded"]
        if not rows:
            judged.problem = f"no score, the runner ended with status {status}"
        elif not judged.baseline:
            judged.problem = "no score, none of its tests passes on the bare interpreter"
        return judged

    @classmethod
    def of_row(cls, cells: Sequence[str]) -> Judged:
        """Read a row of the page; the names of its failed tests stand elsewhere."""
        version, form, suite, score, _, flaky, excluded, seconds, date = cells
        one = cls(version, f"interlock-{form}", suite, seconds=float(seconds), date=date)
        one.flaky, one.excluded = int(flaky or 0), int(excluded or 0)
        passed, is_score, baseline = score.partition(" / ")
        if is_score:
            one.passed_tests, one.baseline = int(passed), int(baseline)
        else:
            one.problem = score
        return one

    @staticmethod
    def merge(old: Iterable[Judged], new: Iterable[Judged]) -> list[Judged]:
        """Combine both; where both have a score of the same suite, take the new one."""
        merged = {(one.version, one.form, one.suite): one for one in [*old, *new]}
        return list(merged.values())

    def cells(self) -> list[str]:
        """One row of the table."""
        score = self.problem or f"{self.passed_tests} / {self.baseline}"
        flaky = str(self.flaky) if self.flaky else ""
        excluded = str(self.excluded) if self.excluded else ""
        form, seconds = self.form.removeprefix("interlock-"), f"{self.seconds:.0f}"
        return [self.version, form, self.suite, score, str(len(self.lost)), flaky, excluded, seconds, self.date]


def _rows(result: Path) -> list[dict[str, Any]]:
    if not result.exists():
        return []
    rows: list[dict[str, Any]] = (
        json.loads(result.read_text(encoding="utf-8")).get("score", {}).get("rows", [])
    )
    return rows


def text(judged: Sequence[Judged]) -> str:
    """The table for the terminal, the failed tests by name, and the sum."""
    rows = [HEAD, *(one.cells() for one in judged)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    lines += [f"  {line}" for line in _lost(judged)]
    return "\n".join([*lines, _sum(judged)])


def page(judged: Sequence[Judged], order: Sequence[str]) -> str:
    """The section of the page."""
    rows = sorted(judged, key=lambda one: (one.version, one.form, one.suite not in order, _place(one, order)))
    untested = sorted({one.version for one in judged} - {one.version for one in judged if one.baseline})
    rows = [one for one in rows if one.version not in untested]
    dates = sorted({one.date for one in rows})
    intro = f"""\
CPython's own tests, taken from the interpreter under test, run on Interlock in two forms: import (the tests
import Interlock's modules instead of the standard ones) and install (`interlock.install()` ran before the
tests were imported). We count tests that pass on unmodified CPython, and exclude those that look at private
internals of CPython's implementation. Interlock does not replace logging; its suite is here because it uses
replaced modules. Taken {" to ".join(dict.fromkeys([dates[0], dates[-1]]))} by
`make conformance`."""
    if untested:
        intro += f"\n{_UNTESTED}{', '.join(untested)}."
    scores = table(HEAD, [one.cells() for one in rows], left=3)
    return "\n\n".join([intro, _sum(rows), scores, "## Failed tests", _lost_by_class(rows) or "None."])


def on_page(written: str) -> list[Judged]:
    """Read the scores that a page has. Raises ValueError if it has a row that can't be read."""
    by_row: dict[tuple[str, str, str], Judged] = {}
    for line in written.splitlines():
        cells = [cell.strip() for cell in line.strip("| \n").split(" |")] if line.startswith("| ") else HEAD
        if cells == HEAD or set(cells) <= {"---", "---:"}:
            continue
        if len(cells) != len(HEAD):
            raise ValueError(f"the page has a row with {len(cells)} cells instead of {len(HEAD)}: {line}")
        one = Judged.of_row(cells)
        by_row[one.version, one.form, one.suite] = one
    for version, form, suite, outcome, owner, methods in _LOST.findall(written):
        lost = by_row[version, f"interlock-{form}", suite].lost
        lost.update({f"{owner}.{method}": outcome for method in methods.split(", ")})
    untested = re.findall(f"^{_UNTESTED}(.+)\\.$", written, re.MULTILINE)
    return [
        *by_row.values(),
        *(Judged(version, "", "") for names in untested for version in names.split(", ")),
    ]


def _place(one: Judged, order: Sequence[str]) -> int:
    return order.index(one.suite) if one.suite in order else 0


def _lost_by_class(judged: Sequence[Judged]) -> str:
    """Return a line for each class with failed tests."""
    lines = []
    for one in judged:
        by_class: dict[tuple[str, str], list[str]] = {}
        for test, outcome in one.lost.items():
            owner, _, method = test.rpartition(".")
            by_class.setdefault((owner, outcome), []).append(method)
        for (owner, outcome), methods in by_class.items():
            form = one.form.removeprefix("interlock-")
            lines.append(f"- {one.version} {form} {one.suite}, {outcome}: `{owner}`: {', '.join(methods)}")
    return "\n".join(lines)


def _lost(judged: Sequence[Judged]) -> list[str]:
    return [
        f"{one.version} {one.form.removeprefix('interlock-')} {one.suite}: {test} ({outcome})"
        for one in judged
        for test, outcome in one.lost.items()
    ]


def _sum(judged: Sequence[Judged]) -> str:
    passed, baseline = sum(one.passed_tests for one in judged), sum(one.baseline for one in judged)
    unjudged = sum(1 for one in judged if one.problem)
    note = f"; {unjudged} suites have no score" if unjudged else ""
    return f"{passed} of {baseline} tests pass, {baseline - passed} fail{note}."
