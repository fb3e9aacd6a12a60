"""`mirror`: one state under two names."""

from __future__ import annotations

import sys
import textwrap
import unittest.mock
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

STD = """
__all__ = ["public", "rebuilt", "Kept"]
_private = {}
_hook = None
__dunder__ = "std"
def public(): return "std"
def rebuilt(): return "std"
def reads(): return rebuilt(), _hook, public()
class Kept: pass
_os = "std's own helper"
def __getattr__(name):
    if name == "lazy":
        return "lazily"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
"""
OURS = """
'''Ours.'''
import mirrored_std as _std
import os as _os
from interlock._passthrough import mirror
__replaces__ = ("rebuilt", "_private_rebuilt", "Extra")
def rebuilt(): return "ours"
def helper(): return _os.sep
class Extra: pass
_private_rebuilt = 1
mirror(__name__, _std, own=__replaces__)
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, ModuleType]]:
    """Return a standard module and our view of it."""
    for name, text in {"mirrored_std": STD, "mirrored_ours": OURS}.items():
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield import_module("mirrored_std"), import_module("mirrored_ours")
    for name in ("mirrored_std", "mirrored_ours"):
        sys.modules.pop(name, None)


def test_replaced_names_are_ours_and_all_others_are_the_standard_modules(
    modules: tuple[ModuleType, ModuleType],
) -> None:
    std, ours = modules
    assert ours.rebuilt() == "ours"
    assert std.rebuilt() == "std"
    for name in ("public", "Kept", "_private", "_hook", "reads", "__dunder__", "_os"):
        assert getattr(ours, name) is getattr(std, name), name
    assert ours.lazy == "lazily"
    assert ours.__name__ == "mirrored_ours"
    assert ours.__doc__ == "Ours."
    assert ours.__file__ != std.__file__
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = ours.absent


def test_functions_of_ours_see_their_own_helpers(modules: tuple[ModuleType, ModuleType]) -> None:
    _, ours = modules
    assert ours.helper() == "/"


def test_writing_and_deleting_goes_to_the_standard_module(modules: tuple[ModuleType, ModuleType]) -> None:
    std, ours = modules
    ours._hook = "set"
    assert std._hook == "set"
    assert "_hook" not in vars(ours)
    assert std.reads()[1] == "set"
    ours.fresh = 1
    assert std.fresh == ours.fresh == 1
    del ours.fresh
    assert not hasattr(std, "fresh")
    assert not hasattr(ours, "fresh")
    del ours._hook
    assert not hasattr(std, "_hook")
    assert not hasattr(ours, "_hook")
    std._hook = "back"
    assert ours._hook == "back"


def test_writing_a_replaced_name_stays_here(modules: tuple[ModuleType, ModuleType]) -> None:
    std, ours = modules
    mine = ours.rebuilt
    ours.rebuilt = "patched"
    assert (ours.rebuilt, std.rebuilt()) == ("patched", "std")
    del ours.rebuilt
    assert not hasattr(ours, "rebuilt")
    assert std.rebuilt() == "std"
    ours.rebuilt = mine
    assert ours.rebuilt() == "ours"


@pytest.mark.parametrize("name", ["rebuilt", "public", "_hook", "_private", "_private_rebuilt", "Kept"])
def test_patch_object_works_for_both_kinds_of_names(
    modules: tuple[ModuleType, ModuleType], name: str
) -> None:
    std, ours = modules
    before = getattr(ours, name), getattr(std, name, None)
    with unittest.mock.patch.object(ours, name, "patched"):
        assert getattr(ours, name) == "patched"
        assert (getattr(std, name, None) == "patched") is (name not in ours.__replaces__)
    assert (getattr(ours, name), getattr(std, name, None)) == before
    with unittest.mock.patch(f"mirrored_ours.{name}", "patched"):
        assert getattr(ours, name) == "patched"
    assert (getattr(ours, name), getattr(std, name, None)) == before


@pytest.mark.parametrize("name", ["rebuilt", "_hook", "absent"])
def test_set_and_restore_works_for_both_kinds_of_names(
    modules: tuple[ModuleType, ModuleType], name: str
) -> None:
    # test.support.swap_attr does this.
    std, ours = modules
    had, before = hasattr(ours, name), getattr(ours, name, None)
    setattr(ours, name, "swapped")
    assert getattr(ours, name) == "swapped"
    if had:
        setattr(ours, name, before)
    else:
        delattr(ours, name)
    assert hasattr(ours, name) is had
    assert getattr(ours, name, None) is before
    assert hasattr(std, name) is had


def test_all_and_dir_are_the_union(modules: tuple[ModuleType, ModuleType]) -> None:
    std, ours = modules
    assert ours.__all__ == ["public", "rebuilt", "Kept", "Extra"]
    assert {*std.__all__, "Extra", "_private", "__name__"} < set(dir(ours))
    assert "mirror" not in dir(ours)
    namespace: dict[str, object] = {}
    exec("from mirrored_ours import *", namespace)
    assert namespace["public"] is std.public
    assert namespace["rebuilt"] is ours.rebuilt


def test_an_own_name_that_is_not_defined_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mirrored_wrong.py").write_text(
        "import json\nfrom interlock._passthrough import mirror\nmirror(__name__, json, own=['absent'])\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(NameError, match="absent"):
        import_module("mirrored_wrong")


def test_every_attribute_of_the_standard_threading_and_queue_is_there() -> None:
    for name in ("threading", "queue", "subprocess", "multiprocessing", "concurrent.futures"):
        std, ours = import_module(name), import_module(f"interlock.{name}")
        # A module that has warned has a registry of its own.
        lacking = [n for n in dir(std) if n != "__warningregistry__" and not hasattr(ours, n)]
        assert lacking == [], name
        assert set(std.__all__) <= set(ours.__all__)
        own = {*getattr(ours, "__replaces__", ()), *getattr(ours, "_later", ()), *getattr(ours, "_own", ())}
        for attribute in set(dir(std)) - own:
            is_module = f"{name}.{attribute}" in sys.modules  # it may have replaced names
            if not attribute.startswith("__") and not is_module:
                assert getattr(ours, attribute) is getattr(std, attribute), (name, attribute)
