"""What ruff is told to forbid is found, on made-up modules."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("ruff")

BREACHES = {
    "a fork handler": "import os\n\nos.register_at_fork(after_in_child=print)\n",
    "a fork handler under another name": "from os import register_at_fork as later\n\nlater(before=print)\n",
    "a fork handler of multiprocessing": (
        "from multiprocessing import util\n\nutil.register_after_fork(util, print)\n"
    ),
    "an exit handler": "import atexit\n\natexit.register(print)\n",
    "an exit handler by the decorator": "from atexit import register\n\nregister(print)\n",
    "an exit handler of threading": "import threading as _std\n\n_std._register_atexit(print)\n",
    "a finalizer": "import weakref\n\nweakref.finalize(print, print)\n",
    "a finalizer of multiprocessing": "from multiprocessing.util import Finalize\n\nFinalize(None, print)\n",
}
KEEPS = {
    "the one place": ("python/interlock/_lifecycle.py", BREACHES["a fork handler"]),
    "a test": ("tests/test_x.py", BREACHES["an exit handler"]),
    "through the one place": (
        "python/interlock/x.py",
        "from interlock._lifecycle import after_fork_in_child\n\nafter_fork_in_child(print)\n",
    ),
    "a weak reference": ("python/interlock/x.py", "import weakref\n\nweakref.ref(print, print)\n"),
}


@pytest.fixture
def said(plant: Callable[[dict[str, str]], Path]) -> Callable[[str, str], str]:
    """What ruff says of one file under this rule, with the configuration of this project."""

    def run(path: str, text: str) -> str:
        config = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        root = plant({"pyproject.toml": config, path: text})
        command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "TID251", path]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    return run


def test_the_rule_is_on() -> None:
    command = [sys.executable, "-m", "ruff", "check", "--show-settings", "python/interlock/threading.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "banned-api" in done.stdout.partition("linter.rules.enabled")[2].partition("]")[0]


@pytest.mark.parametrize("text", BREACHES.values(), ids=BREACHES)
def test_a_breach_is_found(said: Callable[[str, str], str], text: str) -> None:
    assert "I13" in said("python/interlock/x.py", text)


@pytest.mark.parametrize(("path", "text"), KEEPS.values(), ids=KEEPS)
def test_what_keeps_the_rule_is_left_alone(said: Callable[[str, str], str], path: str, text: str) -> None:
    assert "I13" not in said(path, text)
