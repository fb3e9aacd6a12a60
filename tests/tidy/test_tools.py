"""The scripts behind the Makefile, where they need no build."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tools.paths import ROOT
from tools.tidy.__main__ import main as tidy

from tools import build, clean, interpreters, steps, suite, venvs
from tools.interpreters import Build, choose

assert all(module.__doc__ for module in (build, clean, interpreters, steps, suite, venvs))


def made(
    version: str, prefix: str = "/opt/python", free_threaded: bool = False, debug: bool = False
) -> Build:
    major, minor, patch = (int(part) for part in version.split("."))
    path = f"{prefix}/{version}{free_threaded}{debug}/bin/python3"
    return Build(path, (major, minor, patch), free_threaded, debug, prefix)


def test_the_default_comes_first_and_stands_for_its_version() -> None:
    found = choose([made("3.12.1"), made("3.12.9"), made("3.11.7"), made("3.11.2")])
    assert [(c.build.version, c.venv) for c in found] == [((3, 12, 1), ".venv"), ((3, 11, 7), ".venv-3.11")]


def test_free_threaded_builds_are_a_kind_of_their_own_and_debug_builds_are_left_out() -> None:
    found = choose([made("3.13.0"), made("3.13.0", free_threaded=True), made("3.13.0", debug=True)])
    assert [c.venv for c in found] == [".venv", ".venv-3.13t"]


def test_all_builds_get_names_of_their_own() -> None:
    builds = [made("3.11.7"), made("3.11.2", "/usr"), made("3.11.2", "/opt/usr"), made("3.13.0", debug=True)]
    names = [c.venv for c in choose(builds, all_builds=True)]
    assert sorted(names) == [".venv", ".venv-3.11.2-usr", ".venv-3.11.2-usr-2", ".venv-3.13.0d-python"]


def test_the_running_interpreter_is_probed_as_itself() -> None:
    found = interpreters.probe(sys.executable)
    assert found is not None
    assert found.version == sys.version_info[:3]


@pytest.mark.parametrize("command", ["no-such-python", "false"])
def test_what_is_no_python_is_passed_over(command: str) -> None:
    assert interpreters.probe(command) is None


def test_an_interpreter_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    facts = '{"path": "/x", "version": [3, 10, 1], "implementation": "cpython"}'
    fake = tmp_path / "python3"
    fake.write_text(f"#!/bin/sh\necho '{facts}'\n")
    fake.chmod(0o755)
    assert interpreters.probe(str(fake)) is None


def test_what_was_fetched_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert interpreters.fetched() == tmp_path / "interlock" / "interpreters" / "bin"
    interpreters.fetched().mkdir(parents=True)
    fetched = interpreters.fetched() / "python3.13t"
    fetched.symlink_to("/bin/sh")
    assert str(fetched) in interpreters.candidates(sys.executable)


def test_an_interpreter_may_have_requirements_of_its_own() -> None:
    assert venvs.requirements("test", "3.13t").name == "test-3.13t.txt"
    assert venvs.requirements("test", "3.13").name == venvs.requirements("test", "3.14t").name == "test.txt"


def test_what_cannot_be_got_is_told_in_a_line_and_fails_nothing(tmp_path: Path) -> None:
    script = ROOT / ".ci" / "interpreters"
    environment = {"PATH": "/nowhere", "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        ["/bin/bash", str(script), "3.99"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "interpreters: going on without CPython 3.99: this machine has no apt-get\n"


def test_no_match_is_told_in_a_sentence() -> None:
    with pytest.raises(SystemExit, match=r"no CPython 3\.11 to"):
        interpreters.discover(sys.executable, only=["2.7"])


def test_steps_go_on_after_a_failure_and_the_end_tells_it(capsys: pytest.CaptureFixture[str]) -> None:
    run = steps.Steps()
    assert run.run("good", ["true"])
    assert not run.run("bad", ["false"])
    assert not run.run("absent", ["no-such-command"])
    assert run.finish() == 1
    table = capsys.readouterr().out.split("summary")[1]
    assert [line.split()[0] for line in table.splitlines()[1:]] == ["passed", "FAILED", "FAILED"]


def test_a_step_beyond_its_limit_is_ended_with_its_children(tmp_path: Path) -> None:
    note, run = tmp_path / "pid", steps.Steps()
    started = time.monotonic()
    assert not run.run("endless", ["sh", "-c", f"sleep 600 & echo $! > {note}; wait"], limit=2.0)
    assert time.monotonic() - started < 60
    assert ends(int(note.read_text()), within=10.0)


def test_steps_that_run_together_print_one_after_the_other(capfd: pytest.CaptureFixture[str]) -> None:
    run = steps.Steps()
    together = [
        steps.Step(
            name, ["sh", "-c", f"echo {name} begins; echo {name} ends >&2; exit {code}"], {"PATH": os.defpath}
        )
        for name, code in [("one", 0), ("two", 3), ("three", 0)]
    ]
    run.run_together(together, limit=20, at_once=2)
    said = capfd.readouterr().out
    assert all(f"{name} begins\n{name} ends\n" in said for name in ("one", "two", "three"))
    assert run.finish() == 1
    assert "FAILED" in capfd.readouterr().out


def ends(pid: int, within: float) -> bool:
    """Wait until the process is dead, for at most `within` seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], within)[0])
    finally:
        os.close(descriptor)


def test_rubbish_is_what_the_tasks_made_and_nothing_else(tmp_path: Path) -> None:
    for name in (".venv/pyvenv.cfg", ".venv-data/keep", "target/x", "tests/__pycache__/x", "docs/target/x"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    package = tmp_path / "python" / "interlock"
    package.mkdir(parents=True)
    (package / "_interlock.cpython-311.so").touch()
    (package / "_interlock.pyi").touch()
    found = {path.relative_to(tmp_path).as_posix() for path in clean.rubbish(tmp_path, tmp_path / "target")}
    assert found == {".venv", "target", "tests/__pycache__", "python/interlock/_interlock.cpython-311.so"}


def test_tidy_prints_place_rule_and_advice_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "crates" / "sync" / "src"
    source.mkdir(parents=True)
    (source / "lock.rs").write_text("use std::sync::Mutex;\n")
    assert tidy(["--root", str(tmp_path), "I1"]) == 1
    assert capsys.readouterr().out.startswith("crates/sync/src/lock.rs:1: I1 `std::sync::Mutex` waits unseen")
    assert tidy(["--root", str(tmp_path), "I2"]) == 0
