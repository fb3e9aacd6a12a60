"""Programs and libraries use private parts, and that works as in the standard library."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parity.judge import Implementation, same


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
def test_a_queue_can_be_emptied_and_counted_under_its_mutex(impl: Implementation, kind: str) -> None:
    q = getattr(impl.queue, kind)()
    for number in (3, 1, 2):
        q.put(number)
    with q.mutex:
        inside = list(q.queue)
        q.queue.clear()
        q.unfinished_tasks = 0
        q.all_tasks_done.notify_all()
        q.not_full.notify_all()
    assert sorted(inside) == [1, 2, 3]
    q.join()
    assert q.empty()


def test_the_container_of_a_queue_can_be_replaced() -> None:
    same("""
        import collections
        x = q.Queue()
        x.put(1)
        with x.mutex:
            x.queue = collections.deque([7, 8, 9])
        x.get(), x.qsize(), x.unfinished_tasks, type(x.queue).__name__
    """)


def test_the_conditions_of_a_queue_share_its_mutex() -> None:
    same("""
        x = q.Queue()
        said = []
        with x.mutex:
            for c in (x.not_empty, x.not_full, x.all_tasks_done):
                c.notify()
                said.append((c._is_owned(), c._lock is x.mutex, c.wait(0.001)))
        with x.not_empty:
            said.append(x.mutex.locked())
        said.append(x.mutex.locked())
        said
    """)


def test_the_hooks_are_called_under_the_mutex(impl: Implementation) -> None:
    calls: list[tuple[str, bool]] = []

    class Hooked(impl.queue.Queue):  # type: ignore[misc,name-defined]
        def _init(self, maxsize: int) -> None:
            calls.append(("init", maxsize == 3))
            super()._init(maxsize)

        def _qsize(self) -> int:
            calls.append(("qsize", self.mutex.locked()))
            return super()._qsize()  # type: ignore[no-any-return]

        def _put(self, item: Any) -> None:
            calls.append(("put", self.mutex.locked()))
            super()._put(item)

        def _get(self) -> Any:
            calls.append(("get", self.mutex.locked()))
            return super()._get()

    q = Hooked(3)
    q.put(1)
    assert q.get() == 1
    assert all(right for _, right in calls)
    assert {name for name, _ in calls} == {"init", "qsize", "put", "get"}
    assert q.qsize() == 0


def test_the_order_in_which_hooks_are_called_is_the_standard_librarys() -> None:
    same("""
        calls = []
        class H(q.Queue):
            def _init(self, maxsize): calls.append("init"); super()._init(maxsize)
            def _qsize(self): calls.append("qsize"); return super()._qsize()
            def _put(self, item): calls.append("put"); super()._put(item)
            def _get(self): calls.append("get"); return super()._get()
        x = H(2)
        x.put(1), x.put_nowait(2), x.full(), x.get(), x.get_nowait(), x.empty()
        calls
    """)


def test_put_nowait_and_get_nowait_go_through_overridden_methods() -> None:
    same("""
        calls = []
        class P(q.Queue):
            def put(self, item, block=True, timeout=None):
                calls.append(("put", block, timeout)); super().put(item, block, timeout)
            def get(self, block=True, timeout=None):
                calls.append(("get", block, timeout)); return super().get(block, timeout)
        x = P()
        x.put_nowait(1), x.get_nowait()
        calls
    """)


def test_a_mixin_that_overrides_after_the_fact_takes_effect() -> None:
    same("""
        class Base:
            def _put(self, item): self.queue.append(item * 2)
        class M(Base, q.Queue): pass
        x = M()
        x.put(4)
        x.get()
    """)


@pytest.mark.parametrize("looked_into", [False, True])
@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
def test_a_queue_that_is_initialized_again_begins_anew(kind: str, looked_into: bool) -> None:
    same(f"""
        x = q.{kind}(2)
        x.put(1), x.put(2)
        if {looked_into}: x.mutex
        if hasattr(q.Queue, "shutdown"): x.shutdown()
        x.__init__(3)
        before = x.qsize(), x.unfinished_tasks, x.maxsize, x.empty(), x.full()
        x.put(5), x.put(4)
        x._init(maxsize=7)
        x.put(6)
        before, x.get(), x.unfinished_tasks, x.empty()
    """)


def test_a_subclass_that_makes_its_own_container() -> None:
    same("""
        class Newest(q.Queue):
            def _init(self, maxsize): self.queue = {}
            def _qsize(self): return len(self.queue)
            def _put(self, item): self.queue[item[0]] = item
            def _get(self): return self.queue.pop(next(iter(self.queue)))
        x = Newest()
        for item in [("a", 1), ("b", 2), ("a", 3)]:
            x.put(item)
        x.qsize(), x.get(), x.get(), x.unfinished_tasks
    """)


@pytest.mark.parametrize(
    "lock",
    ["t.Lock()", "t.RLock()", "std.Lock()", "std.RLock()", "Own()", "t.Semaphore(1)", "t.Condition()"],
)
def test_a_condition_works_on_any_lock(lock: str) -> None:
    same(f"""
        class Own:
            def __init__(self): self.lock = std.Lock()
            def acquire(self, *a): return self.lock.acquire(*a)
            def release(self): self.lock.release()
            def __enter__(self): return self.acquire()
            def __exit__(self, *a): self.release()
        x = t.Condition({lock})
        woken = []
        def wait():
            with x:
                woken.append(x.wait(60))
        threads = [t.Thread(target=wait) for _ in range(3)]
        for thread in threads: thread.start()
        while len(woken) < 3:
            with x:
                x.notify()
        for thread in threads: thread.join()
        with x:
            timed_out = x.wait(0.001)
        woken, timed_out
    """)


def test_a_condition_releases_a_reentrant_lock_altogether() -> None:
    same("""
        lock = t.RLock()
        x = t.Condition(lock)
        free = []
        def look():
            with x:
                free.append(True)
                x.notify()
        with x, x, x:
            thread = t.Thread(target=look)
            thread.start()
            woken = x.wait(60)
            thread.join()
            owned = lock._is_owned()
            lock.release(); lock.release()
            still = lock._is_owned()
            lock.acquire(); lock.acquire()
        woken, free, owned, still, lock._is_owned()
    """)


def test_a_condition_that_is_initialized_again_has_the_methods_of_its_new_lock() -> None:
    same("""
        x, lock = t.Condition(), t.Lock()
        x.acquire(), x.release(), getattr(x, "locked", None)
        x.__init__(lock)
        taken = x.acquire(), x.acquire(False), getattr(x, "locked", lock.locked)()
        x.release()
        taken, lock.locked(), x._lock is lock
    """)


@pytest.mark.parametrize("change", ["x.acquire = 1", "del x.acquire", "x.__dict__['acquire'] = 1"])
def test_a_method_of_a_conditions_lock_that_is_changed_while_it_is_read_stays_changed(change: str) -> None:
    same(f"""
        import sys
        x = t.Condition()
        def meanwhile(*_):
            sys.setprofile(None)
            {change}
        sys.setprofile(meanwhile)
        x.acquire
        sys.setprofile(None)
        vars(x).get("acquire")
    """)


def test_two_conditions_share_a_lock() -> None:
    same("""
        lock = t.Lock()
        x, y = t.Condition(lock), t.Condition(lock)
        with x:
            said = [y._is_owned(), y.notify(), x.wait(0.001)]
        said, lock.locked()
    """)


@pytest.mark.parametrize("method", ["wait", "notify"])
def test_an_overridden_method_of_a_condition_is_the_one_that_is_called(method: str) -> None:
    """`wait_for` calls `wait`, and `notify_all` calls `notify`."""
    same(f"""
        calls = []
        class C(t.Condition):
            def {method}(self, *args):
                calls.append("{method}")
                return super().{method}(*args)
        x = C()
        with x:
            x.wait_for(lambda: len(calls) > 2, 0.05)
            x.notify_all()
        bool(calls)
    """)


def test_a_lock_is_made_new_in_a_child() -> None:
    same("""
        said = []
        for x in (t.Lock(), t.RLock(), t.Condition()):
            x.acquire()
            x._at_fork_reinit()
            said.append(x.acquire(False))
        x = t.Event()
        x.set()
        x._at_fork_reinit()
        said, x.is_set()
    """)


def test_the_private_names_that_libraries_use_are_there() -> None:
    for code in (
        "t.Semaphore(3)._value",
        "t.BoundedSemaphore(3)._initial_value",
        "len(t.Condition()._waiters)",
        "t.RLock()._is_owned(), t.Condition()._is_owned()",
        "x = t.Condition(); x.acquire(); s = x._release_save(); x._acquire_restore(s); x._is_owned()",
        "x = t.RLock(); x.acquire(); s = x._release_save(); x._acquire_restore(s); x._is_owned()",
        "callable(t._register_atexit), callable(t._shutdown), isinstance(t._active, dict)",
        "hasattr(t.Thread(), '_started'), hasattr(t.Thread(), '_target'), hasattr(t.Thread(), '_kwargs')",
    ):
        *setup, last = code.split("; ")
        same("\n".join([*setup, last]))
