"""Threads behave as the standard library's: names, identities, inheritance, the list of threads, timers."""

from __future__ import annotations

import contextvars
import gc
import threading as std
import weakref
from typing import Any

import pytest
from interlock import threading

from tests.parity.judge import OURS, STD, Implementation, same, without_names

pytestmark = pytest.mark.timeout(30)


def run(impl: Implementation, call: Any, **how: Any) -> Any:
    """What a call returns in a thread of its own."""
    out: list[Any] = []
    thread = impl.threading.Thread(target=lambda: out.append(call()), **how)
    thread.start()
    thread.join()
    return out[0]


def test_names_are_given_by_number_and_target(impl: Implementation) -> None:
    t = impl.threading
    assert without_names(t.Thread().name) == "thread-N"
    assert without_names(t.Thread(target=run).name) == "thread-N (run)"
    assert t.Thread(name="x").name == "x"
    assert t.Thread(name=5).name == "5"
    thread = t.Thread()
    thread.name = "renamed"
    assert (thread.name, thread.getName.__name__) == ("renamed", "getName")
    numbers = [int(t.Thread().name.partition("-")[2]) for _ in range(3)]
    assert numbers == list(range(numbers[0], numbers[0] + 3))


def test_a_thread_goes_through_its_states(impl: Implementation) -> None:
    begun, go = std.Event(), std.Event()
    thread = impl.threading.Thread(target=lambda: (begun.set(), go.wait(10)), name="T")
    states = [(repr(thread), thread.is_alive(), thread.ident, thread.native_id)]
    thread.start()
    begun.wait(10)
    states.append((repr(thread), thread.is_alive(), thread.ident, thread.native_id))
    go.set()
    thread.join()
    states.append((repr(thread), thread.is_alive(), thread.ident, thread.native_id))
    assert states[0] == ("<Thread(T, initial)>", False, None, None)
    assert states[1][0] == f"<Thread(T, started {thread.ident})>"
    assert states[1][1] is True
    assert states[2][:2] == (f"<Thread(T, stopped {thread.ident})>", False)
    assert states[1][2:] == states[2][2:]
    assert isinstance(thread.ident, int)
    assert isinstance(thread.native_id, int)


def test_a_subclass_and_a_daemon_show_in_the_repr(impl: Implementation) -> None:
    class Worker(impl.threading.Thread):  # type: ignore[misc,name-defined]
        pass

    assert repr(Worker(name="w", daemon=True)) == "<Worker(w, initial daemon)>"


def test_a_thread_sees_itself(impl: Implementation) -> None:
    def look() -> tuple[Any, ...]:
        me = std.current_thread()
        return (
            me,
            me.ident == std.get_ident(),
            me.native_id == std.get_native_id(),
            me in std.enumerate(),
            me.is_alive(),
            std._active[std.get_ident()] is me,  # type: ignore[attr-defined]
            impl.threading.current_thread() is me,
        )

    thread = run(impl, look)
    assert thread[1:] == (True,) * 6
    assert isinstance(thread[0], impl.threading.Thread)
    assert thread[0] not in std.enumerate()


def test_the_list_of_threads_is_one(impl: Implementation) -> None:
    go, before = std.Event(), std.active_count()
    threads = [impl.threading.Thread(target=go.wait, args=(10,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert set(threads) <= set(std.enumerate())
    assert std.active_count() == impl.threading.active_count() == before + 5
    assert set(std.enumerate()) == set(impl.threading.enumerate())
    go.set()
    for thread in threads:
        thread.join()
    assert std.active_count() == before
    assert impl.threading.main_thread() is std.main_thread()


def test_daemons_are_inherited(impl: Implementation) -> None:
    t = impl.threading
    for daemon in (False, True):
        inherited = run(impl, lambda: (t.Thread().daemon, t.Timer(1, int).daemon), daemon=daemon)
        assert inherited == (daemon, daemon)
    thread = t.Thread(daemon=True)
    thread.daemon = False
    assert (thread.daemon, thread.isDaemon.__name__) == (False, "isDaemon")
    assert t.Thread(daemon=None).daemon is False


def test_arguments_reach_the_target_and_are_dropped(impl: Implementation) -> None:
    out: list[Any] = []
    thread = impl.threading.Thread(target=lambda *a, **k: out.append((a, k)), args=[1, 2], kwargs={"x": 3})
    thread.start()
    thread.join()
    assert out == [((1, 2), {"x": 3})]
    assert not hasattr(thread, "_target")
    impl.threading.Thread().run()


def test_local_data_is_per_thread(impl: Implementation) -> None:
    local = impl.threading.local()
    local.x = 1
    assert run(impl, lambda: hasattr(local, "x")) is False
    assert run(impl, lambda: setattr(local, "x", 2) or local.x) == 2
    assert local.x == 1


def test_a_stack_size_stays_for_all_threads(impl: Implementation) -> None:
    t = impl.threading
    usual = t.stack_size(1 << 20)
    try:
        for _ in range(3):
            run(impl, int)
        assert t.stack_size(1 << 20) == 1 << 20
    finally:
        assert t.stack_size(usual) == 1 << 20


def test_context_variables_begin_as_in_the_standard_library() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="default")
    variable.set("set by the starter")
    assert run(STD, variable.get) == run(OURS, variable.get)


def test_a_subclass_may_override_run_start_and_join(impl: Implementation) -> None:
    class Worker(impl.threading.Thread):  # type: ignore[misc,name-defined]
        __slots__ = ("slot",)

        def __init__(self) -> None:
            super().__init__(name="worker")
            self.order: list[str] = []
            self.slot = 1

        def start(self) -> None:
            self.order.append("start")
            super().start()

        def run(self) -> None:
            self.order.append("run")

        def join(self, timeout: float | None = None) -> None:
            super().join(timeout)
            self.order.append("join")

    worker = Worker()
    worker.start()
    worker.join()
    assert worker.order == ["start", "run", "join"]


def test_a_timer_calls_once_or_not_at_all(impl: Implementation) -> None:
    calls: list[Any] = []
    timer = impl.threading.Timer(0, lambda *a, **k: calls.append((a, k)), [1], {"x": 2})
    timer.start()
    timer.join()
    assert calls == [((1,), {"x": 2})]
    assert timer.finished.is_set()
    timer = impl.threading.Timer(60, calls.append, [1])
    timer.start()
    timer.cancel()
    timer.join()
    assert len(calls) == 1
    assert isinstance(timer, impl.threading.Thread)
    assert (timer.interval, timer.function, timer.args, timer.kwargs) == (60, calls.append, [1], {})


def test_join_with_a_timeout_returns_none_in_any_case(impl: Implementation) -> None:
    go = std.Event()
    thread = impl.threading.Thread(target=go.wait, args=(10,))
    thread.start()
    for timeout in (0, -1, 0.001):
        assert thread.join(timeout) is None
    assert thread.is_alive()
    go.set()
    assert thread.join() is thread.join(5) is None


def test_a_thread_of_another_making_is_known(impl: Implementation) -> None:
    import _thread

    out: list[Any] = []
    done = std.Event()

    def look() -> None:
        me = impl.threading.current_thread()
        out.append((type(me).__name__.strip("_"), me.daemon, me.is_alive(), me in std.enumerate()))
        std._active.pop(std.get_ident(), None)  # type: ignore[attr-defined]
        done.set()

    _thread.start_new_thread(look, ())
    assert done.wait(10)
    assert out == [("DummyThread", True, True, True)]


def test_threads_and_locks_can_be_used_crosswise(impl: Implementation) -> None:
    """A std lock in our thread, our lock in a std thread."""
    other = threading if impl is STD else std
    lock, event, condition = other.Lock(), other.Event(), other.Condition()

    def work() -> bool:
        with lock, condition:
            event.set()
            condition.notify_all()
        return bool(event.wait(5))

    assert run(impl, work)


def test_a_finished_thread_can_be_collected(impl: Implementation) -> None:
    thread = impl.threading.Thread(target=int)
    ref = weakref.ref(thread)
    thread.start()
    thread.join()
    del thread
    gc.collect()
    assert ref() is None


def test_the_constants_and_functions_are_the_same() -> None:
    for name in (
        "TIMEOUT_MAX",
        "ThreadError",
        "ExceptHookArgs",
        "BrokenBarrierError",
        "local",
        "get_ident",
        "excepthook",
    ):
        assert getattr(threading, name) is getattr(std, name) or getattr(threading, name) == getattr(
            std, name
        )
    assert set(std.__all__) <= set(threading.__all__)
    same("sorted(n for n in std.__all__ if not hasattr(t, n))")
