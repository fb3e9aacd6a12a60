"""Programs that start processes find their main module again under ``interlock run``."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Launcher

SCRIPT = """
import multiprocessing, sys
import interlock
from threading import Lock as Guard

class Point:
    def __init__(self, x):
        self.x = x

def double(point):
    return Point(point.x * 2), __name__, Guard is vars(interlock.threading)["Lock"]

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(1) as pool:
        point, name, installed = pool.apply_async(double, (Point(21),)).get(60)
    print(type(point) is Point, point.x, name, installed, sys.argv[1:])
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.parametrize("way", ["script", "module", "package"])
def test_main_is_imported_again_in_the_children(launcher: Launcher, method: str, way: str) -> None:
    launcher.write("sub/script.py", SCRIPT)
    launcher.write("module.py", SCRIPT)
    launcher.write("pkg/__init__.py", "")
    launcher.write("pkg/inner.py", SCRIPT)
    program = {"script": ["sub/script.py"], "module": ["-m", "module"], "package": ["-m", "pkg.inner"]}[way]
    done = launcher.interlock("run", *program, method, "arg")
    assert done.err == ""
    name = "__main__" if method == "fork" else "__mp_main__"
    assert done.out == f"True 42 {name} True {[method, 'arg']}\n"
    plain = launcher.run(*program, method, "arg")
    assert plain.out == done.out.replace(f"{name} True", f"{name} False")


def test_the_other_name_of_main_is_the_programs(launcher: Launcher) -> None:
    code = "import multiprocessing, sys; print(sys.modules['__mp_main__'] is sys.modules['__main__'])"
    assert launcher.same("-c", code).out == "True\n"
    launched_late = "import multiprocessing, sys; from interlock._cli import main; sys.exit(main())"
    assert launcher.run("-c", launched_late, "run", "-c", code).out == "True\n"


def test_with_interlock_0_the_children_are_plain(launcher: Launcher) -> None:
    launcher.write("script.py", SCRIPT)
    done = launcher.interlock("run", "script.py", "spawn", env={"INTERLOCK": "0"})
    assert done.out == "True 42 __mp_main__ False ['spawn']\n"
