"""The edges of the command line: no arguments, unknown options, Ctrl-C, the switch in the environment."""

from __future__ import annotations

import platform
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess

    from conftest import Launcher

LIMIT = 200.0
"""Seconds after which a process that has not begun never will."""


def test_without_arguments_it_prints_the_help(launcher: Launcher) -> None:
    done = launcher.interlock()
    assert (done.status, done.err) == (0, "")
    assert done.out == launcher.interlock("--help").out
    assert "run an unmodified program" in done.out


def test_run_without_a_program_says_what_is_missing(launcher: Launcher) -> None:
    done = launcher.interlock("run")
    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-1] == "interlock run: missing FILE, -m, -c or -"


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_run_tells_its_version(launcher: Launcher, option: str) -> None:
    import interlock

    done = launcher.interlock("run", option)
    assert (done.status, done.err) == (0, "")
    assert interlock.__version__ in done.out
    assert platform.python_version() in done.out


@pytest.mark.parametrize("option", ["-X", "--verbose", "-u"])
def test_an_option_of_the_interpreter_is_sent_there(launcher: Launcher, option: str) -> None:
    done = launcher.interlock("run", option, "script.py")
    assert done.status == 2
    assert f"python {option} -m interlock run" in done.err


def test_the_name_of_a_module_in_place_of_a_file_gets_a_hint(launcher: Launcher) -> None:
    launcher.write("module.py", "print('ran')")
    launcher.write("package/__init__.py", "raise AssertionError('must not be imported')")
    plain = launcher.run("pytest")
    done = launcher.interlock("run", "pytest")
    assert (done.status, done.out) == (plain.status, plain.out) == (2, "")
    assert done.err == plain.err + "interlock run: pytest is a module; to run it: interlock run -m pytest\n"
    for absent in ("absent", "absent.py", "package/absent", "module.absent"):
        assert launcher.same(absent).status == 2
    launcher.write("json", "print('a file of that name')")
    assert launcher.same("json").out == "a file of that name\n"


@pytest.mark.parametrize("command", ["demo", "doctor"])
def test_ctrl_c_is_told_in_one_word(
    launcher: Launcher, at_prompt: Callable[[Sequence[str], Path], subprocess.Popen[str]], command: str
) -> None:
    # The child reports that it has begun, and waits until it ends together with its parent.
    launcher.write(
        "slow/sitecustomize.py",
        """
        import os, pathlib, sys
        if "_cli.probe" in " ".join(sys.orig_argv) or "demos" in " ".join(sys.orig_argv):
            import time
            pathlib.Path(os.environ["BEGUN"]).touch()
            time.sleep(600)  # sleep: it is interrupted
        """,
    )
    begun = launcher.folder / "begun"
    code = f"""
import os, sys
slow = {str(launcher.folder / "slow")!r}
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [slow, os.environ.get("PYTHONPATH")]))
os.environ["BEGUN"] = {str(begun)!r}
from interlock.__main__ import main
sys.exit(main([{command!r}]))
"""
    process = at_prompt(["-c", code], launcher.folder)
    end = time.monotonic() + LIMIT
    while not begun.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        signal.sigtimedwait([], 0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")


ASK = (
    "import sys, interlock; sys.stdout.write(f'{interlock.install().enabled} {bool(interlock.installed())}')"
)


@pytest.mark.parametrize("value", ["0", "off", "OFF", "false", "False", "no", " no "])
def test_the_switch_turns_it_off(launcher: Launcher, value: str) -> None:
    assert launcher.run("-c", ASK, env={"INTERLOCK": value}).out == "False False"
    seen = "import interlock; print(interlock.installed())"
    assert launcher.interlock("run", "-c", seen, env={"INTERLOCK": value}).out == "()\n"


@pytest.mark.parametrize("value", ["1", "on", "true", "yes", "", "00", "anything"])
def test_any_other_value_leaves_it_on(launcher: Launcher, value: str) -> None:
    assert launcher.run("-c", ASK, env={"INTERLOCK": value}).out == "True True"


def test_the_doctor_names_what_is_replaced_and_what_is_not(launcher: Launcher) -> None:
    lines = {line.split("  ")[0].strip(): line for line in launcher.interlock("doctor").out.splitlines()}
    assert "replaced: Pool, ThreadPool" in lines["multiprocessing.pool"]
    assert "Pool" in next(line for line in lines.values() if line.startswith("multiprocessing.dummy"))
    assert "Lock" in lines["multiprocessing"]
    assert "Popen" in lines["subprocess"]


@pytest.mark.parametrize(
    "options", [("-W", "always"), ("-W", "error::ResourceWarning")], ids=["warns", "raises"]
)
@pytest.mark.parametrize("pool", ["ThreadPool", "Pool"])
def test_a_pool_that_was_not_closed_is_warned_of_in_the_same_place(
    launcher: Launcher, pool: str, options: tuple[str, ...]
) -> None:
    launcher.write(
        "program.py",
        f"""
        import gc
        from multiprocessing.pool import {pool}

        if __name__ == "__main__":
            pool = {pool}(1)
            pool.map(abs, [-1])
            del pool
            gc.collect()
        """,
    )
    plain = launcher.run("program.py", options=options)
    ours = launcher.interlock("run", "program.py", options=options)

    def shown(errors: str) -> list[str]:
        """Return the lines about the pool, without addresses, and without the marks under the code of an error."""
        return [line.partition(" at 0x")[0] for line in errors.splitlines() if "pool" in line]

    assert (ours.status, shown(ours.err)) == (plain.status, shown(plain.err))
    assert "pool.py" in ours.err
