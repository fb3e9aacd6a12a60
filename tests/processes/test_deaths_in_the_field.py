"""Programs after public complaints about `multiprocessing`: deaths, joins before the queue is drained, many locks.

Each program in `deaths/` runs under ``interlock run`` with each start method. It prints what is below, and it ends. On
the standard library most of them hang, or lose something.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.programs import METHODS

FOLDER = Path(__file__).resolve().parent / "deaths"
LIMIT = 60.0
HELPERS = {"watching"}

PRINTED = {
    "big_put_join_first": """\
        joined: 0
        then taken: 1048576""",
    "ends_while_it_holds": """\
        back acquired: True 0
        back acquired: True 0
        by_status acquired: True 3
        by_status acquired: True 3
        at_once acquired: True 4
        at_once acquired: True 4
        by_fault acquired: True -11
        by_fault acquired: True -11
        by_another_program acquired: True None
        by_another_program acquired: True None""",
    "killed_after_acquire": """\
        taken
        True False lost: 1
        True""",
    "killed_at_a_barrier": """\
        comes comes
        broken, with the pid: True
        broken: True
        ['comes', 'comes', 'comes', 'through', 'through', 'through']""",
    "killed_big_sender": "whole or nothing",
    "killed_condition_holder": """\
        waits waits
        holds
        notified notified
        [0, 0]""",
    "killed_condition_waiter": """\
        first
        second
        second notified
        timed wait: False""",
    "killed_event_setter": "set: True the waiter's exit code: 0",
    "killed_event_waiter": """\
        ['ready', 'ready']
        set: True [-9, 0]
        cleared: False False""",
    "killed_getter": """\
        ['ready', 'ready', 'ready']
        all done: True
        [-9, 0, 0]""",
    "killed_in_with_semaphore": """\
        taken
        True True False
        taken
        True True False""",
    "killed_lock_holder": """\
        held
        ready
        acquired
        0 True
        held
        ready
        acquired
        0 True""",
    "killed_manager": """\
        [1] {'a': 1} True
        an error, which names it: True
        an error, which names it: True
        an error, which names it: True
        an error, which names it: True
        kinds of errors: 1""",
    "killed_manager_client": "['0', '1', '2', 'other'] 100",
    "killed_parent": """\
        alive: True
        the daemons have ended: True
        so has the other one: False
        lives
        and has ended now: True""",
    "killed_pipe_peer": """\
        hello
        there is something: True
        EOFError
        BrokenPipeError""",
    "killed_putter": """\
        nothing torn, doubled or lost
        last""",
    "killed_rlock_holder": """\
        held three times
        acquired: True True
        another process can acquire it: False
        another process can acquire it: False
        another process can acquire it: True
        attempt to release recursive lock not owned by thread""",
    "killed_shared_memory_user": """\
        used
        elsewhere: 0
        1 2 True
        False""",
    "killed_value_holder": """\
        held
        2001 [0, 0]""",
    "killed_with_a_job": """\
        missing: [150] more: False
        [-9, 0, 0]""",
    "many_semaphores": """\
        more open files: 0
        0 True""",
    "put_and_exit": "the end",
    "put_and_os_exit": """\
        exit code: 7
        all there: True True""",
    "six_workers_join_first": """\
        joined: [0, 0, 0, 0, 0, 0]
        whole: True""",
    "stopped_holder": """\
        held
        acquired while it is stopped: False
        released
        acquired: True
        0""",
    "ten_thousand_locks": """\
        held False
        acquired: True
        twice: False""",
}


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def run(name: str, method: str, *launcher: str) -> tuple[int | str, list[str], str]:
    """Run a program in a session of its own, which ends with it: what the program leaves behind counts as a hang."""
    process = subprocess.Popen(
        [sys.executable, *launcher, str(FOLDER / f"{name}.py"), method],
        env={**os.environ, "INTERLOCK": "1", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    status: int | str
    try:
        out, err = process.communicate(timeout=LIMIT)
        status = process.returncode
    except subprocess.TimeoutExpired:
        status = "hangs" if process.poll() is None else "leaves processes behind"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
    return status, lines(out), err


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", sorted(PRINTED))
def test_a_program_ends_and_prints_what_it_should(name: str, method: str) -> None:
    status, out, err = run(name, method, "-m", "interlock", "run")
    assert (status, out) == (0, lines(PRINTED[name])), err
    assert "Traceback" not in err, err


def test_each_program_is_run() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == PRINTED.keys() | HELPERS
