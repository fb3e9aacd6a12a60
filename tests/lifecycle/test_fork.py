"""A forked child has one thread, and every object that no other thread of the parent holds works in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Passes = Callable[..., None]

CAN_WORK = """
def can_work():
    lock, condition, event = threading.RLock(), threading.Condition(), threading.Event()
    q, replies = queue.Queue(2), queue.SimpleQueue()

    def worker():
        while (item := q.get()) is not None:
            with lock, condition:
                replies.put(item * 2)
                condition.notify_all()
            q.task_done()
        q.task_done()
        event.set()

    thread = threading.Thread(target=worker)
    thread.start()
    for item in (1, 2, 3, None):
        q.put(item, timeout=60)
    q.join()
    assert event.wait(60)
    assert [replies.get(timeout=60) for _ in range(3)] == [2, 4, 6]
    thread.join()
    assert threading.active_count() == 1, threading.enumerate()
"""

# A wait of threads in the parent, and what the child then does with the same object.
WAITS: dict[str, tuple[str, str, str]] = {
    "lock": ("x = threading.Lock(); x.acquire()", "x.acquire()", "x.release(); assert x.acquire(timeout=60)"),
    "rlock": (
        "x = threading.RLock(); x.acquire()",
        "x.acquire()",
        "x.release(); assert x.acquire(timeout=60); x.release()",
    ),
    "condition": (
        "x = threading.Condition()\ndef wait():\n    with x: x.wait()",
        "wait()",
        "with x:\n        x.notify_all(); assert not x.wait(0.01)",
    ),
    "semaphore": ("x = threading.Semaphore(0)", "x.acquire()", "x.release(); assert x.acquire(timeout=60)"),
    "event": ("x = threading.Event()", "x.wait()", "assert not x.wait(0.01); x.set(); assert x.wait(60)"),
    "barrier": ("x = threading.Barrier(3)", "x.wait()", "x.reset(); assert not x.broken"),
    "queue get": (
        "x = queue.Queue()",
        "x.get()",
        "x.put(1); assert x.get(timeout=60) == 1; assert x.empty(); x.task_done(); x.join()",
    ),
    "queue put": (
        "x = queue.Queue(1); x.put(0)",
        "x.put(1)",
        "assert x.get(timeout=60) == 0; assert x.empty(); x.put(2, timeout=60); assert x.get(timeout=60) == 2",
    ),
    "queue join": ("x = queue.Queue(); x.put(0)", "x.join()", "x.get(timeout=60); x.task_done(); x.join()"),
    "materialized queue get": (
        "x = queue.Queue(); x.mutex",
        "x.get()",
        "x.put(1); assert x.get(timeout=60) == 1; x.task_done(); x.join()",
    ),
    "priority queue get": ("x = queue.PriorityQueue()", "x.get()", "x.put(1); assert x.get(timeout=60) == 1"),
    "simple queue get": ("x = queue.SimpleQueue()", "x.get()", "x.put(1); assert x.get(timeout=60) == 1"),
    "thread join": (
        "x = threading.Thread(target=threading.Event().wait, daemon=True); x.start()",
        "x.join()",
        "x.join(60); assert not x.is_alive()",
    ),
}


@pytest.mark.parametrize("case", WAITS)
def test_an_object_that_parent_threads_wait_for_works_in_the_child(passes: Passes, case: str) -> None:
    setup, wait, use = WAITS[case]
    passes(f"""{CAN_WORK}
{setup}
crew = Crew(threading.Thread)
crew.start(lambda: {wait}, lambda: {wait})
crew.until_blocked()
def child():
    {use}
    can_work()
for _ in range(3):
    status = forked(child)
    assert status == 0, status
""")


def test_a_lock_held_by_a_missing_thread_stays_held_and_can_be_made_new(passes: Passes) -> None:
    passes("""
        import warnings
        warnings.simplefilter("ignore", RuntimeWarning)
        locks = [threading.Lock(), threading.RLock(), threading.Condition()._lock]
        held, go = std.Event(), std.Event()
        def hold():
            for lock in locks:
                lock.acquire()
            held.set()
            go.wait()
        std.Thread(target=hold, daemon=True).start()
        held.wait()
        def child():
            for lock in locks:
                assert not lock.acquire(timeout=0.01)
                lock._at_fork_reinit()
                assert lock.acquire(timeout=60)
        assert forked(child) == 0
    """)


def test_the_thread_that_forks_still_owns_its_locks(passes: Passes) -> None:
    passes("""
        lock, condition = threading.RLock(), threading.Condition()
        def child():
            assert lock._is_owned() and condition._is_owned()
            condition.notify_all()
            lock.release(), condition.release()
        def work():
            with lock, condition:
                statuses.append(forked(child))
        statuses = []
        work()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert statuses == [0, 0], statuses
    """)


@pytest.mark.parametrize("forker", ["main", "std.Thread", "threading.Thread"])
def test_a_child_exits_promptly_and_runs_its_exit_handlers(passes: Passes, forker: str) -> None:
    passes(
        CAN_WORK
        + f"""
event = threading.Event()
crew = Crew(threading.Thread)
crew.start(event.wait, event.wait, lambda: time.sleep(60))
crew.until_blocked()
result = []
def fork():
    pid = os.fork()
    if pid == 0:
        assert threading.current_thread() is threading.main_thread()
        can_work()
        if {forker!r} == "main":
            atexit.register(print, "child exits", flush=True)
            sys.exit(3)
        os._exit(3)
    result.append(reap(pid))
if {forker!r} == "main":
    fork()
else:
    thread = {"std.Thread" if forker == "main" else forker}(target=fork)
    thread.start()
    thread.join()
assert result == [3], result
""",
        says="child exits" if forker == "main" else "",
    )


def test_a_child_forked_by_a_pooled_thread_ends_when_its_function_returns(passes: Passes) -> None:
    passes("""
        result = []
        def fork():
            pid = os.fork()
            if pid:
                result.append(reap(pid))
        for _ in range(3):
            thread = threading.Thread(target=fork)
            thread.start()
            thread.join()
        assert result == [0, 0, 0], result
    """)


def test_a_child_can_start_threads_though_another_thread_was_in_the_books(passes: Passes) -> None:
    passes(
        CAN_WORK
        + """
held, go = std.Event(), std.Event()
def hold():
    with std._active_limbo_lock:
        held.set()
        go.wait()
std.Thread(target=hold, daemon=True).start()
held.wait()
assert forked(can_work) == 0
go.set()
"""
    )
