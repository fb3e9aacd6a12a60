"""``interlock doctor`` describes the installation and reports problems."""

from __future__ import annotations

import json
import multiprocessing
import platform
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Launcher


def test_a_sound_installation(launcher: Launcher) -> None:
    import interlock

    done = launcher.interlock("doctor", "--json")
    findings = json.loads(done.out)
    assert (done.status, findings["problems"]) == (0, [])
    assert findings["version"] == interlock.__version__
    assert findings["interpreter"]["version"] == platform.python_version()
    assert findings["interpreter"]["executable"] == sys.executable
    assert "Lock" in findings["modules"]["threading"]["rebuilt"]
    assert "Queue" in findings["modules"]["queue"]["rebuilt"]
    assert set(findings["modules"]) >= {"concurrent.futures", "multiprocessing", "subprocess"}
    assert findings["checks"]["install"] == findings["checks"]["uninstall"] == "ok"
    assert findings["checks"]["children"] == dict.fromkeys(multiprocessing.get_all_start_methods(), "ok")
    assert findings["engine"]["file"]
    assert not findings["turned_off"]


def test_the_text_says_the_same(launcher: Launcher) -> None:
    done = launcher.interlock("doctor")
    assert done.status == 0
    assert done.out.endswith("all is well\n")
    for word in ("spawn ok", "install      ok", platform.python_version(), "queue", "imported"):
        assert word in done.out


def test_that_it_is_switched_off_is_mentioned(launcher: Launcher) -> None:
    done = launcher.interlock("doctor", env={"INTERLOCK": "off"})
    assert done.status == 0
    assert "INTERLOCK=off is set" in done.out
    assert "spawn ok" in done.out


def test_a_missing_engine_is_a_problem(launcher: Launcher) -> None:
    # sitecustomize breaks the engine in the doctor and in the processes that it starts.
    launcher.write("broken/sitecustomize.py", "import sys; sys.modules['interlock._interlock'] = None")
    path = launcher.run("-c", "import os; print(os.environ.get('PYTHONPATH', ''))").out.strip()
    done = launcher.interlock("doctor", env={"PYTHONPATH": f"broken:{path}"})
    assert done.status == 1
    assert "the engine cannot be loaded" in done.out
    assert "PROBLEM      install: exit status 1" in done.out
    assert "all is well" not in done.out


def test_names_imported_at_start_are_reported(launcher: Launcher) -> None:
    launcher.write("early/sitecustomize.py", "from threading import Lock")
    path = launcher.run("-c", "import os; print(os.environ.get('PYTHONPATH', ''))").out.strip()
    done = launcher.interlock("doctor", env={"PYTHONPATH": f"early:{path}"})
    assert done.status == 0
    assert "sitecustomize (Lock)" in done.out
