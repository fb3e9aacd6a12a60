"""The scripts in `examples/futures/` print the content of `expected/futures/NAME.txt`.

Scripts that import only the standard library print the same on Python and on Interlock. Scripts that
use more of Interlock import it by name; they print the same with `python` and with `interlock run`.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.test_examples_threads import EXAMPLES, HERE, TIMEOUT, imported_modules

SCRIPTS = sorted((EXAMPLES / "futures").glob("*.py"))
WAYS = {"python": (), "interlock run": ("-m", "interlock", "run")}

MORE_THAN_STANDARD = {"endless_stream", "graph", "progress"}

each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
each_way = pytest.mark.parametrize("way", WAYS)


@each_way
@each_script
def test_prints_the_expected_output(script: Path, way: str) -> None:
    done = subprocess.run(
        [sys.executable, *WAYS[way], str(script)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    expected = (HERE / "expected" / "futures" / f"{script.stem}.txt").read_text(encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_the_run_is_on_interlock() -> None:
    code = "import concurrent.futures as f; print(f.ThreadPoolExecutor.__mro__[1].__module__)"
    command = [sys.executable, "-m", "interlock", "run", "-c", code]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=TIMEOUT, check=True)
    assert done.stdout == "interlock._interlock\n"


@each_script
def test_imports_no_more_than_it_should(script: Path) -> None:
    more = imported_modules(script) - sys.stdlib_module_names
    assert more == ({"interlock"} if script.stem in MORE_THAN_STANDARD else set())


@each_script
def test_is_a_plain_script(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    assert script.stem not in sys.stdlib_module_names
    assert ast.get_docstring(tree)
    assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_readme_has_one_row_for_each_script() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[futures/([^\]]+)\]\(futures/\1\) \| \S", readme, re.MULTILINE)
    assert SCRIPTS
    assert sorted(rows) == [script.name for script in SCRIPTS]
