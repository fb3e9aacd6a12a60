"""In a child that unpickles its work, `interlock.concurrent.futures` is made at its first use; nobody can tell."""

from __future__ import annotations

import subprocess
import sys

import pytest

_HEAD = """
import sys, threading
from multiprocessing import current_process
current_process()._inheriting = True  # as `multiprocessing.spawn` has it
from interlock.concurrent import futures
import interlock.concurrent.futures._transport
del current_process()._inheriting
assert "concurrent.futures" not in sys.modules
"""

_USES = {
    "a name": "assert futures.Future is not sys.modules['concurrent.futures'].Future",
    "a standard name": "assert futures.CancelledError is sys.modules['concurrent.futures'].CancelledError",
    "all names": "names = {}; exec('from interlock.concurrent.futures import *', names); assert 'wait' in names",
    "dir": "assert {'Future', 'ProcessPoolExecutor', 'CancelledError'} <= {*dir(futures)}",
    "the file": "assert futures.__file__ == sys.modules['concurrent.futures'].__file__",
    "the replaced names": "assert 'Future' in futures.__replaces__",
    "a name that nobody has": """
try:
    futures.nothing
except AttributeError as error:
    assert "nothing" in str(error)
else:
    raise AssertionError
""",
    "a new value of a standard name": """
futures.ALL_COMPLETED = "x"
import concurrent.futures
assert concurrent.futures.ALL_COMPLETED == futures.ALL_COMPLETED == "x"
""",
    "a new value of an own name": """
own = futures.Future
futures.Future = int
assert futures.Future is int
from interlock.concurrent.futures import _base
assert _base.Future is own
""",
    "a value before any use": """
futures.Future = int
assert futures.Future is int
""",
    "a submodule": """
import interlock.concurrent.futures.thread as thread
assert thread.ThreadPoolExecutor is futures.ThreadPoolExecutor
assert interlock.concurrent.futures.thread is thread
""",
    "many threads": """
start, seen = threading.Barrier(16), []
def use():
    start.wait()
    seen.append(futures.ThreadPoolExecutor)
threads = [threading.Thread(target=use) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert seen == [futures.ThreadPoolExecutor] * 16
""",
    "install, and a part first": """
import interlock
interlock.install()
import interlock.concurrent.futures._process_pool
import concurrent.futures
assert concurrent.futures.Future is futures.Future
""",
    "install": """
import interlock
interlock.install()
import concurrent.futures
assert concurrent.futures.Future is futures.Future
""",
}


@pytest.mark.parametrize("use", _USES)
def test_the_first_use_may_be_any(use: str) -> None:
    path = {"PYTHONPATH": ":".join(sys.path)}  # without the modules that site imports
    subprocess.run([sys.executable, "-S", "-c", _HEAD + _USES[use]], env=path, check=True, timeout=60)
