"""`install` patches `multiprocessing.pool` and `multiprocessing.dummy` at once, or when they are imported."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Check = Callable[..., str]

WORKS = """
    import multiprocessing.dummy, multiprocessing.pool, queue, threading
    from multiprocessing.pool import ThreadPool
    from interlock._interlock import MultiprocessingPool
    assert ThreadPool is interlock.multiprocessing.pool.ThreadPool and issubclass(ThreadPool, MultiprocessingPool)
    assert issubclass(ThreadPool, multiprocessing.pool.Pool) and ThreadPool.__module__ == "multiprocessing.pool"
    with multiprocessing.dummy.Pool(2) as pool:
        assert type(pool) is ThreadPool and pool.map(abs, [-1, -2]) == [1, 2]
        (first, second) = pool._pool
        assert type(first) is multiprocessing.dummy.Process and first.is_alive()
    pool.join()
    dummy = multiprocessing.dummy
    assert dummy.Lock is threading.Lock and dummy.Queue is dummy.JoinableQueue is queue.Queue
    q = dummy.Manager().Queue()
    process = dummy.Process(target=q.put, args=(1,))
    assert process.exitcode is None
    process.start()
    assert q.get(timeout=60) == 1
    process.join()
    assert process.exitcode == 0 and dummy.active_children() == []
    a, b = dummy.Pipe()
    a.send(1)
    assert b.recv() == 1 and isinstance(a._in, interlock.queue.Queue) and not b.poll(0.01)
    listener = dummy.connection.Listener()
    client = dummy.connection.Client(listener.address)
    client.send(2)
    assert listener.accept().recv() == 2
"""


@pytest.mark.parametrize(
    "first",
    [
        "",
        "import multiprocessing.pool",
        "import multiprocessing.dummy",
        "import multiprocessing.dummy.connection",
        "import interlock.multiprocessing.pool",
        "import interlock.multiprocessing._thread_pool",
        "import interlock.multiprocessing._results",
        "import interlock.multiprocessing.dummy",
        "import interlock.multiprocessing._core",
        "import interlock.multiprocessing.dummy.connection",
    ],
)
@pytest.mark.parametrize("installs_first", [True, False])
def test_pool_and_dummy_are_patched_whatever_is_imported_first(
    check: Check, first: str, installs_first: bool
) -> None:
    install, first = "interlock.install()", first or "pass"
    steps = [install, first] if installs_first else [first, install]
    check("\n".join(["    import interlock", *(f"    {step}" for step in steps)]) + WORKS)


def test_uninstall_puts_the_standard_classes_back(check: Check) -> None:
    check(
        """
    import interlock, multiprocessing.dummy, multiprocessing.pool
    before = multiprocessing.pool.ThreadPool, multiprocessing.dummy.Process, multiprocessing.dummy.Pool
    interlock.install()
    pool = multiprocessing.dummy.Pool(2)
    assert type(pool) is not before[0] and isinstance(pool, before[0])
    interlock.uninstall()
    assert before == (
        multiprocessing.pool.ThreadPool, multiprocessing.dummy.Process, multiprocessing.dummy.Pool
    )
    assert pool.map(abs, [-1]) == [1]
    pool.close()
    pool.join()
    with multiprocessing.dummy.Pool(2) as plain:
        assert type(plain) is before[0] and plain.map(abs, [-1]) == [1]
    """
    )


def test_a_process_pool_has_the_standard_names(check: Check) -> None:
    check(
        """
    import interlock
    interlock.install()
    import multiprocessing.pool, multiprocessing
    if __name__ == "__main__":
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert type(pool) is multiprocessing.pool.Pool
            result = pool.map_async(abs, range(-10, 0))
            assert isinstance(result, multiprocessing.pool.MapResult)
            assert result.get(60) == list(range(10, 0, -1))
            assert list(pool.imap(abs, [-1, -2])) == [1, 2]
    """
    )
