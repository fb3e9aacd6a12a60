"""The scripts in `examples/threads/` print the same on Python and on Interlock.

Every line of their output is deterministic (the scripts sort results that arrive in
any order), so the tests compare the whole output with `expected/NAME.txt`. Standard
error must stay empty: if a thread dies of an exception, the exit code is still 0,
and only standard error shows it.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"
SCRIPTS = sorted((EXAMPLES / "threads").glob("*.py"))
TIMEOUT = 200

each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)


def expectation(script: Path) -> Path:
    return HERE / "expected" / f"{script.stem}.txt"


def check_output(script: Path, *interpreter: str) -> None:
    done = subprocess.run(
        [sys.executable, *interpreter, str(script)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    expected = expectation(script).read_text(encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def imported_modules(script: Path) -> set[str]:
    """Return the top-level names of all modules that the script imports."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules.add("." if node.level else (node.module or "").partition(".")[0])
    return modules


@each_script
def test_prints_the_expected_output_under_plain_python(script: Path) -> None:
    check_output(script)


@each_script
def test_prints_the_same_output_under_interlock(script: Path) -> None:
    check_output(script, "-m", "interlock", "run")


@each_script
def test_has_an_expectation(script: Path) -> None:
    assert expectation(script).read_text(encoding="utf-8").endswith("\n")


@each_script
def test_imports_only_the_standard_library(script: Path) -> None:
    assert imported_modules(script) <= sys.stdlib_module_names


@each_script
def test_does_not_hide_a_standard_module(script: Path) -> None:
    """A script's folder comes first on `sys.path`, so no module may have the script's name."""
    assert script.stem not in sys.stdlib_module_names


@each_script
def test_has_a_docstring_and_a_main(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_readme_has_one_row_for_each_script() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[threads/([^\]]+)\]\(threads/\1\) \| \S", readme, re.MULTILINE)
    assert SCRIPTS
    assert sorted(rows) == [script.name for script in SCRIPTS]
