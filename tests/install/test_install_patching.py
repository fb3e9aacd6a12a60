"""`install` changes the standard modules, and `uninstall` undoes all of it."""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[..., str]

# The standard modules as they were: identity of every attribute that Interlock replaces.
SNAPSHOT = """
    import queue, sys, threading
    import interlock, interlock.queue, interlock.threading

    OURS = {"threading": interlock.threading, "queue": interlock.queue}
    STD = {"threading": threading, "queue": queue}
    BEFORE = {(m, n): getattr(STD[m], n) for m in STD for n in OURS[m].__replaces__ if hasattr(STD[m], n)}
    PUBLIC = {m: [n for n in vars(STD[m]) if n[0] != "_"] for m in STD}

    def is_ours(module):
        return all(getattr(STD[m], n) is getattr(OURS[m], n) for m, n in BEFORE if m == module)

    def is_original(module):
        return all(getattr(STD[m], n) is old for (m, n), old in BEFORE.items() if m == module)
"""


def test_every_name_of_ours_is_replaced_and_restored(check: Check) -> None:
    check(
        SNAPSHOT
        + """
    report = interlock.install()
    assert report.enabled
    assert report.modules == report.added == interlock.installed() == interlock._install.REPLACED
    assert sys.modules["threading"] is threading and sys.modules["queue"] is queue
    assert is_ours("threading") and is_ours("queue")
    assert threading.Lock is interlock.threading.Lock and queue.Queue is interlock.queue.Queue
    changed = {(m, n) for m in STD for n in report.names[m]}
    replaced = {(m, n) for m in STD for n in OURS[m].__replaces__}
    assert changed == {key for key in replaced if BEFORE.get(key) is not getattr(OURS[key[0]], key[1])}
    interlock.uninstall()
    assert interlock.installed() == ()
    assert is_original("threading") and is_original("queue")
    assert PUBLIC == {m: [n for n in vars(STD[m]) if n[0] != "_"] for m in STD}
    """
    )


def test_names_that_this_python_lacks_are_added_and_taken_away(check: Check) -> None:
    check(
        SNAPSHOT
        + """
    lacking = sorted(n for n in OURS["queue"].__replaces__ if ("queue", n) not in BEFORE)
    assert lacking == (["ShutDown"] if sys.version_info < (3, 13) else [])
    def public():
        return {m: sorted(n for n in vars(STD[m]) if n[0] != "_") for m in STD}
    before = {m: sorted(names) for m, names in PUBLIC.items()}
    for _ in range(2):
        report = interlock.install()
        assert public() == {"threading": before["threading"], "queue": sorted(before["queue"] + lacking)}
        assert set(lacking) <= set(report.names["queue"])
        assert queue.ShutDown is interlock.queue.ShutDown and queue.ShutDown.__module__ == "queue"
        items = queue.Queue()
        items.shutdown()
        try:
            items.get()
        except queue.ShutDown:
            pass
        else:
            raise AssertionError
        interlock.uninstall()
        assert public() == before
    assert interlock.queue.ShutDown, "it stays here"
    """
    )


def test_an_added_name_that_somebody_else_has_replaced_or_removed_since(check: Check) -> None:
    check(
        SNAPSHOT
        + """
    interlock.install()
    mine = queue.ShutDown = type("Mine", (Exception,), {})
    interlock.uninstall()
    assert queue.ShutDown is mine
    if ("queue", "ShutDown") not in BEFORE:
        interlock.install()
        del queue.ShutDown
        interlock.uninstall()
        assert not hasattr(queue, "ShutDown") or queue.ShutDown is mine
    """
    )


def test_a_second_install_changes_nothing(check: Check) -> None:
    check(
        SNAPSHOT
        + """
    interlock.install()
    again = interlock.install()
    assert again.modules == interlock._install.REPLACED and again.added == () and not again.names
    interlock.uninstall()
    interlock.uninstall()
    assert is_original("threading") and is_original("queue")
    interlock.install()
    assert is_ours("threading") and is_ours("queue")
    """
    )


def test_only_the_named_modules_are_patched(check: Check) -> None:
    check(
        SNAPSHOT
        + """
    assert interlock.install(only={"queue"}).added == ("queue",)
    assert is_ours("queue") and is_original("threading")
    assert interlock.install(only=["threading", "queue"]).added == ("threading",)
    assert is_ours("threading")
    interlock.uninstall()
    assert is_original("queue") and is_original("threading")
    assert interlock.install(only="queue").added == ("queue",)
    """
    )


def test_a_module_without_replaced_names_is_refused_before_anything_changes(check: Check) -> None:
    check(
        SNAPSHOT
        + """
    try:
        interlock.install(only=["queue", "asyncio"])
    except ValueError as error:
        assert "asyncio" in str(error) and "threading" in str(error)
    else:
        raise AssertionError
    assert is_original("queue") and not interlock.installed()
    """
    )


def test_a_with_block_takes_back_what_it_installed_and_no_more(check: Check) -> None:
    check(
        SNAPSHOT
        + """
    with interlock.install(only={"queue"}) as outer:
        assert outer.added == ("queue",)
        with interlock.install(only=["threading", "queue"]) as inner:
            assert inner.added == ("threading",) and is_ours("threading")
        assert is_ours("queue") and is_original("threading")
    assert is_original("queue")
    try:
        with interlock.install():
            raise KeyError
    except KeyError:
        assert is_original("queue") and is_original("threading")
    """
    )


def test_what_somebody_else_put_there_since_is_left_to_them(check: Check) -> None:
    check(
        SNAPSHOT
        + """
    interlock.install()
    mine = queue.Queue = type("Mine", (queue.Queue,), {})
    interlock.uninstall()
    assert queue.Queue is mine
    del BEFORE["queue", "Queue"]
    assert is_original("queue") and is_original("threading")
    """
    )


def test_a_module_that_cannot_be_loaded_leaves_all_as_it_was(check: Check) -> None:
    check(
        """
    import queue, sys, threading
    import interlock.threading
    before = dict(vars(threading))
    sys.modules["interlock.queue"] = None
    try:
        interlock.install()
    except ImportError:
        pass
    else:
        raise AssertionError
    assert dict(vars(threading)) == before and interlock.installed() == ()
    """
    )


def test_interlock_0_in_the_environment_turns_it_off(check: Check) -> None:
    check(
        """
    import queue, threading
    before = threading.Lock, queue.Queue
    import interlock
    report = interlock.install()
    assert not report.enabled and report.modules == () and "INTERLOCK=0" in str(report)
    with report:
        assert (threading.Lock, queue.Queue) == before and interlock.installed() == ()
    """,
        env={"INTERLOCK": "0"},
    )


def test_objects_made_before_and_after_work_together(check: Check) -> None:
    output = check(
        """
    import queue, threading
    import interlock

    old_lock, old_queue, old_done = threading.Lock(), queue.Queue(), threading.Event()
    def old_worker():
        while (item := old_queue.get()) is not None:
            with old_lock:
                new_queue.put(item * 2)
        old_done.set()
    thread = threading.Thread(target=old_worker)
    interlock.install()
    new_queue, condition = queue.Queue(), threading.Condition(old_lock)
    thread.start()
    for item in (1, 2, 3, None):
        old_queue.put(item)
    assert old_done.wait(60)
    print([new_queue.get(timeout=60) for _ in range(3)])
    interlock.uninstall()
    new_queue.put("after")
    print(new_queue.get(timeout=60))
    with condition:
        print(condition.wait(0.01))
    thread.join(60)
    """
    )
    assert output == "[2, 4, 6]\nafter\nFalse\n"


def test_threads_queues_and_pools_of_the_standard_library_work_when_installed(check: Check) -> None:
    output = check(
        """
    import interlock
    interlock.install()
    import queue, threading
    from concurrent.futures import ThreadPoolExecutor
    from multiprocessing.pool import ThreadPool

    results = queue.SimpleQueue()
    threads = [threading.Thread(target=results.put, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    print(sorted(results.get(timeout=60) for _ in threads))
    with ThreadPoolExecutor(2) as pool:
        print(list(pool.map(abs, [-1, -2])))
    with ThreadPool(2) as pool:
        print(pool.map(abs, [-3, -4]))
    """
    )
    assert output == "[0, 1, 2, 3]\n[1, 2]\n[3, 4]\n"


def test_what_is_replaced_can_be_pickled_by_name(check: Check) -> None:
    """Managers of multiprocessing do this with the classes that they serve."""
    check(
        """
        import interlock, pickle, queue, threading
        interlock.install()
        for module in (queue, threading):
            for name in module.__all__:
                thing = getattr(module, name)
                assert not callable(thing) or pickle.loads(pickle.dumps(thing)) is thing, name
        """
    )
