"""A program's own module named like a standard one stays as it is, however it is imported."""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[..., str]

NAMESAKE = """
import collections
class Empty(Exception): pass
class Full(Exception): pass
class Queue:
    def __init__(self, maxsize=0): self.queue = collections.deque()
    def put(self, item, block=True, timeout=None): print("put"), self.queue.append(item)
    def get(self, block=True, timeout=None): return self.queue.popleft()
class LifoQueue(Queue): pass
class PriorityQueue(Queue): pass
class SimpleQueue(Queue): pass
"""
"""A module with the names of the standard `queue`, which can't be told from it by its classes."""


def test_one_that_was_imported_before_is_left_alone_and_reported(check: Check) -> None:
    check(
        """
        import queue, sys
        import interlock
        before = dict(vars(queue))
        report = interlock.install()
        assert report.shadowed == ("queue",) and "queue" not in report.names
        assert "modules of the program itself, left alone: queue" in str(report)
        import concurrent.futures, threading
        assert threading.Lock is interlock.threading.Lock
        assert "interlock.concurrent.futures" not in sys.modules  # the standard one uses the program's queue
        assert vars(queue) == before
        again = interlock.install()
        assert again.shadowed == ("queue",) and "queue" in again.pending
        interlock.uninstall()
        assert vars(queue) == before
        """,
        queue=NAMESAKE,
    )


def test_the_standard_one_is_patched_when_it_is_imported_after_all(check: Check) -> None:
    check(
        """
        import sys
        import interlock
        interlock.install()
        import queue
        assert queue.__file__.startswith(sys.path[0])
        del sys.modules["queue"]
        own = sys.path.pop(0)
        import queue, concurrent.futures
        assert not queue.__file__.startswith(own)
        assert queue.Queue is interlock.queue.Queue
        assert concurrent.futures.Future is interlock.concurrent.futures.Future
        assert interlock.install().shadowed == ()
        """,
        queue=NAMESAKE,
    )


def test_a_module_without_a_file_is_not_the_standard_one(check: Check) -> None:
    check("""
        import sys, types
        from unittest import mock
        import interlock
        fake = sys.modules["queue"] = types.ModuleType("queue")
        fake.Queue = list
        assert interlock.install(only="queue").shadowed == ("queue",)
        import queue
        assert queue is fake and fake.Queue is list and not hasattr(fake, "SimpleQueue")
        interlock.uninstall()
        sys.modules["queue"] = mock.MagicMock()
        assert interlock.install(only="queue").shadowed == ("queue",)
        """)


def test_a_library_under_another_name_and_in_a_zip_file_is_the_standard_one(check: Check) -> None:
    check("""
        import os, sys, zipfile
        library, version = os.path.dirname(os.__file__), "".join(map(str, sys.version_info[:2]))
        archive = os.path.join(sys.path[0], f"python{version}.zip")
        with zipfile.ZipFile(archive, "w") as file:
            file.write(os.path.join(library, "queue.py"), "queue.py")
        os.symlink(library, "library")
        for name in [name for name in ("queue", "threading") if name in sys.modules]:
            del sys.modules[name]
        sys.path[sys.path.index(library)] = os.path.abspath("library")
        sys.path.insert(0, archive)
        import interlock
        interlock.install(only=["threading", "queue"])
        import queue, threading
        assert queue.__file__.startswith(archive) and threading.__file__.startswith(os.path.abspath("library"))
        assert queue.Queue is interlock.queue.Queue and threading.Lock is interlock.threading.Lock
        """)


def test_a_module_that_is_looked_up_has_the_ordinary_loader(check: Check) -> None:
    check("""
        import interlock, sys
        from importlib.machinery import SourceFileLoader
        from importlib.util import find_spec, module_from_spec
        interlock.install(only=["threading", "queue"])
        assert "queue" not in sys.modules
        for name in "queue", "threading":
            spec = find_spec(name)
            assert isinstance(spec.loader, SourceFileLoader) and "SourceFileLoader" in repr(spec), spec
            assert spec.loader.get_source(name) and spec.loader.path == spec.origin
        module = module_from_spec(find_spec("queue"))
        find_spec("queue").loader.exec_module(module)
        assert module.Queue.__module__ == "queue"
        import queue, threading
        assert queue.Queue is interlock.queue.Queue and threading.Lock is interlock.threading.Lock
        assert type(queue.__loader__) is type(queue.__spec__.loader) is SourceFileLoader
        """)
