"""The scripts in `examples/pools/` print the content of `expected/pools/NAME.txt`.

Scripts that import only the standard library print the same on Python and on Interlock, with each start method.
Standard error must stay empty: an exception in a worker shows there only.
"""

import ast
import re
import sys
from pathlib import Path

import pytest

from tests.examples.test_examples_processes import METHODS, START, WAYS, run
from tests.examples.test_examples_threads import EXAMPLES, HERE, imported_modules

SCRIPTS = sorted((EXAMPLES / "pools").glob("*.py"))
MORE_THAN_STANDARD = {"killed_worker", "progress", "retry", "timeouts"}

each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)


def check(script: Path, way: str, *arguments: str) -> None:
    done = run(way, *arguments, str(script))
    expected = (HERE / "expected" / "pools" / f"{script.stem}.txt").read_text(encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


@pytest.mark.parametrize("way", WAYS)
@each_script
def test_prints_the_expected_output(script: Path, way: str) -> None:
    check(script, way)


@pytest.mark.parametrize("method", METHODS)
@each_script
def test_prints_it_with_each_start_method(script: Path, method: str) -> None:
    check(script, "interlock run", "-c", START, method)


@each_script
def test_imports_no_more_than_it_should(script: Path) -> None:
    more = imported_modules(script) - sys.stdlib_module_names
    assert more == ({"interlock"} if script.stem in MORE_THAN_STANDARD else set())


@each_script
def test_is_a_plain_script(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_readme_has_one_row_for_each_script() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[pools/([^\]]+)\]\(pools/\1\) \| \S", readme, re.MULTILINE)
    assert SCRIPTS
    assert sorted(rows) == [script.name for script in SCRIPTS]
