"""`install` reports what it could not reach."""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[..., str]

APP = """
    from threading import Lock as Guard
    import threading
    from queue import Queue, Empty

    TIMEOUT = threading.TIMEOUT_MAX
"""


def test_names_imported_before_are_reported_by_module_and_warned_of_once(check: Check) -> None:
    check(
        """
    import warnings
    import app
    import interlock

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = interlock.install()
        interlock.install()
    assert report.captured["app"] == ["Guard", "Queue"], report.captured
    (warning,) = [w for w in caught if issubclass(w.category, interlock.InterlockWarning)]
    assert issubclass(interlock.InterlockWarning, RuntimeWarning)
    assert "app (Guard, Queue)" in str(warning.message) and warning.filename == __file__
    assert app.Guard is not interlock.threading.Lock
    assert "app (Guard, Queue)" in str(report)
    """,
        app=APP,
    )


def test_no_warning_when_nothing_outside_the_standard_library_was_imported_before(check: Check) -> None:
    check(
        """
    import warnings
    warnings.simplefilter("error")
    import interlock, multiprocessing.dummy
    report = interlock.install(only={"queue"})
    assert not report.captured
    assert "Queue" in report.captured_stdlib["multiprocessing.dummy"]
    """
    )


def test_only_the_originals_of_the_patched_modules_count(check: Check) -> None:
    check(
        """
    import warnings
    warnings.simplefilter("ignore")
    import app, interlock
    assert interlock.install(only={"queue"}).captured == {"app": ["Queue"]}
    assert interlock.install().captured == {"app": ["Guard"]}
    """,
        app=APP,
    )


def test_main_counts_as_a_user_module(check: Check) -> None:
    check(
        """
    import warnings
    warnings.simplefilter("ignore")
    from queue import Queue
    import interlock
    assert interlock.install().captured == {"__main__": ["Queue"]}
    """
    )


def test_strict_raises_before_anything_is_changed(check: Check) -> None:
    check(
        """
    import queue, threading
    import app
    import interlock.queue, interlock.threading
    before = dict(vars(threading)), dict(vars(queue))
    try:
        interlock.install(strict=True)
    except interlock.InstallError as error:
        assert error.captured == {"app": ["Guard", "Queue"]} and "app (Guard, Queue)" in str(error)
    else:
        raise AssertionError
    assert (dict(vars(threading)), dict(vars(queue))) == before and interlock.installed() == ()
    del app.Guard, app.Queue
    assert interlock.install(strict=True).modules == interlock._install.REPLACED
    """,
        app=APP,
    )


def test_running_threads_are_reported_and_refused_by_strict(check: Check) -> None:
    check(
        """
    import threading
    import interlock

    started, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (started.set(), stop.wait(60)), name="early bird")
    thread.start()
    assert started.wait(60)
    try:
        interlock.install(strict=True)
    except interlock.InstallError as error:
        assert error.threads == ("early bird",) and "early bird" in str(error)
    else:
        raise AssertionError
    assert interlock.install().threads == ("early bird",)
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
    """
    )


def test_modules_that_load_lazily_are_not_loaded_by_the_search(check: Check) -> None:
    check(
        """
    import importlib.util, sys
    spec = importlib.util.find_spec("app")
    loader = importlib.util.LazyLoader(spec.loader)
    spec.loader = loader
    sys.modules["app"] = module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    import interlock
    assert not interlock.install().captured
    assert type(sys.modules["app"]) is not type(sys), "the lazy module was loaded"
    assert sys.modules["app"].Guard is interlock.threading.Lock
    """,
        app=APP,
    )


def test_queues_made_after_pass_for_the_classes_that_were_imported_before(check: Check) -> None:
    check(
        """
    import queue
    import app
    import interlock

    def asked():
        made = queue.Queue(), queue.LifoQueue(), queue.PriorityQueue()
        return [[isinstance(one, kind) for kind in (app.Fifo, app.Lifo, app.Heap)] for one in made]

    before = asked()
    with interlock.install():
        assert queue.Queue is interlock.queue.Queue is not app.Fifo
        assert asked() == before
        made = queue.PriorityQueue()
        assert isinstance(made, queue.Queue) and issubclass(queue.LifoQueue, queue.Queue)
        class Hooked(queue.Queue):
            def _put(self, item):
                super()._put(-item)
        hooked = Hooked()
        hooked.put(1)
        assert isinstance(hooked, app.Fifo) and hooked.get() == -1
    assert queue.Queue is app.Fifo and isinstance(made, queue.PriorityQueue)
    assert isinstance(interlock.queue.Queue(), queue.Queue) and asked() == before
    """,
        app="from queue import LifoQueue as Lifo, PriorityQueue as Heap, Queue as Fifo",
    )
