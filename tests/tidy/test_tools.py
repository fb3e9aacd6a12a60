"""What is behind the Makefile, as far as it needs no build."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools.tidy import main as tidy

ROOT = Path(__file__).resolve().parents[2]
NOX = ROOT / ".nox" / "tools" / "bin" / "python"
interpreters = pytest.importorskip(
    "tools.interpreters", reason="python-discovery is not here", exc_type=ImportError
)


def made(version: str, place: str = "/opt", free_threaded: bool = False, debug: bool = False) -> Any:
    numbers = tuple(int(part) for part in version.split("."))
    path = f"{place}/{version}{free_threaded}{debug}/bin/python3"
    return SimpleNamespace(
        version_info=numbers,
        system_executable=path,
        executable=path,
        free_threaded=free_threaded,
        debug_build=debug,
    )


def test_the_default_comes_first_and_stands_for_its_version() -> None:
    found = interpreters.choose([made("3.12.1"), made("3.12.9"), made("3.11.7"), made("3.11.2")])
    assert list(found) == ["3.12", "3.11"]
    assert ("3.12.1" in found["3.12"], "3.11.7" in found["3.11"]) == (True, True)


def test_free_threaded_builds_are_a_kind_of_their_own_and_debug_builds_are_left_out() -> None:
    builds = [
        made("3.13.0"),
        made("3.13.0", free_threaded=True),
        made("3.13.0", debug=True),
        made("3.14.1", debug=True),
    ]
    assert list(interpreters.choose(builds)) == ["3.13", "3.13t"]


def test_all_builds_get_names_of_their_own() -> None:
    builds = [made("3.11.7"), made("3.11.2", "/usr"), made("3.11.2", "/opt/usr"), made("3.13.0", debug=True)]
    assert list(interpreters.choose(builds, every_build=True)) == ["3.11", "3.11.2", "3.11.2-2", "3.13.0d"]


def test_the_running_interpreter_is_found_as_itself() -> None:
    base = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
    assert next(iter(interpreters.find(sys.executable).values())) == base


@pytest.mark.parametrize("command", ["no-such-python", "false"])
def test_what_is_no_python_is_told_in_a_sentence(command: str) -> None:
    with pytest.raises(SystemExit, match=rf"{command} is no CPython 3\.11 to"):
        interpreters.find(command)


def test_no_match_is_told_in_a_sentence() -> None:
    with pytest.raises(SystemExit, match=r"no CPython 2\.7"):
        interpreters.find(sys.executable, only=["2.7"])


def test_what_was_fetched_and_what_pyenv_has_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    (tmp_path / "versions" / "3.13.1t" / "bin").mkdir(parents=True)
    places = interpreters.places().split(os.pathsep)
    assert {str(tmp_path / "interlock/interpreters/bin"), str(tmp_path / "versions/3.13.1t/bin")} <= set(
        places
    )


def test_what_cannot_be_got_is_told_in_a_line_and_fails_nothing(tmp_path: Path) -> None:
    script = ROOT / ".ci" / "interpreters"
    environment = {"PATH": "/nowhere", "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        ["/bin/bash", str(script), "3.99"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "interpreters: going on without CPython 3.99: this machine has no apt-get\n"


needs_nox = pytest.mark.skipif(not NOX.exists(), reason="the environment of nox is not made")


@needs_nox
def test_each_task_of_the_makefile_has_its_session() -> None:
    named = re.search(
        r"^(models [\w -]+): \.nox", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert named
    command = [str(NOX), "-m", "nox", "--session", *named[1].split(), "--list"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert not done.returncode, done.stdout + done.stderr


@needs_nox
def test_an_interpreter_may_have_requirements_of_its_own() -> None:
    asked = (
        "import noxfile as n; print(*(n.requirements('test', of).name for of in ('3.13t', '3.13', '3.14t')))"
    )
    done = subprocess.run(
        [str(NOX), "-c", asked], cwd=ROOT, capture_output=True, text=True, timeout=200, check=True
    )
    assert done.stdout.split() == ["test-3.13t.txt", "test.txt", "test.txt"]


@needs_nox
def test_a_task_goes_on_after_a_failure_and_then_fails(tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").write_text(
        "import nox, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from noxfile import each\n"
        "nox.registry.reset()\n"
        "@nox.session(venv_backend='none')\n"
        "def task(session): each(session, {}, [('echo', 'one'), ('false',), ('no-such-command',), ('echo', 'four')])\n"
    )
    command = [str(NOX), "-m", "nox", "--noxfile", str(tmp_path / "noxfile.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode
    assert done.stdout.split() == ["one", "four"]
    assert "failed: false, no-such-command" in done.stderr


def test_clean_removes_what_the_tasks_made_and_nothing_else(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    made = [".nox/tools/x", "target/x", "tests/__pycache__/x", "python/interlock/_interlock.cpython-311.so"]
    kept = ["docs/target/x", "python/interlock/_interlock.pyi", "tests/test_x.py", ".venv-data/keep"]
    for path in [*made, *kept]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    env = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
    subprocess.run(["make", "clean"], cwd=tmp_path, env=env, check=True, timeout=200)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"Makefile", *kept}


def test_tidy_prints_place_rule_and_advice_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "crates" / "sync" / "src"
    source.mkdir(parents=True)
    (source / "lock.rs").write_text("fn get_until() {}\n")
    assert tidy(["--root", str(tmp_path), "I7"]) == 1
    assert capsys.readouterr().out == "crates/sync/src/lock.rs:1: I7 `get_until` should take a `Deadline`\n"
    assert tidy(["--root", str(tmp_path), "I9"]) == 0
