"""`run_many()`: order, limits, failures, lines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from interlock._commands import running, starters

from tests.commands.conftest import counts, module_of

PYTHON = [sys.executable, "-S", "-c"]


@pytest.fixture(params=["import", "install"])
def ours(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return the module that has `run_many()`, also while the standard one has our `Popen`."""
    with module_of(request.param):
        from interlock import subprocess as named

        yield named


def test_results_are_in_the_order_of_the_commands(ours: Any) -> None:
    # The later ones are faster.
    commands = [["sh", "-c", f"sleep 0.{5 - n}; echo {n}; echo {n}e >&2; exit {n}"] for n in range(5)]
    for workers in (1, 5):
        results = ours.run_many(commands, max_workers=workers, capture_output=True, text=True)
        assert [one.args for one in results] == commands
        assert [(one.returncode, one.stdout, one.stderr) for one in results] == [
            (n, f"{n}\n", f"{n}e\n") for n in range(5)
        ]
        assert [one.failed for one in results] == [False] + [True] * 4
        assert all(isinstance(one, subprocess.CompletedProcess) for one in results)
        assert all(one.error is None and 0 < one.seconds < 60 for one in results)
    with pytest.raises(subprocess.CalledProcessError):
        results[1].check_returncode()


def test_no_more_run_at_once_than_there_are_workers(ours: Any, tmp_path: Path) -> None:
    code = f"""if True:
        import os, time
        mine = os.path.join({str(tmp_path)!r}, str(os.getpid()))
        open(mine, "w").close()
        time.sleep(0.1)
        print(len(os.listdir({str(tmp_path)!r})))
        os.remove(mine)
    """
    results = ours.run_many([[*PYTHON, code]] * 7, max_workers=3, capture_output=True)
    assert max(int(one.stdout) for one in results) <= 3


def test_a_command_has_its_own_input_and_keywords(ours: Any, tmp_path: Path) -> None:
    large = bytes(range(256)) * 5000
    commands: list[Any] = [
        {"args": ["cat"], "input": large},
        {"args": ["pwd"], "cwd": tmp_path},
        {"args": "echo $A", "shell": True, "env": {"A": "a"}},
        "true",
        {"args": ["cat"], "input": "é\r\n", "encoding": "utf-8"},
        {"args": ["cat"], "input": b""},
    ]
    results = ours.run_many(commands, capture_output=True)
    wanted = [large, f"{tmp_path}\n".encode(), b"a\n", b"", "é\n", b""]
    assert [one.stdout for one in results] == wanted


def test_commands_are_taken_as_they_are_needed(ours: Any) -> None:
    taken = []

    def commands() -> Iterator[list[str]]:
        for number in range(100):
            taken.append(number)
            yield ["false"]

    with pytest.raises(subprocess.CalledProcessError):
        ours.run_many(commands(), max_workers=2, on_failure="finish")
    assert len(taken) <= 4
    assert ours.run_many([]) == []
    assert ours.run_many(iter([])) == []


def test_lines_come_while_the_command_runs(ours: Any) -> None:
    read, write = os.pipe()
    code = f"print('first', flush=True); import os; os.read({read}, 1); print('second'); print('end', end='')"
    seen: list[tuple[int, str, str]] = []

    def on_line(number: int, stream: str, line: str) -> None:
        seen.append((number, stream, line))
        if line == "first":
            os.write(write, b"x")

    (result,) = ours.run_many([[*PYTHON, code]], on_line=on_line, pass_fds=[read], text=True)
    assert seen == [(0, "stdout", "first"), (0, "stdout", "second"), (0, "stdout", "end")]
    assert (result.stdout, result.returncode) == (None, 0)
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_lines_are_cut_as_they_would_be_at_once(ours: Any, size: int) -> None:
    text = "one\r\ntwo\rthré\n\nfour\nünd so weiter"
    code = f"""if True:
        import os, time
        data = {text.encode()!r}
        for start in range(0, len(data), {size}):
            os.write(1, data[start : start + {size}])
            time.sleep(0.001)
    """
    for how, wanted in (
        ({"encoding": "utf-8"}, ["one", "two", "thré", "", "four", "ünd so weiter"]),
        ({}, [b"one\r", "two\rthré".encode(), b"", b"four", "ünd so weiter".encode()]),
    ):
        seen: list[Any] = []
        (result,) = ours.run_many(
            [[*PYTHON, code]],
            on_line=lambda *told, seen=seen: seen.append(told[2]),
            capture_output=True,
            **how,
        )
        assert seen == wanted
        whole = text.replace("\r\n", "\n").replace("\r", "\n") if how else text.encode()
        assert result.stdout == whole


def test_a_command_that_is_late_is_killed(ours: Any) -> None:
    commands = [["sh", "-c", "echo out; exec sleep 1000"], ["true"], ["sleep", "1000"]]
    late, true, last = ours.run_many(commands, timeout=1, capture_output=True, max_workers=1)
    for one in (late, last):
        assert one.returncode == -signal.SIGKILL
        assert isinstance(one.error, subprocess.TimeoutExpired)
        assert one.error.timeout == 1
        assert one.failed
    assert late.stdout == late.error.stdout == b"out\n"
    assert true.error is None
    with pytest.raises(subprocess.TimeoutExpired):
        late.check_returncode()


def test_the_beginning_of_a_line_is_told_when_the_time_is_over(ours: Any) -> None:
    lines: list[Any] = []
    command = ["sh", "-c", "printf 'whole\\nprompt> '; exec sleep 1000"]
    for capture in (False, True):
        (late,) = ours.run_many(
            [command], timeout=1, on_line=lambda *line: lines.append(line), capture_output=capture, text=True
        )
        assert lines == [(0, "stdout", "whole"), (0, "stdout", "prompt> ")]
        assert late.stdout == ("whole\nprompt> " if capture else None)
        lines.clear()


def test_output_that_is_no_text_is_a_failure_of_its_command(ours: Any) -> None:
    commands = [["printf", r"a\n\377\n"], ["echo", "text"]]
    lines: list[Any] = []
    for on_line in (None, lambda *line: lines.append(line)):
        wrong, right = ours.run_many(commands, on_line=on_line, capture_output=True, encoding="utf-8")
        assert isinstance(wrong.error, UnicodeDecodeError)
        assert (wrong.failed, wrong.returncode, wrong.stdout) == (True, 0, b"a\n\xff\n")
        assert (right.failed, right.stdout) == (False, "text\n")
    assert (1, "stdout", "text") in lines
    with pytest.raises(UnicodeDecodeError) as caught:
        ours.run_many(commands, max_workers=1, on_failure="finish", capture_output=True, encoding="utf-8")
    assert [one and one.failed for one in caught.value.results] == [True, None]  # type: ignore[attr-defined]


def test_a_command_that_cannot_be_started_is_a_result(ours: Any) -> None:
    before = counts()
    wrong, right = ours.run_many([["/no such command"], ["true"]])
    assert wrong.returncode is None
    assert isinstance(wrong.error, FileNotFoundError)
    assert right.returncode == 0
    with pytest.raises(FileNotFoundError) as caught:
        ours.run_many([["/no such command"], ["true"]], on_failure="kill", max_workers=1)
    assert caught.value.results == [wrong] or caught.value.results[0].failed
    assert counts() == before


def test_the_first_failure_ends_all_or_lets_them_finish(ours: Any) -> None:
    before = counts()
    commands = [["sleep", "0.4"], ["false"], ["sleep", "1000"]]
    with pytest.raises(subprocess.CalledProcessError) as caught:
        ours.run_many(commands, max_workers=2, on_failure="finish")
    finished = caught.value.results  # type: ignore[attr-defined]
    assert [one and one.returncode for one in finished] == [0, 1, None]
    with pytest.raises(subprocess.CalledProcessError) as caught:
        ours.run_many([["sleep", "1000"], ["false"], ["true"]], max_workers=2, on_failure="kill")
    assert [one and one.returncode for one in caught.value.results] == [None, 1, None]  # type: ignore[attr-defined]
    assert counts() == before


@pytest.mark.parametrize("who", ["on_line", "progress", "commands", "signal"])
def test_what_a_function_of_the_program_raises_ends_all(ours: Any, who: str) -> None:
    class Wrong(Exception):
        pass

    def fails(*_: object) -> None:
        raise Wrong

    def commands() -> Iterator[Any]:
        yield ["sh", "-c", "echo line; exec sleep 1000"]
        yield ["true"]
        if who == "commands":
            fails()

    how: dict[str, Any] = {who: fails} if who in ("on_line", "progress") else {}
    previous = signal.signal(signal.SIGALRM, fails)
    before = counts()
    try:
        if who == "signal":
            signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Wrong):
            ours.run_many(commands(), max_workers=3, **how)
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert counts() == before


def test_progress_is_told(ours: Any) -> None:
    told: list[tuple[int, int | None]] = []
    ours.run_many([["true"]] * 3, max_workers=1, progress=lambda *numbers: told.append(numbers))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_wrong_arguments_start_nothing(ours: Any) -> None:
    wrong: list[dict[str, Any]] = [
        {"on_failure": "stop"},
        {"max_workers": 0},
        {"capture_output": True, "stdout": -1},
    ]
    with mock.patch.object(ours, "Popen") as popen:
        for how in wrong:
            with pytest.raises(ValueError):  # noqa: PT011
                ours.run_many([["true"]], **how)
        for how in ({"timeout": "1"}, {"stdin": None, "input": "text"}, {"input": 5}, {"args": "nothing"}):
            command = {"args": ["true"], **how}
            timeout = command.pop("timeout", None)
            if how.get("args") == "nothing":
                del command["args"]
            with pytest.raises(TypeError):
                ours.run_many([command], timeout=timeout)
        assert not popen.called


def test_no_thread_waits_for_a_command(ours: Any) -> None:
    threads: list[int] = []
    before = threading.active_count()
    commands = [["echo", "x"]] * 20
    ours.run_many(commands, on_line=lambda *_: threads.append(threading.active_count()), max_workers=20)
    assert len(threads) == 20
    assert max(threads) <= before + (os.cpu_count() or 1)
    assert threading.active_count() == before


def test_many_commands_of_all_kinds(ours: Any) -> None:
    before = counts()
    kinds: list[Any] = [
        ["true"],
        {"args": ["cat"], "input": b"x" * 100_000},
        ["no such command"],
        {"args": "exit 3", "shell": True},
        {"args": ["true"], "preexec_fn": int},
    ]
    results = ours.run_many(kinds * 10, max_workers=6, capture_output=True)
    assert [one.returncode for one in results] == [0, 0, None, 3, 0] * 10
    assert [len(one.stdout or b"") for one in results] == [0, 100_000, 0, 0, 0] * 10
    assert [type(one.error) for one in results[2::5]] == [FileNotFoundError] * 10
    assert counts() == before


@pytest.mark.parametrize("policy", ["finish", "kill"])
def test_a_failure_among_many(ours: Any, policy: str) -> None:
    before = counts()
    commands = [*[["true"]] * 20, ["false"], *[["sleep", "0.1"]] * 100]
    with pytest.raises(subprocess.CalledProcessError) as caught:
        ours.run_many(commands, max_workers=4, on_failure=policy)
    results = caught.value.results  # type: ignore[attr-defined]
    assert len(results) == 121
    assert 18 <= len([one for one in results if one is not None]) < 40  # three may still run then
    assert results[20].returncode == 1
    assert counts() == before


def test_a_wrong_keyword_is_raised_from_among_many(ours: Any) -> None:
    before = counts()
    with pytest.raises(TypeError, match="no_such_keyword"):
        ours.run_many([*[["sleep", "1000"]] * 9, {"args": ["true"], "no_such_keyword": 1}], max_workers=20)
    assert counts() == before


def test_ctrl_c_among_many(ours: Any) -> None:
    before = counts()
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        ours.run_many([["sleep", "0.01"]] * 100_000, max_workers=4)
    assert counts() == before


@pytest.mark.parametrize("name", ["__init__", "begin", "told", "has_ended", "result"])
def test_ctrl_c_at_any_step_among_many(ours: Any, name: str) -> None:
    before, step, calls = counts(), getattr(running.Running, name), []

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return step(*args, **kwargs)

    with mock.patch.object(running.Running, name, interrupted), pytest.raises(KeyboardInterrupt):
        ours.run_many([{"args": ["cat"], "input": b"x"}] * 1000, max_workers=4, capture_output=True)
    assert counts() == before


def test_without_descriptors_of_processes_it_looks(ours: Any) -> None:
    begin = time.monotonic()
    with mock.patch("os.waitpid", side_effect=os.waitpid):
        results = ours.run_many([["sh", "-c", f"exit {n}"] for n in range(4)], max_workers=2, timeout=60)
    assert [one.returncode for one in results] == [0, 1, 2, 3]
    assert time.monotonic() - begin < 60


def killed_with(ours: Any, commands: list[Any], **how: Any) -> list[Any]:
    """Have a command fail while others sleep. Return the results that its failure has."""
    with pytest.raises(subprocess.CalledProcessError) as raised:
        ours.run_many(commands, on_failure="kill", **how)
    return [one and one.returncode for one in raised.value.results]


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_a_failure_of_the_last_commands_kills_the_others(ours: Any, workers: int) -> None:
    """No command is left to be started when it fails, with so many workers."""
    sleeps, fails = ["sleep", "1000"], ["sh", "-c", "exit 3"]
    before = counts()
    first, *others = killed_with(ours, [["true"], sleeps, fails], max_workers=workers)
    assert others == [None, 3]
    assert first == 0 or (
        first is None and workers > 2
    )  # with two workers, it ended before the last one began
    assert killed_with(ours, [sleeps] * 6 + [fails], max_workers=16) == [None] * 6 + [3]
    with pytest.raises(FileNotFoundError):
        ours.run_many([sleeps, ["no such command"]], max_workers=workers, on_failure="kill")
    assert counts() == before


@pytest.mark.parametrize("how", [{"timeout": 0.2}, {"on_failure": "kill"}])
def test_a_process_that_may_not_be_killed_keeps_no_other_one(ours: Any, how: dict[str, Any]) -> None:
    """Such as a command of another user."""
    started: list[Any] = []
    original = ours.Popen.kill

    def kill(popen: Any) -> None:
        started.append(popen)
        if popen.args == ["sleep", "1001"]:
            raise PermissionError(1, "not yours")
        original(popen)

    sleeps = ["sleep", "1000"]
    commands = [["sleep", "1001"], sleeps, ["sh", "-c", "sleep 0.2; exit 1"], sleeps]
    try:
        with mock.patch.object(ours.Popen, "kill", kill), pytest.raises(PermissionError, match="not yours"):
            ours.run_many(commands, max_workers=4, **how)
        assert [one.poll() for one in started if one.args == sleeps] == [-signal.SIGKILL] * 2
    finally:
        for one in started:
            if one.poll() is None:
                original(one)
                one.wait()


@pytest.mark.parametrize("kill_tree", [False, True])
@pytest.mark.parametrize("part", ["Popen.kill", "Popen.wait", "Starters.end"])
def test_a_second_interrupt_leaves_no_command(ours: Any, kill_tree: bool, part: str) -> None:
    """It comes while the first one is having the commands killed."""
    started: list[Any] = []
    holder = starters.Starters if part == "Starters.end" else ours.Popen
    name = part.partition(".")[2]
    original = getattr(holder, name)
    presses = iter([True])

    def interrupted(thing: Any, *args: Any) -> Any:
        if next(presses, False):
            raise KeyboardInterrupt
        return original(thing, *args)

    class Noted(ours.Popen):  # type: ignore[misc, name-defined]
        def __init__(self, *args: Any, **how: Any) -> None:
            super().__init__(*args, **how)
            started.append(self)

    def commands() -> Iterator[list[str]]:
        yield from [["sleep", "1000"]] * 6
        raise KeyboardInterrupt

    ours.run_many([["true"]], kill_tree=kill_tree)
    before = counts()
    with (
        mock.patch.object(holder, name, interrupted),
        mock.patch("interlock.subprocess.Popen", Noted),
        pytest.raises(KeyboardInterrupt),
    ):
        ours.run_many(commands(), max_workers=8, kill_tree=kill_tree)
    assert next(presses, None) is None
    assert len(started) >= 4  # the calling thread starts these
    assert {one.wait(60) for one in started} == {-signal.SIGKILL}
    started.clear()
    assert counts() == before


def test_a_command_is_the_file_that_run_finds(ours: Any, tmp_path: Path, monkeypatch: Any) -> None:
    for folder, text in (("a", "#!/no such interpreter"), ("b", "#!/bin/sh\necho b")):
        file = tmp_path / folder / "found"
        file.parent.mkdir()
        file.write_text(text)
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/a:{tmp_path}/b:/usr/bin:/bin")
    assert ours.run_many([["found"]], capture_output=True)[0].stdout == b"b\n"
    monkeypatch.setenv("PATH", "b:/usr/bin:/bin")
    assert ours.run_many([["found"]], capture_output=True, cwd=tmp_path)[0].stdout == b"b\n"
    monkeypatch.setenv("PATH", f"{tmp_path}/b:/usr/bin:/bin")
    (tmp_path / "b" / "true").symlink_to(tmp_path / "b" / "found")

    def commands() -> Iterator[list[str]]:
        yield ["true"]
        (tmp_path / "b" / "true").unlink()
        yield ["true"]

    results = ours.run_many(commands(), max_workers=1, capture_output=True)
    assert [one.stdout for one in results] == [b"b\n", b""]


@pytest.mark.parametrize(
    ("commands", "how", "error"),
    [
        ("ab", {}, TypeError),
        (b"ab", {}, TypeError),
        (Path("ab"), {}, TypeError),
        ({"args": ["touch"]}, {}, TypeError),
        (None, {"timeout": float("nan")}, ValueError),
        (None, {"timeout": "1"}, TypeError),
        (None, {"max_workers": float("nan")}, TypeError),
        (None, {"max_workers": 1.0}, TypeError),
        (None, {"max_workers": 0}, ValueError),
        (None, {"on_line": 5}, TypeError),
        (None, {"progress": 5}, TypeError),
    ],
)
def test_arguments_of_a_wrong_kind_start_nothing(
    ours: Any, tmp_path: Path, commands: Any, how: Any, error: Any
) -> None:
    file = tmp_path / "started"
    with pytest.raises(error):
        ours.run_many([["touch", str(file)]] if commands is None else commands, **how)
    assert not file.exists()


@pytest.mark.parametrize("timeout", [1e9, 1e20, float("inf"), 10**400])
def test_a_time_without_an_end(ours: Any, timeout: float) -> None:
    if timeout == 10**400:
        with pytest.raises(OverflowError):
            ours.run_many([["true"]], timeout=timeout)
    else:
        assert ours.run_many([["true"]], timeout=timeout, max_workers=True)[0].returncode == 0
