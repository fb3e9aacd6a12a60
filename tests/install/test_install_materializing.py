"""Materialized objects under `install()`: the snippets of the parity tests have the same results there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parity import materializings, short_ways
from tests.parity.judge import STD, outcome

Check = Callable[..., str]

ROOT = Path(__file__).resolve().parents[2]


LIMIT = 900.0


@pytest.mark.timeout(2 * LIMIT)
@pytest.mark.parametrize(
    "snippets", [materializings.SNIPPETS, short_ways.SNIPPETS], ids=["inside", "short ways"]
)
def test_what_is_said_under_install_is_what_plain_python_says(snippets: dict[str, str], check: Check) -> None:
    printed = check(
        """
        import interlock

        assert interlock.install().enabled

        import json
        import threading

        from cases import SNIPPETS
        from tests.parity.judge import STD, outcome

        assert threading.Event is interlock.threading.Event
        print(json.dumps({name: repr(outcome(STD, code)) for name, code in SNIPPETS.items()}))
        """,
        env={"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        limit=LIMIT,
        cases=f"SNIPPETS = {snippets!r}",
    )
    ours = json.loads(printed.splitlines()[-1])
    std = {name: repr(outcome(STD, code)) for name, code in snippets.items()}
    different = {name: (ours.get(name), said) for name, said in std.items() if ours.get(name) != said}
    assert not different, "\n".join(
        f"{name}: Interlock: {a}, plain: {b}" for name, (a, b) in different.items()
    )
