"""``interlock demo`` runs each program both ways and compares."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from interlock._cli import demo

if TYPE_CHECKING:
    from conftest import Launcher

PROGRAMS = sorted(path.stem for path in demo.DEMOS.glob("*.py"))
QUICK = ["--rounds", "1", "--scale", "0.02"]


def test_all_programs_give_the_same_results_both_ways(launcher: Launcher) -> None:
    done = launcher.interlock("demo", *QUICK, "--json")
    assert (done.status, done.err) == (0, "")
    rows = json.loads(done.out)
    assert [row["program"] for row in rows] == PROGRAMS
    assert len(PROGRAMS) >= 3
    for row in rows:
        assert row["result"]
        for way in ("plain", "interlock"):
            (work,), (process,) = row[way]["work_seconds"], row[way]["process_seconds"]
            assert 0 < work < process


def test_the_table_names_each_program_with_its_ratio(launcher: Launcher) -> None:
    done = launcher.interlock("demo", *QUICK, PROGRAMS[0])
    assert done.status == 0
    heading, _, line, _ = done.out.splitlines()
    assert heading.split()[:4] == ["program", "plain", "interlock", "ratio"]
    assert line.startswith(PROGRAMS[0])
    assert " x  " in line


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_plain_scripts_that_know_only_the_standard_library(name: str) -> None:
    tree = ast.parse((demo.DEMOS / f"{name}.py").read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_deterministic(launcher: Launcher, name: str) -> None:
    runs = [launcher.run(str(demo.DEMOS / f"{name}.py"), "0.01") for _ in range(2)]
    assert runs[0].status == runs[1].status == 0
    assert runs[0].out == runs[1].out
    assert json.loads(runs[0].err)["work_seconds"] > 0


FAKES = {
    "differs": "import sys; print('interlock' in sys.modules)",
    "fails": "raise SystemExit(3)",
    "hangs": "import threading; threading.Event().wait()",
    "silent": "import sys; print('no seconds'); sys.exit(0)",
}


@pytest.mark.parametrize("name", FAKES)
def test_a_run_that_is_not_good_ends_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    seconds = "" if name == "silent" else "\nprint('{\"work_seconds\": 1}', file=__import__('sys').stderr)"
    (tmp_path / f"{name}.py").write_text(FAKES[name] + seconds, encoding="utf-8")
    monkeypatch.setattr(demo, "DEMOS", tmp_path)
    from interlock._cli import main

    assert main(["demo", "--rounds", "1", "--timeout", "0.5" if name == "hangs" else "200"]) == 1
    message = capsys.readouterr().err
    expected = {"differs": "the results differ", "fails": "exit status 3", "hangs": "not done after 0.5 s"}
    assert expected.get(name, "exit status 0") in message


def test_a_program_that_is_not_there(launcher: Launcher) -> None:
    done = launcher.interlock("demo", "absent")
    assert done.status == 2
    assert "no program 'absent'" in done.err
    assert launcher.interlock("demo", "--rounds", "0").status == 2
