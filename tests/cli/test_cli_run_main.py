"""A program under ``interlock run`` sees the same in ``__main__`` and ``sys`` as on plain Python."""

from __future__ import annotations

import os
import py_compile
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Launcher

# Prints all of __main__ and everything about the command line, without addresses of objects.
SHOW = """
import re, sys
for name, value in list(globals().items()):
    print(name, re.sub(r" at 0x[0-9a-f]+", "", repr(value)))
print(sys.argv, sys.path, sys.flags, sys._xoptions, sys.warnoptions, sys.excepthook is sys.__excepthook__)
print(sys.modules["__main__"].__dict__ is globals(), __name__, type(sys.modules["__main__"]))
"""


@pytest.mark.parametrize("path", ["show.py", "./show.py", "sub/../show.py", "sub/show.py", "link.py"])
def test_a_script(launcher: Launcher, path: str) -> None:
    launcher.write("show.py", SHOW)
    launcher.write("sub/show.py", SHOW)
    (launcher.folder / "link.py").symlink_to("sub/show.py")
    done = launcher.same(path, "a", "-b", "--", "c d")
    assert done.status == 0
    assert "__spec__ None" in done.out


def test_a_script_by_its_absolute_path(launcher: Launcher) -> None:
    path = launcher.write("sub/show.py", SHOW)
    launcher.same(str(path), "run", "-m")


def test_a_module_and_a_package(launcher: Launcher) -> None:
    launcher.write("pkg/__init__.py", "print('package', __name__)")
    launcher.write("pkg/__main__.py", SHOW)
    launcher.write("pkg/sub.py", SHOW)
    for name in ("pkg", "pkg.sub"):
        done = launcher.same("-m", name, "x", "-m", "y")
        assert "ModuleSpec(name='pkg." in done.out
    assert launcher.interlock("run", "-mpkg.sub", "x", "-m", "y") == done


def test_a_string(launcher: Launcher) -> None:
    launcher.same("-c", SHOW, "a", "-c", "b")
    launcher.same(f"-c{SHOW}", "a")


def test_standard_input(launcher: Launcher) -> None:
    done = launcher.same("-", "a", stdin=SHOW)
    assert "__file__ '<stdin>'" in done.out


def test_a_directory_and_a_zip_file(launcher: Launcher) -> None:
    launcher.write("folder/__main__.py", SHOW + "import beside\n")
    launcher.write("folder/beside.py", "print('beside', __file__)")
    launcher.same("folder", "a")
    launcher.same("folder/", "a")
    with zipfile.ZipFile(launcher.folder / "app.zip", "w") as archive:
        for name in ("__main__.py", "beside.py"):
            archive.write(launcher.folder / "folder" / name, name)
    launcher.same("app.zip", "a")


def test_compiled_code(launcher: Launcher) -> None:
    source = launcher.write("show.py", SHOW)
    for name in ("show.pyc", "no_suffix"):
        py_compile.compile(str(source), str(launcher.folder / name))
        launcher.same(name)


@pytest.mark.parametrize(
    "options", [["-P"], ["-I"], ["-X", "dev"], ["-W", "error::UserWarning"], ["-O", "-B"]]
)
def test_options_of_the_interpreter(launcher: Launcher, options: list[str]) -> None:
    if "-I" in options and "PYTHONPATH" in os.environ:
        pytest.skip("interlock is found through PYTHONPATH here, which -I ignores")
    launcher.write("show.py", SHOW)
    launcher.write("folder/__main__.py", SHOW)
    interlock = [*options, *(["-c", BY_PATH] if "-P" in options else ["-m", "interlock"])]
    for program in (["show.py"], ["folder"], ["-c", SHOW]):
        assert launcher.run(*interlock, "run", *program) == launcher.run(*options, *program)


# `python -P -m interlock` finds only an installed package; this finds it where the tests find it.
BY_PATH = "import sys; from interlock._cli import main; sys.exit(main())"


def test_imports_find_the_modules_beside_the_script(launcher: Launcher) -> None:
    launcher.write("sub/beside.py", "value = 'beside'")
    launcher.write("sub/script.py", "import beside\nprint(beside.value)")
    launcher.write("beside.py", "value = 'wrong'")
    assert launcher.same("sub/script.py").out == "beside\n"


def test_standard_input_belongs_to_the_program(launcher: Launcher) -> None:
    launcher.write("script.py", "import sys\nprint(sys.stdin.read())\nprint(input if 0 else 'end')")
    assert launcher.same("script.py", stdin="one\ntwo").out == "one\ntwo\nend\n"
    assert launcher.same("-c", "print(input())", stdin="line\nrest").out == "line\n"


def test_encodings_and_future_statements_are_the_scripts_own(launcher: Launcher) -> None:
    (launcher.folder / "latin.py").write_bytes(b"# coding: latin-1\nprint(ascii('\xe9'))\n")
    launcher.same("latin.py")
    launcher.write("plain.py", "def f(x: 1 + 1): pass\nprint(f.__annotations__)")
    assert launcher.same("plain.py").out == "{'x': 2}\n"


def test_classes_of_main_can_be_pickled(launcher: Launcher) -> None:
    launcher.write(
        "script.py",
        """
        import pickle, __main__
        class Point:
            pass
        assert type(pickle.loads(pickle.dumps(Point()))) is Point is __main__.Point
        print(Point.__module__)
        """,
    )
    assert launcher.same("script.py").out == "__main__\n"


def test_interlock_is_installed_before_the_program_starts(launcher: Launcher) -> None:
    launcher.write(
        "script.py",
        """
        from queue import Queue
        from threading import Lock
        import interlock
        print(interlock.installed()[:2], Lock is interlock.threading.Lock, Queue is interlock.queue.Queue)
        """,
    )
    done = launcher.interlock("run", "script.py")
    assert (done.status, done.out, done.err) == (0, "('threading', 'queue') True True\n", "")
    off = launcher.interlock("run", "script.py", env={"INTERLOCK": "0"})
    assert off.out == "() False False\n"


def test_with_interlock_0_the_engine_is_not_even_loaded(launcher: Launcher) -> None:
    code = (
        "import sys; print([n for n in sys.modules if n in ('interlock._interlock', 'interlock.threading')])"
    )
    assert launcher.interlock("run", "-c", code, env={"INTERLOCK": "0"}).out == "[]\n"


def test_little_is_imported_on_behalf_of_the_program(launcher: Launcher) -> None:
    code = "import sys; print(*sorted(n for n in sys.modules if n.partition('.')[0] != 'interlock'))"
    plain = set(launcher.run("-c", f"import queue, importlib.util; {code}").out.split())
    extra = set(launcher.interlock("run", "-c", code).out.split()) - plain
    unwanted = {"argparse", "multiprocessing", "subprocess", "socket", "inspect", "dataclasses", "runpy"}
    if sys.version_info < (3, 13):
        unwanted |= {"linecache", "typing"}
    launched_by_runpy = {"runpy", "pkgutil"}  # python -m itself
    assert not extra & (unwanted - launched_by_runpy), extra


def test_annotations_of_a_program_are_evaluated_as_usual(launcher: Launcher) -> None:
    """No `__future__` of ours is passed on, whichever way the program comes."""
    code = "def f(x: 1 + 1): pass\nprint(f.__annotations__)"
    assert launcher.same("-c", code).out == "{'x': 2}\n"
    assert launcher.same("-", stdin=code).out == "{'x': 2}\n"


def test_a_script_with_null_bytes_is_refused(launcher: Launcher) -> None:
    (launcher.folder / "null.py").write_bytes(b"print(1)\n\0")
    done = launcher.interlock("run", "null.py")
    assert done.status == 1
    assert "null bytes" in done.err
