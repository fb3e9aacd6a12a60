"""When gevent or eventlet patches, Interlock uninstalls itself. Small modules with their entry points replace both."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable

import pytest

Check = Callable[..., str]

GEVENT = {
    "gevent/__init__": "",
    "gevent/events": """
        subscribers = []

        class GeventWillPatchAllEvent: pass
        class GeventDidPatchAllEvent: pass

        def notify(event):
            for subscriber in subscribers:
                subscriber(event)
        """,
    "gevent/monkey": """
        import threading
        saved = {}

        def patch_all():
            from gevent import events
            events.notify(events.GeventWillPatchAllEvent())
            saved["threading"] = {"Thread": threading.Thread}
            class Thread(threading.Thread): pass
            threading.Thread = Thread
            events.notify(events.GeventDidPatchAllEvent())
        """,
    "gevent/patch_main": "from gevent.monkey import patch_all; patch_all(); import app",
}
EVENTLET = {
    "eventlet/__init__": "from eventlet.patcher import monkey_patch",
    "eventlet/patcher": """
        already_patched = {}

        def monkey_patch(**on):
            import threading
            already_patched["thread"] = True
            class Thread(threading.Thread): pass
            threading.Thread = Thread
            return on
        """,
}
FILES = {**GEVENT, **EVENTLET}
PATCH = {
    "gevent": "from gevent.monkey import patch_all as patch",
    "eventlet": "from eventlet import monkey_patch as patch",
}

BEGIN = """
    import io, sys
    import interlock
    sys.stderr = io.StringIO()

    def told():
        lines = sys.stderr.getvalue().splitlines()
        sys.stderr = io.StringIO()
        return lines

    def check_plain(patched=True):
        import _queue, _thread, concurrent.futures, queue, threading
        assert interlock.installed() == ()
        assert type(threading.Lock()) is _thread.LockType and type(threading.RLock()) is _thread.RLock
        assert queue.Queue.__mro__[1:] == (object,) and queue.SimpleQueue is _queue.SimpleQueue
        assert type(threading.main_thread()).__module__ == "threading"
        assert concurrent.futures.Future.__mro__[1:] == (object,)
        thread = threading.Thread.__mro__[1 if patched else 0]
        assert thread.start.__code__.co_filename == threading.__file__
        assert not any(finder.__module__ == "interlock._when_imported" for finder in sys.meta_path)
"""


@pytest.mark.parametrize("name", PATCH)
@pytest.mark.parametrize(
    "first", ["interlock.install()", "{patch}", "import threading, queue, concurrent.futures.thread"]
)
def test_one_line_is_said_and_the_standard_library_is_back(check: Check, name: str, first: str) -> None:
    check(
        BEGIN
        + f"""
    {first.format(patch=PATCH[name])}
    interlock.install()
    assert told() == []
    {PATCH[name]}
    assert interlock.installed() and told() == []
    patch()
    assert told() == ["interlock: {name} patches this program, so it continues with the standard library"]
    check_plain()
    patch()
    assert told() == []
    """,
        **FILES,
    )


@pytest.mark.parametrize("name", PATCH)
def test_what_modules_took_from_us_is_put_back(check: Check, name: str) -> None:
    check(
        BEGIN
        + f"""
    interlock.install()
    import logging, threading
    from queue import Queue
    from threading import Lock, Thread
    mine, held = Lock(), threading.RLock()
    logging.held = held
    with held:
        {PATCH[name]}
        patch()
    import _thread
    assert Queue.__mro__[1:] == (object,) and type(Lock()) is _thread.LockType
    assert Thread.start.__code__.co_filename == threading.__file__
    assert type(logging._lock) is type(threading.RLock())
    assert logging.held is held and type(mine) is not _thread.LockType  # in use, or the program's own
    check_plain()
    """,
        **FILES,
    )


@pytest.mark.parametrize("name", PATCH)
def test_a_process_that_is_patched_is_left_alone(check: Check, name: str) -> None:
    check(
        BEGIN
        + f"""
    {PATCH[name]}
    patch()
    for strict in False, True:
        report = interlock.install(strict=strict)
        assert (report.enabled, report.left_to, report.modules, report.added) == (False, {name!r}, (), ())
        assert str(report) == "nothing installed: {name} has patched this process"
        assert told() == ["interlock: {name} has patched this program already; it stays with the standard library"]
    check_plain()
    """,
        **FILES,
    )


@pytest.mark.parametrize("name", PATCH)
def test_to_import_it_changes_nothing(check: Check, name: str) -> None:
    check(
        BEGIN
        + f"""
    interlock.install()
    {PATCH[name]}
    import gevent.events, queue
    gevent.events.notify(gevent.events.GeventDidPatchAllEvent())
    assert told() == [] and queue.Queue is interlock.queue.Queue
    """,
        **FILES,
    )


@pytest.mark.parametrize("name", PATCH)
def test_after_uninstalling_nothing_is_said(check: Check, name: str) -> None:
    check(
        BEGIN
        + f"""
    finders = list(sys.meta_path)
    for _ in range(2):
        interlock.install()
        {PATCH[name]}
        import gevent.events
        interlock.uninstall()
        assert sys.meta_path == finders
    patch()
    assert told() == [] and len(gevent.events.subscribers) == 1
    check_plain()
    """,
        **FILES,
    )


def test_neither_is_imported_for_it(check: Check) -> None:
    check(
        BEGIN
        + """
    interlock.install()
    import threading, queue, concurrent.futures
    interlock.uninstall()
    assert not {"gevent", "eventlet"} & sys.modules.keys()
    check_plain(patched=False)
    """,
        **FILES,
    )


@pytest.mark.parametrize("name", PATCH)
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_children_are_as_their_parent_is(check: Check, name: str, method: str) -> None:
    output = check(
        f"""
    import interlock

    def child():
        print(interlock.installed(), flush=True)

    if __name__ == "__main__":
        interlock.install()
        import multiprocessing
        {PATCH[name]}
        patch()
        process = multiprocessing.get_context({method!r}).Process(target=child)
        process.start()
        process.join(60)
    """,
        **FILES,
    )
    assert "()" in output.splitlines()


def test_a_program_started_by_the_patching_module(check: Check) -> None:
    """As `python -m gevent.monkey app.py` does."""
    output = check(
        """
    import sys
    from interlock.__main__ import main
    main(["run", "-m", "gevent.patch_main"])
    """,
        app="import interlock, threading; print(interlock.installed(), threading.Thread.__module__)",
        **FILES,
    )
    assert output.splitlines()[0].startswith("() gevent.monkey")
    assert output.splitlines()[1:] == [
        "interlock: gevent patches this program, so it continues with the standard library"
    ]
