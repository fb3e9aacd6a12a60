"""`docs/deviations.md` lists every name that Interlock replaces."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.install.test_passthrough_modules import STD

PAGE = Path(__file__).resolve().parents[2] / "docs" / "deviations.md"


@pytest.mark.parametrize("name", [name for name in STD if name != "multiprocessing"])
def test_every_name_that_is_replaced_is_listed(name: str) -> None:
    """The page says of `multiprocessing` itself that all functions are replaced."""
    section = PAGE.read_text(encoding="utf-8").partition("## Names and types")[2].partition("\n## ")[0]
    replaced = getattr(importlib.import_module(f"interlock.{name}"), "__replaces__", ())
    assert set(replaced) - set(re.findall(r"`([^`]+)`", section)) == set()
