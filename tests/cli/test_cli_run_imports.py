"""`interlock run` loads what it replaces when the program imports it, in whichever way, and next to nothing before."""

from __future__ import annotations

import sys
import zipfile

import pytest

from tests.cli.conftest import Launcher

BY_PATH = "import sys; from interlock._cli import main; sys.exit(main())"
"""The command without ``-m``, which would import what `runpy` needs."""

SHOW = "import sys; print(*sorted(sys.modules))"
STARTED = {
    "interlock",
    "interlock._cli",
    "interlock._cli._main_module",
    "interlock._cli.run",
    "interlock._install",
    "interlock._when_imported",
}

CHECK = """
import sys
import interlock
for name in ("threading", "queue", "concurrent.futures", "concurrent.futures.thread", "multiprocessing.pool"):
    std, ours = sys.modules.get(name), sys.modules.get(f"interlock.{name}")
    if std is None:
        assert ours is None, name
    else:
        for attribute in ours.__replaces__:
            assert getattr(std, attribute) is vars(ours)[attribute], (name, attribute)
        print(name)
"""

WAYS = {
    "import": ("import threading", "threading"),
    "from": ("from queue import Queue, SimpleQueue", "threading queue"),
    "import as": (
        "import concurrent.futures.thread as t",
        "threading queue concurrent.futures concurrent.futures.thread",
    ),
    "from a package": ("from concurrent import futures; futures.Future", "threading concurrent.futures"),
    "by the attribute": (
        "from concurrent import futures; futures.ThreadPoolExecutor",
        "threading queue concurrent.futures concurrent.futures.thread",
    ),
    "a star": ("from threading import *", "threading"),
    "import_module": ("import importlib; importlib.import_module('threading')", "threading"),
    "__import__": ("__import__('queue')", "threading queue"),
    "another module": ("import imports_it", "threading"),
    "runpy": ("import runpy; runpy.run_module('imports_it')", "threading"),
    "exec": ("exec(compile('import threading', 'x', 'exec'), {})", "threading"),
    "a pool": ("from multiprocessing.pool import ThreadPool", "threading queue multiprocessing.pool"),
    "again after an error": (
        "try: from threading import no_such\nexcept ImportError: import threading",
        "threading",
    ),
    "nothing": ("import _thread; _thread.allocate_lock()", ""),
}


@pytest.mark.parametrize("way", WAYS)
def test_whichever_way_a_program_imports_it_gets_ours(launcher: Launcher, way: str) -> None:
    text, expected = WAYS[way]
    launcher.write("imports_it.py", "import threading")
    launcher.write("program.py", f"{text}\n{CHECK}")
    for how in (["program.py"], ["-m", "program"], ["-c", f"{text}\n{CHECK}"]):
        done = launcher.interlock("run", *how)
        assert (done.status, done.err) == (0, "")
        assert set(expected.split()) <= set(done.out.split())
        assert ("threading" in done.out) == ("threading" in expected)


def test_the_main_module_of_a_zip_file_gets_ours(launcher: Launcher) -> None:
    with zipfile.ZipFile(launcher.folder / "program.zip", "w") as file:
        file.writestr("__main__.py", f"import inside\n{CHECK}")
        file.writestr("inside.py", "from queue import Queue")
    done = launcher.interlock("run", "program.zip")
    assert (done.status, done.err) == (0, "")
    assert {"threading", "queue"} <= set(done.out.split())


def test_threads_that_import_at_once_all_get_ours(launcher: Launcher) -> None:
    launcher.write(
        "program.py",
        """
        import _thread, sys
        import collections.abc  # 3.13 gives threads that import it at once a part of it, without Interlock, too
        sys.setswitchinterval(1e-6)
        names = ["threading", "queue", "concurrent.futures.thread", "multiprocessing.pool"]
        wanted = {"threading": "Lock", "queue": "Queue", "concurrent.futures.thread": "ThreadPoolExecutor",
                  "multiprocessing.pool": "ThreadPool"}
        got, locks = {}, []
        def work(number, lock):
            name = names[number % 4]
            try:
                __import__(name)
                got[number] = getattr(sys.modules[name], wanted[name])
            finally:
                lock.release()
        for number in range(16):
            locks.append(_thread.allocate_lock())
            locks[-1].acquire()
            _thread.start_new_thread(work, (number, locks[-1]))
        for lock in locks:
            lock.acquire()
        for number in range(16):
            name = names[number % 4]
            assert got[number] is getattr(sys.modules[f"interlock.{name}"], wanted[name]), name
        print("ours")
        """,
    )
    done = launcher.interlock("run", "program.py")
    assert (done.status, done.out, done.err) == (0, "ours\n", "")


@pytest.mark.parametrize("how", ["-c", "-", "script"])
def test_before_the_program_nothing_is_loaded_but_what_waits_for_its_imports(
    launcher: Launcher, how: str
) -> None:
    launcher.write("show.py", SHOW)
    arguments, stdin = {"-c": (["-c", SHOW], ""), "-": (["-"], SHOW), "script": (["show.py"], "")}[how]
    plain = set(launcher.run(*arguments, stdin=stdin).out.split())
    ours = set(launcher.run("-c", BY_PATH, "run", *arguments, stdin=stdin).out.split())
    if sys.version_info >= (
        3,
        13,
    ):  # what `python -c BY_PATH` itself imports to remember the lines of BY_PATH
        plain = set(launcher.run("-c", SHOW).out.split())
    assert ours - plain == STARTED


def test_with_interlock_0_no_more_is_loaded(launcher: Launcher) -> None:
    plain = set(launcher.run("-c", SHOW).out.split())
    ours = set(launcher.run("-c", BY_PATH, "run", "-c", SHOW, env={"INTERLOCK": "0"}).out.split())
    assert ours - plain == STARTED
