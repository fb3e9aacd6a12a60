"""The scripts in `examples/FOLDER/` print the content of `expected/FOLDER/NAME.txt`.

Scripts that import only the standard library print the same on Python and on Interlock; those with processes do so with
each start method. Scripts that use more of Interlock import it by name. Standard error must stay empty: an exception in
a thread or in a child process shows there only.
"""

from __future__ import annotations

import ast
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.processes.programs import METHODS

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"
TIMEOUT = 200
FOLDERS = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__")
SCRIPTS = [script for folder in FOLDERS for script in sorted((EXAMPLES / folder).glob("*.py"))]
WAYS = {"python": (), "interlock run": ("-m", "interlock", "run")}

MORE_THAN_STANDARD = {
    *("commands/kill_a_tree", "commands/many_at_once"),
    *("futures/endless_stream", "futures/graph", "futures/progress"),
    *("pools/killed_worker", "pools/progress", "pools/retry", "pools/timeouts"),
    "processes/killed_holder",
    *("schedulers/echo_server", "schedulers/fib_server", "schedulers/fibonacci"),
    *("schedulers/producer_consumer", "schedulers/thread_and_task"),
}
ONLY_FORKS = {"processes/parmap"}
START = """
import multiprocessing, runpy, sys

multiprocessing.set_start_method(sys.argv.pop(1))
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def name(script: Path) -> str:
    return f"{script.parent.name}/{script.stem}"


def has_processes(script: Path) -> bool:
    return script.parent.name in {"pools", "processes"} and name(script) not in ONLY_FORKS


each_script = pytest.mark.parametrize("script", SCRIPTS, ids=name)
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


def check(script: Path, way: str, *arguments: str) -> None:
    done = run(way, *arguments, str(script))
    expected = (HERE / "expected" / f"{name(script)}.txt").read_text(encoding="utf-8")
    assert expected.endswith("\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


@each_way
@each_script
def test_prints_the_expected_output(script: Path, way: str) -> None:
    check(script, way)


@pytest.mark.parametrize(
    ("script", "method"),
    [(script, method) for script in filter(has_processes, SCRIPTS) for method in METHODS[1:]],
    ids=lambda value: value if isinstance(value, str) else name(value),
)  # by the first method the scripts run anyway
def test_prints_it_with_each_start_method(script: Path, method: str) -> None:
    check(script, "interlock run", "-c", START, method)


def test_the_run_is_on_interlock() -> None:
    code = "import concurrent.futures as f; print(f.ThreadPoolExecutor.__mro__[1].__module__)"
    assert run("interlock run", "-c", code).stdout == "interlock._interlock\n"


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
def test_imports_no_more_than_it_should(script: Path) -> None:
    more = imported_modules(script) - sys.stdlib_module_names
    assert more == ({"interlock"} if name(script) in MORE_THAN_STANDARD else set())


@each_script
def test_is_a_plain_script(script: Path) -> None:
    """A script's folder comes first on `sys.path`, so no module may have the script's name."""
    assert script.stem not in sys.stdlib_module_names
    tree = ast.parse(script.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("folder", FOLDERS)
def test_readme_has_one_row_for_each_script(folder: str) -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(rf"^\| \[{folder}/([^\]]+)\]\({folder}/\1\) \| \S", readme, re.MULTILINE)
    assert sorted(rows) == [script.name for script in SCRIPTS if script.parent.name == folder]


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
