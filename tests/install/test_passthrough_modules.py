"""`interlock.X` exists completely for every promised X, without a second copy of standard code."""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
import pkgutil
import sys
import typing
from collections.abc import Callable

import pytest

Check = Callable[..., str]


def submodules(package: str) -> list[str]:
    """Return every submodule of a standard package except those for other systems."""
    path = importlib.import_module(package).__path__
    found = [f"{package}.{module.name}" for module in pkgutil.iter_modules(path)]
    return [name for name in found if "win32" not in name]


STD = [
    "concurrent",
    "concurrent.futures",
    "subprocess",
    "threading",
    "queue",
    "multiprocessing",
    "multiprocessing.dummy.connection",
    *submodules("concurrent.futures"),
    *submodules("multiprocessing"),
]


@pytest.mark.parametrize("name", STD)
def test_every_standard_module_has_its_drop_in(name: str) -> None:
    ours, std = importlib.import_module(f"interlock.{name}"), importlib.import_module(name)
    assert sys.modules[f"interlock.{name}"] is ours
    assert std.__spec__ is not None
    assert std.__spec__.name == name
    public = getattr(std, "__all__", None) or [n for n in dir(std) if n[0] != "_"]
    assert [n for n in public if not hasattr(ours, n)] == []


@pytest.mark.parametrize("name", STD)
def test_a_star_imports_what_it_imports_from_the_standard_module_and_what_is_new(name: str) -> None:
    ours, std = importlib.import_module(f"interlock.{name}"), importlib.import_module(name)
    public = getattr(std, "__all__", None)
    if ours is std:
        assert getattr(ours, "__all__", None) == public
    elif public is None:  # its submodules may have been imported since
        assert {n for n in ours.__all__ if hasattr(std, n)} <= {n for n in dir(std) if n[0] != "_"}
    else:
        assert ours.__all__[: len(public)] == [*public]
        new = ours.__all__[len(public) :]
        assert [n for n in new if hasattr(std, n) or n not in vars(ours)] == []


@pytest.mark.parametrize("name", STD)
def test_the_annotations_of_what_is_replaced_name_nothing_that_is_not_loaded(name: str) -> None:
    ours = importlib.import_module(f"interlock.{name}")
    for name in getattr(ours, "__replaces__", ()):
        what = getattr(ours, name)
        names = [n for n in dir(what) if n[:2] != "__" or n == "__init__"] if isinstance(what, type) else []
        for part in (what, *(getattr(what, n, None) for n in names)):
            if callable(part):
                typing.get_type_hints(part)


@pytest.mark.parametrize(
    "name", ["_thread", "_queue", "asyncio", "sched", "multiprocessing.absent", "selectors"]
)
def test_what_is_not_provided_is_not_found(name: str) -> None:
    assert importlib.util.find_spec(f"interlock.{name}") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"interlock.{name}")


def test_no_standard_code_runs_twice(check: Check) -> None:
    check(
        """
    import importlib, pkgutil, sys
    import interlock.multiprocessing.pool, interlock.concurrent.futures.thread
    import interlock.multiprocessing.dummy.connection, interlock.multiprocessing.heap as ours
    import multiprocessing, multiprocessing.heap as std
    assert interlock.multiprocessing.pool is not multiprocessing.pool and ours is std
    for module in pkgutil.iter_modules(multiprocessing.__path__):
        if "win32" not in module.name:
            importlib.import_module(f"interlock.multiprocessing.{module.name}")
    files = {}
    for name, module in sys.modules.items():
        if type(module) is type(sys) and getattr(module, "__file__", None):  # a mirror runs no standard code
            files.setdefault(module.__file__, set()).add(id(module))
    assert multiprocessing.pool.__file__ in files
    assert all(len(ids) == 1 for ids in files.values()), files
    """
    )


def test_the_ways_to_import(check: Check) -> None:
    check(
        """
    import interlock.concurrent.futures as f
    from interlock.concurrent.futures import process
    from interlock.concurrent import futures
    from interlock import concurrent, multiprocessing, queue, subprocess, threading
    from interlock.multiprocessing import pool, heap as h, dummy
    import interlock.multiprocessing.heap
    import interlock
    import concurrent.futures.process, subprocess as std_subprocess, multiprocessing as std
    assert futures is f and interlock.concurrent.futures is f
    assert process.BrokenProcessPool is concurrent.futures.process.BrokenProcessPool
    assert f.ThreadPoolExecutor and f.ProcessPoolExecutor and f.Future
    assert issubclass(subprocess.Popen, std_subprocess.Popen)
    assert issubclass(pool.ThreadPool, std.pool.Pool) and h is std.heap
    assert interlock.multiprocessing.heap is std.heap
    assert interlock.multiprocessing.dummy is dummy and dummy.Pool is not std.dummy.Pool
    assert dummy is not std.dummy and std.dummy.__name__ == "multiprocessing.dummy"
    import interlock.multiprocessing.dummy.connection
    assert dummy.connection is not std.dummy.connection
    from interlock.multiprocessing import *
    assert issubclass(Process, std.context.Process) and Pipe is not std.Pipe and cpu_count() == std.cpu_count()
    assert Queue.__self__ is interlock.multiprocessing.context._default_context
    """
    )


def test_a_submodule_is_an_attribute_only_once_it_is_imported(check: Check) -> None:
    check(
        """
    from interlock import multiprocessing
    assert not hasattr(multiprocessing, "managers") and hasattr(multiprocessing, "context")
    import interlock.multiprocessing.managers
    assert multiprocessing.managers.BaseManager
    """
    )


def test_state_of_an_unchanged_package_is_shared() -> None:
    ours = importlib.import_module("interlock.multiprocessing")
    assert "test_marker" not in dir(multiprocessing)
    ours.test_marker = 1  # type: ignore[attr-defined]
    assert multiprocessing.test_marker == 1  # type: ignore[attr-defined]
    del ours.test_marker  # type: ignore[attr-defined]
    assert not hasattr(multiprocessing, "test_marker")


def test_the_root_is_light_and_complete(check: Check) -> None:
    check(
        """
    import sys
    before = set(sys.modules)
    import interlock
    loaded = set(sys.modules) - before
    assert not [n for n in loaded if n.startswith("interlock.")], loaded
    assert not loaded & {"typing", "threading", "multiprocessing", "subprocess", "argparse"}, loaded
    assert set(interlock.__all__) <= set(dir(interlock))
    assert all(getattr(interlock, name) is not None for name in interlock.__all__)
    assert interlock.__version__.count(".") == 2
    try:
        interlock.absent
    except AttributeError as error:
        assert "absent" in str(error)
    else:
        raise AssertionError
    """
    )


def test_other_systems_get_one_clear_sentence(check: Check) -> None:
    check(
        """
    import sys
    sys.platform = "darwin"
    try:
        import interlock
    except ImportError as error:
        assert "Linux" in str(error) and "darwin" in str(error) and "\\n" not in str(error)
    else:
        raise AssertionError
    assert "interlock" not in sys.modules
    """
    )
