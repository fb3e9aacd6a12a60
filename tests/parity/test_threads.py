"""Threads are the standard library's, and the replaced classes work in them as in any thread."""

from __future__ import annotations

import threading as std
from typing import Any

from interlock import threading

from tests.parity.judge import STD, Implementation, same


def test_the_classes_of_threads_are_the_standard_librarys() -> None:
    for name in ("Thread", "Timer", "_MainThread", "_DummyThread", "_shutdown", "_start_new_thread"):
        if hasattr(std, name):
            assert getattr(threading, name) is getattr(std, name), name
            assert name not in vars(threading)
    assert std.Thread.__subclasses__().count(std.Timer) == 1
    assert type(std.main_thread()).__mro__[1] is std.Thread


def test_threads_and_locks_can_be_used_crosswise(impl: Implementation) -> None:
    """Use our lock with a standard event, and the other way round."""
    other = threading if impl is STD else std
    lock, event, condition = other.Lock(), impl.threading.Event(), other.Condition()
    out: list[Any] = []

    def work() -> None:
        with lock, condition:
            event.set()
            condition.notify_all()
        out.append(event.wait(60))

    thread = impl.threading.Thread(target=work)
    thread.start()
    thread.join()
    assert out == [True]


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
