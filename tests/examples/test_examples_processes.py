"""The scripts in `examples/processes/` print the content of `expected/processes/NAME.txt`.

They do so on Python and on Interlock, with each start method. Standard error must stay empty: an exception in a child
process shows there only.
"""

import ast
import multiprocessing
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.examples.test_examples_threads import EXAMPLES, HERE, TIMEOUT, imported_modules

SCRIPTS = sorted((EXAMPLES / "processes").glob("*.py"))
WAYS = {"python": (), "interlock run": ("-m", "interlock", "run")}

# The versions in between run them by the method that costs least.
METHODS = multiprocessing.get_all_start_methods() if sys.version_info[:2] in {(3, 11), (3, 15)} else ["fork"]
MORE_THAN_STANDARD = {"killed_holder"}
ONLY_FORKS = {"parmap"}

START = """
import multiprocessing, runpy, sys

multiprocessing.set_start_method(sys.argv.pop(1))
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
each_way = pytest.mark.parametrize("way", WAYS)


def run(way: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *WAYS[way], *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )


def check(script: Path, done: subprocess.CompletedProcess[str]) -> None:
    expected = (HERE / "expected" / "processes" / f"{script.stem}.txt").read_text(encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


@each_way
@each_script
def test_prints_the_expected_output(script: Path, way: str) -> None:
    check(script, run(way, str(script)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "script", [one for one in SCRIPTS if one.stem not in ONLY_FORKS], ids=lambda script: script.stem
)
def test_prints_it_with_each_start_method(script: Path, method: str) -> None:
    check(script, run("interlock run", "-c", START, method, str(script)))


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
    rows = re.findall(r"^\| \[processes/([^\]]+)\]\(processes/\1\) \| \S", readme, re.MULTILINE)
    assert SCRIPTS
    assert sorted(rows) == [script.name for script in SCRIPTS]


@each_way
def test_the_picture_can_be_read(way: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    done = run(way, str(EXAMPLES / "processes" / "ray_tracing.py"), str(path))
    assert done.returncode == 0, done.stderr
    picture, chunks, at = path.read_bytes(), {}, 8
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        kind, data = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", picture, at + 8 + length) == (zlib.crc32(kind + data),)
        chunks[kind], at = data, at + 12 + length
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (width + 1)
