"""`install` does not import standard modules; it patches them when they are imported."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable

import pytest

Check = Callable[..., str]

# For scripts that do not import the standard modules at the top.
BEGIN = """
    import sys
    import interlock
    assert not {"threading", "queue"} & sys.modules.keys()

    def check_patched(*names):
        assert set(names) <= set(interlock.installed())
        for name in names:
            std, ours = __import__(name), getattr(interlock, name)
            for attribute in ours.__replaces__:
                assert vars(std)[attribute] is vars(ours)[attribute], attribute

    def check_plain(*names):
        assert not set(names) & set(interlock.installed())
        for name in names:
            std, ours = __import__(name), getattr(interlock, name)
            for attribute in {"Queue", "Lock"} & vars(ours).keys():
                assert vars(std)[attribute] is not vars(ours)[attribute], attribute
"""


def test_neither_installing_nor_uninstalling_imports_a_standard_module(check: Check) -> None:
    check(
        BEGIN
        + """
    report = interlock.install(only=["threading", "queue"])
    assert report.modules == report.added == report.pending == interlock.installed() == ("threading", "queue")
    assert report.names == {} and "patched when imported: threading, queue" in str(report)
    again = interlock.install(only=["threading", "queue"], strict=True)
    assert (again.added, again.pending) == ((), ("threading", "queue"))
    assert interlock.InstallError and interlock.InterlockWarning
    interlock.uninstall()
    assert interlock.installed() == ()
    loaded = {"threading", "queue", "_queue", "interlock.threading", "interlock.queue", "interlock._interlock"}
    assert not loaded & sys.modules.keys()
    check_plain("threading", "queue")
    """
    )


@pytest.mark.parametrize(
    "first",
    [
        "threading",
        "queue",
        "interlock.threading",
        "interlock.queue",
        "interlock._interlock",
        "interlock._queue_classes",
        "interlock._queue_errors",
        "interlock.concurrent.futures",
        "interlock.multiprocessing",
        "interlock.subprocess",
        "concurrent.futures.thread",
        "multiprocessing.pool",
    ],
)
def test_whatever_is_imported_first_the_modules_are_patched(check: Check, first: str) -> None:
    check(
        BEGIN
        + f"""
    interlock.install(only=["threading", "queue"])
    __import__({first!r})
    check_patched("threading")
    import queue
    check_patched("threading", "queue")
    assert interlock.install(only=["threading", "queue"]).pending == ()
    for module in sys.modules["threading"], queue:
        assert module.__loader__ is module.__spec__.loader
        assert type(module.__loader__).__module__ == type(__loader__).__module__
    interlock.uninstall()
    check_plain("threading", "queue")
    """
    )


def test_names_taken_by_the_first_import_are_ours(check: Check) -> None:
    check(
        BEGIN
        + """
    interlock.install(only=["threading", "queue"])
    from queue import Queue
    from threading import Lock, Thread
    assert Queue is interlock.queue.Queue and Lock is interlock.threading.Lock
    results = Queue()
    thread = Thread(target=results.put, args=(1,))
    thread.start()
    assert results.get(timeout=60) == 1
    thread.join(60)
    assert interlock.install(strict=True).captured == {}
    """
    )


def test_one_module_is_there_and_one_is_not(check: Check) -> None:
    check(
        BEGIN
        + """
    import threading
    report = interlock.install(only=["threading", "queue"])
    assert (report.added, report.pending) == (("threading", "queue"), ("queue",))
    assert list(report.names) == ["threading"] and "queue" not in sys.modules
    check_patched("threading")
    check_patched("queue")
    """
    )


def test_what_is_there_decides_about_strict(check: Check) -> None:
    check(
        BEGIN
        + """
    from threading import Lock
    try:
        interlock.install(strict=True)
    except interlock.InstallError as error:
        assert error.captured == {"__main__": ["Lock"]}
    else:
        raise AssertionError
    assert interlock.installed() == () and "queue" not in sys.modules
    check_plain("threading", "queue")
    """
    )


def test_only_some_are_pending(check: Check) -> None:
    check(
        BEGIN
        + """
    with interlock.install(only="queue") as outer:
        assert outer.pending == outer.modules == ("queue",)
        with interlock.install(only=["threading", "queue"]) as inner:
            assert inner.added == ("threading",) and inner.pending == ("threading", "queue")
        assert interlock.installed() == ("queue",)
        import queue
        check_patched("queue")
        check_plain("threading")
    check_plain("threading", "queue")
    """
    )


def test_a_with_block_takes_back_what_was_imported_in_it(check: Check) -> None:
    check(
        BEGIN
        + """
    finders = list(sys.meta_path)
    with interlock.install(only=["threading", "queue"]):
        import threading
        check_patched("threading")
    check_plain("threading", "queue")
    assert sys.meta_path == finders
    """
    )


def test_a_module_loaded_past_the_import_system_is_patched_by_the_next_install(check: Check) -> None:
    check(
        BEGIN
        + """
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    interlock.install(only=["threading", "queue"])
    spec = PathFinder.find_spec("queue")
    sys.modules["queue"] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules["queue"])
    assert interlock.install(only=["threading", "queue"]).pending == ()
    check_patched("threading", "queue")
    interlock.uninstall()
    check_plain("threading", "queue")
    """
    )


@pytest.mark.parametrize("way", ["insert(0, First)", "__setitem__(slice(None), [First, *finders])"])
def test_a_finder_that_the_program_puts_first_may_find_modules_by_itself(way: str, check: Check) -> None:
    check(
        BEGIN
        + f"""
    from importlib.machinery import PathFinder

    class First:
        @staticmethod
        def find_spec(name, path=None, target=None):
            found.append(name)
            return PathFinder.find_spec(name, path)

    found, finders = [], list(sys.meta_path)
    interlock.install(only=["threading", "queue"])
    sys.meta_path.{way}
    check_patched("threading", "queue")
    assert "queue" in found
    interlock.uninstall()
    check_plain("threading", "queue")
    """
    )


def test_the_import_system_is_as_it_was_when_nothing_is_pending(check: Check) -> None:
    check(
        BEGIN
        + """
    import importlib._bootstrap as bootstrap
    ordinary = bootstrap._find_spec
    with interlock.install(only="queue"):
        assert bootstrap._find_spec is not ordinary
    assert bootstrap._find_spec is ordinary
    """
    )


def test_a_failed_import_shows_no_frame_of_ours(check: Check) -> None:
    check(
        BEGIN
        + """
    import traceback

    class Refusing:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "refused":
                raise ImportError(name)

    interlock.install(only="queue")
    sys.meta_path.insert(0, Refusing)
    try:
        import refused
    except ImportError as error:
        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert frames[-1:] == ["find_spec"] and len(frames) == 2, frames
    else:
        raise AssertionError
    """
    )


def test_a_finder_without_the_method_is_passed_over(check: Check) -> None:
    check(
        BEGIN
        + """
    class Old:
        def find_module(self, name, path=None):  # all that a finder needed up to 3.11
            return None

    sys.meta_path.insert(0, Old())
    interlock.install(only=["threading", "queue"])
    sys.meta_path.insert(0, Old())
    check_patched("threading", "queue")
    """
    )


def test_a_failed_import_leaves_the_module_pending(check: Check) -> None:
    check(
        BEGIN
        + """
    interlock.install(only=["threading", "queue"])
    sys.modules["_weakrefset"] = None  # threading imports it
    try:
        import threading
    except ImportError:
        del sys.modules["_weakrefset"]
    else:
        raise AssertionError
    assert interlock.install(only=['threading', 'queue']).pending == ("threading", "queue")
    check_patched("threading", "queue")
    """
    )


def test_an_engine_that_fails_to_load_leaves_the_standard_module_and_is_not_tried_again(check: Check) -> None:
    printed = check(
        BEGIN
        + """
    interlock.install(only=["threading", "queue"])
    sys.modules["interlock._interlock"] = None
    import threading
    assert interlock.installed() == ("queue",)
    import threading
    assert threading.Thread.__module__ == "threading" and "interlock.threading" not in sys.modules
    threading.Lock().acquire()
    """
    )
    assert printed.startswith("interlock: the standard threading stays in use: ")
    assert printed.count("\n") == 1


def test_an_engine_that_is_absent_fails_the_installation(check: Check) -> None:
    check(
        BEGIN
        + """
    finders, path = list(sys.meta_path), list(interlock.__path__)
    interlock.install, interlock.installed  # loaded before their folder is hidden
    interlock.__path__[:] = []
    try:
        interlock.install(only=["threading", "queue"])
    except ImportError as error:
        assert error.name == "interlock._interlock"
    else:
        raise AssertionError
    assert interlock.installed() == () and sys.meta_path == finders
    interlock.__path__[:] = path
    interlock.install(only=["threading", "queue"])
    check_patched("threading", "queue")
    """
    )


@pytest.mark.parametrize("first", ["threading", "queue", "interlock.queue"])
def test_another_thread_imports_it_first(check: Check, first: str) -> None:
    output = check(
        BEGIN
        + f"""
    import _thread
    interlock.install(only=["threading", "queue"])
    done = _thread.allocate_lock()
    done.acquire()
    def work():
        import {first}
        check_patched("threading")
        done.release()
    _thread.start_new_thread(work, ())
    assert done.acquire(True, 60)
    check_patched("threading", "queue")
    import queue, threading
    thread = threading.Thread(target=print, args=("ran",))
    thread.start()
    thread.join(60)
    """
    )
    assert output == "ran\n"


def test_many_threads_import_it_at_once(check: Check) -> None:
    check(
        BEGIN
        + """
    import _thread, time
    sys.setswitchinterval(1e-5)
    interlock.install(only=["threading", "queue"])
    firsts = ["threading", "queue", "interlock.threading", "interlock.queue", "interlock._interlock"] * 3
    go, ended, problems = _thread.allocate_lock(), [], []
    go.acquire()
    def work(first):
        with go:
            pass
        try:
            __import__(first)
            import queue, threading
            with threading.Lock():
                queue.Queue().put(first)
        except BaseException as error:
            problems.append(error)
        finally:
            ended.append(first)
    for first in firsts:
        _thread.start_new_thread(work, (first,))
    go.release()
    until = time.monotonic() + 100
    while len(ended) < len(firsts) and time.monotonic() < until:
        time.sleep(0.01)
    assert len(ended) == len(firsts) and not problems, (ended, problems)
    assert interlock.install(only=["threading", "queue"]).pending == ()
    check_patched("threading", "queue")
    """
    )


def test_the_module_found_but_not_imported(check: Check) -> None:
    check(
        BEGIN
        + """
    import importlib.util
    interlock.install(only=["threading", "queue"])
    spec = importlib.util.find_spec("queue")
    assert spec.name == "queue" and spec.loader.get_code("queue") and spec.origin == spec.loader.path
    assert "queue" not in sys.modules
    check_patched("queue")
    assert spec is not sys.modules["queue"].__spec__
    """
    )


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_children_join_what_is_pending(check: Check, method: str) -> None:
    output = check(
        f"""
    import sys
    import interlock

    def child(connection):
        import queue
        connection.send((interlock.installed(), queue.Queue is interlock.queue.Queue))

    if __name__ == "__main__":
        assert interlock.install(only="queue").pending == ("queue",)
        import multiprocessing
        context = multiprocessing.get_context({method!r})
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=child, args=(sender,))
        process.start()
        assert receiver.poll(60)
        print(receiver.recv())
        process.join(60)
    """
    )
    assert output == "(('queue',), True)\n"


def test_a_forked_child_has_what_is_pending(check: Check) -> None:
    check(
        BEGIN
        + """
    import os
    interlock.install(only=["threading", "queue"])
    child = os.fork()
    check_patched("threading", "queue")
    if child:
        assert os.waitpid(child, 0)[1] == 0
    """
    )


def test_a_start_up_file_may_install(check: Check) -> None:
    """A .pth file does this; the interpreter's modules then look the same as in plain Python."""
    output = check(
        """
    import subprocess, sys
    code = "import sys; print(*sorted({'threading', 'queue'} & sys.modules.keys()), 'interlock' in sys.modules)"
    print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout)
    """,
        sitecustomize="import interlock; interlock.install(only=['threading', 'queue'])",
        env={"PYTHONPATH": path_with_here()},
    )
    assert output == "True\n\n"


def path_with_here() -> str:
    return os.pathsep.join(filter(None, [".", os.environ.get("PYTHONPATH")]))


if sys.version_info >= (3, 12):

    def test_lazy_import_tools_see_the_module(check: Check) -> None:
        check(
            BEGIN
            + """
        import importlib.util
        interlock.install(only=["threading", "queue"])
        spec = importlib.util.find_spec("queue")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        sys.modules["queue"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.Queue
        check_patched("queue")
        """
        )


@pytest.mark.parametrize("first", ["queue", "interlock.queue", "interlock._queue_classes", "asyncio"])
def test_queues_derive_from_the_original_ones_no_matter_who_imports_them_first(
    check: Check, first: str
) -> None:
    check(
        BEGIN
        + f"""
    interlock.install()
    import {first}
    import queue
    original = {{}}
    for name in ("Queue", "LifoQueue", "PriorityQueue"):
        ours = getattr(queue, name)
        assert ours is getattr(interlock.queue, name)
        bases = [base for base in ours.__mro__[1:] if (base.__module__, base.__name__) == ("queue", name)]
        (original[name],) = bases
        assert vars(original[name])["_init"].__code__.co_filename == queue.__file__
    interlock.uninstall()
    for name, standard in original.items():
        assert getattr(queue, name) is standard
        assert isinstance(getattr(interlock.queue, name)(), standard)
    """
    )
