"""Futures and executors in a forked child."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lifecycle.test_futures import HEAD

Passes = Callable[..., None]


@pytest.mark.parametrize("forker", ["main", "other"])
def test_the_child_of_a_fork_may_submit(passes: Passes, forker: str) -> None:
    passes(
        HEAD
        + f"""
stop, shown = std.Event(), []
pool, bounded = Pool(2), Pool(1, max_pending=1)
running = [pool.submit(stop.wait) for _ in range(2)]
while not all(x.running() for x in running):
    time.sleep(0)  # sleep: none, it lets other threads run
waiting = pool.submit(pow, 2, 5)
busy = bounded.submit(stop.wait)
limit = pool.at(timeout=1000).submit(int)
held = pool.call(pow, waiting, 2)
crew = Crew(std.Thread)
crew.start(waiting.result, lambda: list(futures.as_completed([waiting])))
crew.until_blocked()
def child():
    assert pool.submit(pow, 2, 3).result(60) == 8
    assert waiting.result(60) == 32
    assert held.result(60) == 1024
    assert bounded.submit(pow, 2, 3).result(60) == 8
    assert list(pool.map(abs, [-1, -2])) == [1, 2]
    hurry = pool.after(Future()).at(timeout=0.01).submit(int)
    assert futures.wait([hurry], 60).done
    with Pool(2) as own:
        assert list(own.map(abs, range(20))) == list(range(20))
    pool.progress(lambda done, of: shown.append((done, of)))
    assert shown[-1][0] == shown[-1][1] == pool.stats().submitted
    later = pool.call(pow, pool.submit(pow, 2, 2), 2)
    pool.shutdown()
    assert later.result(0) == 16
    assert not any(x.done() for x in running)
    assert std.active_count() <= 3, std.enumerate()
def fork():
    for _ in range(3):
        statuses.append(forked(child))
statuses = []
if {forker!r} == "main":
    fork()
else:
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
assert statuses == [0, 0, 0], statuses
stop.set()
pool.shutdown(), bounded.shutdown()
assert waiting.result(60) == 32 and held.result(60) == 1024
"""
    )


def test_a_task_may_fork(passes: Passes) -> None:
    passes(
        HEAD
        + """
def child():
    with Pool(1) as own:
        assert own.submit(pow, 2, 3).result(60) == 8
    assert pool.submit(pow, 2, 3).result(60) == 8
with Pool(2) as pool:
    assert [pool.submit(forked, child).result(60) for _ in range(3)] == [0, 0, 0]
"""
    )


def test_an_initializer_that_forks_is_no_task_of_the_child(passes: Passes) -> None:
    passes(
        HEAD
        + """
parent, free, begun, statuses = os.getpid(), std.Event(), [], []
def child():
    assert pool.submit(pow, 2, 3).result(60) == 8
    pool.progress(lambda done, of: None)
    assert pool.stats().running == 0
def initialize():
    begun.append(1)
    if len(begun) == 2 and os.getpid() == parent:
        statuses.append(forked(child))
with Pool(2, initializer=initialize) as pool:
    running = pool.submit(free.wait)
    eventually(running.running)
    assert pool.submit(pow, 2, 5).result(60) == 32
    free.set()
assert statuses == [0], statuses
"""
    )


@pytest.mark.parametrize("way", ["os.fork", "multiprocessing"])
def test_a_child_does_not_wait_for_what_its_parent_holds(passes: Passes, way: str) -> None:
    passes(
        HEAD
        + f"""
import multiprocessing
stop, pool = std.Event(), Pool(1)
gone = Pool(1).submit(stop.wait)
running = pool.submit(stop.wait)
waiting = pool.submit(pow, 2, 3)
held = pool.after(waiting, gone).submit(pow, 3, 3)
held.add_done_callback(lambda held: print(held.result(), os.getpid() == parent))
parent = os.getpid()
if {way!r} == "os.fork":
    pid = os.fork()
    if pid == 0:
        sys.exit(3)
    assert reap(pid) == 3
else:
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join(60)
    assert child.exitcode == 0, child
stop.set()
""",
        says="27 True",
    )


def test_a_child_exits_as_its_parent_does(passes: Passes) -> None:
    passes(
        HEAD
        + """
pool = Pool(1)
pool.submit(int).result()
pid = os.fork()
if pid == 0:
    pool.submit(print, "from the child", flush=True)
    sys.exit(3)
assert reap(pid) == 3
""",
        says="from the child",
    )
