"""Under `interlock run`, an import loads no module of the standard library that it does not load otherwise.

A program may have a module of its own with that name, which works in plain Python as long as nothing needs the standard
one. It also takes time.
"""

from __future__ import annotations

import pytest
from interlock._install import REPLACED

from tests.cli.conftest import Launcher
from tests.cli.test_cli_run_imports import BY_PATH

HIDDEN = {
    "__future__",  # a program can't have it: the compiler knows its names
    "_queue",  # the engine raises its exception
    "_xxsubinterpreters",  # up to 3.11, tells that this is a subinterpreter
    "atexit",  # built in
    "faulthandler",  # built in; worker processes are forked with it
}
"""Modules that hardly any program has: those whose name begins with an underscore, and those in the interpreter."""

LATER = {
    # The classes of these modules are ours, and derive from the standard ones. Whoever makes an object loads them.
    "concurrent.futures": ["concurrent.futures.thread"],
    "concurrent.futures.process": ["concurrent.futures.thread", "multiprocessing.synchronize"],
    "multiprocessing.managers": ["multiprocessing.synchronize"],
    "multiprocessing.queues": ["multiprocessing.synchronize"],
    "multiprocessing.sharedctypes": ["multiprocessing.synchronize"],
}
"""What a use of the standard module loads, and with us its import."""

SENT = ["multiprocessing.resource_sharer"]
"""Hands over descriptors of our connections."""


@pytest.mark.parametrize("name", REPLACED)
def test_an_import_loads_the_same_standard_modules(launcher: Launcher, name: str) -> None:
    shows = "import sys, {}; print(*sys.modules)"
    more = [*LATER.get(name, ())]
    if name.startswith(("concurrent.futures.process", "multiprocessing.")):
        more += SENT
    plain = launcher.run("-c", shows.format(", ".join([name, *more])))
    ours = launcher.run("-c", BY_PATH, "run", "-c", shows.format(name))
    assert (plain.status, ours.status) == (0, 0), plain.err + ours.err
    loaded = {module for module in ours.out.split() if module.partition(".")[0] != "interlock"}
    assert loaded - set(plain.out.split()) <= HIDDEN


@pytest.mark.parametrize("own", ["contextlib", "functools", "keyword", "operator", "random", "reprlib"])
@pytest.mark.parametrize("name", ["threading", "queue", "subprocess", "multiprocessing.connection"])
def test_a_program_has_such_a_module_itself(launcher: Launcher, name: str, own: str) -> None:
    launcher.write(f"{own}.py", "X = 1")
    launcher.write(
        "program.py",
        f"""
        import {name}, threading
        thread = threading.Thread(target=print, args=("runs",))
        thread.start()
        thread.join()
        import {own}
        print({own}.X)
        """,
    )
    plain = launcher.run("program.py")
    if plain.status == 0:  # else the standard module needs it, too
        assert launcher.run("-c", BY_PATH, "run", "program.py") == plain
