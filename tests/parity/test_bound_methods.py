"""`__enter__` and `__exit__` of locks as objects look like the standard library's built-in methods."""

from __future__ import annotations

import contextlib
import gc
import inspect
import operator
import sys
import threading as std
import types
import weakref
from typing import Any

import pytest

from tests.parity.judge import OURS, STD, Implementation, attempt, outcome, same, without_names

KINDS = ["Lock", "RLock"]
METHODS = ["__enter__", "__exit__"]
MANY = 1000

each = pytest.mark.parametrize("kind", KINDS)
each_method = pytest.mark.parametrize("method", METHODS)


@each
@each_method
def test_a_bound_method_looks_like_the_standard_librarys(kind: str, method: str) -> None:
    same(f"""
        import inspect, types
        x = t.{kind}()
        m = x.{method}
        [
            m.__self__ is x, m.__name__, m.__qualname__.split(".")[-1], m.__module__,
            inspect.isbuiltin(m), inspect.isroutine(m), inspect.ismethod(m), inspect.isfunction(m),
            isinstance(m, types.BuiltinMethodType), m.__class__.__name__, callable(m), bool(m.__doc__ or True),
            repr(m).partition(" at ")[0].split(" of ")[0], hasattr(m, "no such thing"), bool(m),
        ]
    """)


@each
@each_method
def test_a_representation_names_the_method_and_the_lock(impl: Implementation, kind: str, method: str) -> None:
    lock = getattr(impl.threading, kind)()
    assert (
        without_names(repr(getattr(lock, method)))
        == f"<built-in method {method} of {kind.lower()} object at 0x>"
    )
    assert hex(id(lock)) in repr(getattr(lock, method))


@each
def test_what_says_something_about_itself_says_it_here_too(kind: str) -> None:
    """They have the documentation and signature of the method that handles every case."""
    lock = getattr(OURS.threading, kind)()
    assert lock.__enter__.__doc__.startswith("Take the lock")
    assert lock.__exit__.__doc__.startswith("Release the lock")
    entering, leaving = (str(inspect.signature(method)) for method in (lock.__enter__, lock.__exit__))
    if sys.version_info < (3, 15):
        assert (entering, leaving) == ("(blocking=True, timeout=-1)", "(*exc_info)")
    else:
        assert (entering, leaving) == ("()", "(exc_type, exc_value, exc_tb, /)")
    assert {"__call__", "__self__", "__name__", "__doc__"} <= {*dir(lock.__enter__)}


@each
@each_method
def test_equality_and_hash_are_those_of_lock_and_method(impl: Implementation, kind: str, method: str) -> None:
    lock, other = getattr(impl.threading, kind)(), getattr(impl.threading, kind)()
    mine = getattr(lock, method)
    assert mine == getattr(lock, method)
    assert mine == getattr(lock, method)
    assert hash(mine) == hash(getattr(lock, method))
    assert len({mine, getattr(lock, method), getattr(other, method)}) == 2
    another = METHODS[1 - METHODS.index(method)]
    for different in (getattr(other, method), getattr(lock, another), lock.__repr__, lock, None, 1):
        assert mine != different
        assert mine != different
    with pytest.raises(TypeError):
        operator.lt(mine, mine)


@each
def test_a_method_is_called_through_the_class(impl: Implementation, kind: str) -> None:
    lock = getattr(impl.threading, kind)()
    assert type(lock).__enter__(lock) is True
    assert lock.acquire(False) is (kind == "RLock")
    for _ in range(1 + (kind == "RLock")):
        assert type(lock).__exit__(lock, None, None, None) is None
    with pytest.raises(RuntimeError):
        type(lock).__exit__(lock, None, None, None)


@each
@pytest.mark.parametrize("arguments", ["", "None", "object()", "t.Event()"])
@each_method
def test_a_method_of_the_class_is_for_locks_only(kind: str, method: str, arguments: str) -> None:
    code = f"type(t.{kind}()).{method}({arguments})"
    assert outcome(OURS, code)[0] == outcome(STD, code)[0] == "raised builtins.TypeError"


@each
@pytest.mark.parametrize(
    "arguments", ["1", "True, 5", "blocking=False", "False, 1", "x=1", "1, 2, 3", "timeout='x'", "True, -2"]
)
def test_entering_takes_the_arguments_of_acquire(kind: str, arguments: str) -> None:
    """In the standard library they are the same function up to 3.13."""
    code = attempt(
        f"x = t.{kind}()\nx.__enter__({arguments})", "(x.acquire(False), x.release(), x.acquire(False))"
    )
    (ours, after), (theirs, then) = (outcome(impl, code)[1] for impl in (OURS, STD))
    assert (ours[0], after) == (theirs[0], then)
    assert ours[1] is theirs[1] is True or ours[0] in {TypeError, ValueError}


@each
@pytest.mark.parametrize("arguments", ["", "None", "None, None, None", "1, 2, 3, 4", "*sys.exc_info()"])
def test_leaving_takes_whatever_it_is_given(kind: str, arguments: str) -> None:
    same(f"x = t.{kind}(); x.acquire()\nx.__exit__({arguments}), x.acquire(False)")
    same(attempt(f"x = t.{kind}()\nx.__exit__({arguments})", "x.acquire(False)"))


@each
def test_leaving_takes_no_keywords(impl: Implementation, kind: str) -> None:
    lock = getattr(impl.threading, kind)()
    with lock, pytest.raises(TypeError):
        lock.__exit__(None, None, traceback=None)


@each
def test_attributes_of_a_method_cannot_be_set(impl: Implementation, kind: str) -> None:
    method = getattr(impl.threading, kind)().__enter__
    with pytest.raises(AttributeError):
        method.mine = 1
    with pytest.raises((AttributeError, TypeError)):
        method.__name__ = "other"


def test_a_derived_class_overrides_and_calls_its_base(impl: Implementation) -> None:
    calls: list[str] = []
    base: Any = type(impl.threading.RLock())

    class Mine(base):  # type: ignore[misc]
        def __enter__(self) -> Any:
            calls.append("enter")
            return super().__enter__()

        def __exit__(self, *args: Any) -> Any:
            calls.append("exit")
            return super().__exit__(*args)

    class Plain(base):  # type: ignore[misc]
        pass

    lock = Mine()
    with lock as entered, lock:
        assert entered is True
        assert lock._is_owned()
    assert calls == ["enter", "enter", "exit", "exit"]
    assert not lock._is_owned()
    plain = Plain()
    plain.mine = 1
    method = plain.__enter__
    assert method.__self__ is plain
    assert method() is True
    with plain:
        pass
    plain.__exit__(None, None, None)
    assert not plain._is_owned()


def test_a_derived_lock_that_refers_to_its_own_method_is_collected(impl: Implementation) -> None:
    class Mine(type(impl.threading.RLock())):  # type: ignore[misc]
        pass

    lock = Mine()
    lock.enter = lock.__enter__
    gone = weakref.ref(lock)
    del lock
    gc.collect()
    assert gone() is None


@each
def test_many_bound_methods_live_at_once(impl: Implementation, kind: str) -> None:
    """Bound methods of many locks: more than any free list keeps, and freed in another order than they were made."""
    locks = [getattr(impl.threading, kind)() for _ in range(MANY)]
    enters, exits = [x.__enter__ for x in locks], [x.__exit__ for x in locks]
    assert len({id(m) for m in enters + exits}) == 2 * MANY
    assert all(m.__self__ is x for m, x in zip(enters + exits, locks + locks, strict=True))
    for enter in enters:
        assert enter() is True
    assert not any(std_thread_takes(x) for x in (locks[0], locks[MANY // 2], locks[-1]))
    for leave in reversed(exits):
        leave(None, None, None)
    del enters[::3], exits[1::2]
    again = [x.__enter__ for x in locks]
    assert all(m.__self__ is x for m, x in zip(again, locks, strict=True))
    assert all(m.__self__ in locks[:4] for m in exits[:2])


def std_thread_takes(lock: Any) -> bool:
    """Return whether another thread can take the lock; that thread releases it again."""
    taken: list[bool] = []

    def run() -> None:
        taken.append(lock.acquire(False))
        if taken[0]:
            lock.release()

    thread = std.Thread(target=run)
    thread.start()
    thread.join()
    return taken[0]


@each
def test_no_reference_is_left(impl: Implementation, kind: str) -> None:
    lock = getattr(impl.threading, kind)()
    kind_of = type(lock)
    method_type = type(lock.__enter__)
    before = [sys.getrefcount(lock), sys.getrefcount(kind_of), sys.getrefcount(method_type)]
    for _ in range(MANY):
        with lock:
            pass
        assert lock.__enter__ == lock.__enter__
        assert hash(lock.__exit__)
        assert repr(lock.__enter__)
        lock.__enter__()
        lock.__exit__(None, None, None)
        with contextlib.suppress(TypeError):
            lock.__enter__(x=1)
    held = [lock.__enter__ for _ in range(MANY)]
    assert sys.getrefcount(lock) == before[0] + MANY
    del held
    assert [sys.getrefcount(lock), sys.getrefcount(kind_of), sys.getrefcount(method_type)] == before
    gone = weakref.ref(lock)
    del lock
    assert gone() is None


@each
def test_a_bound_method_outlives_all_other_references_to_its_lock(impl: Implementation, kind: str) -> None:
    lock = getattr(impl.threading, kind)()
    gone = weakref.ref(lock)
    enter, leave = lock.__enter__, lock.__exit__
    del lock
    gc.collect()
    assert gone() is not None
    assert enter() is True
    assert enter.__self__ is leave.__self__
    del enter
    leave(None, None, None)
    with pytest.raises(RuntimeError):
        leave(None, None, None)
    del leave
    assert gone() is None


@each
def test_an_exit_stack_takes_lock_and_methods(impl: Implementation, kind: str) -> None:
    lock, other = getattr(impl.threading, kind)(), getattr(impl.threading, kind)()
    with contextlib.suppress(KeyError), contextlib.ExitStack() as stack:
        assert stack.enter_context(lock) is True
        other.__enter__()
        stack.push(other.__exit__)
        assert not std_thread_takes(lock)
        assert not std_thread_takes(other)
        raise KeyError
    assert std_thread_takes(lock)
    assert std_thread_takes(other)
    with contextlib.ExitStack() as stack:
        other.__enter__()
        stack.callback(other.__exit__, None, None, None)
    assert std_thread_takes(other)


@each
def test_threads_make_and_end_bound_methods_in_parallel(impl: Implementation, kind: str) -> None:
    shared = getattr(impl.threading, kind)()
    count, wrong = [0], []

    def run() -> None:
        own = getattr(impl.threading, kind)()
        kept = []
        for number in range(MANY):
            with shared:
                count[0] += 1
            with own:
                kept.append(own.__exit__)
            if number % 97 == 0:
                wrong.extend(m for m in kept if m.__self__ is not own)
                kept.clear()

    threads = [std.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == [8 * MANY]
    assert not wrong


def test_a_method_types_instances_are_not_made_by_hand() -> None:
    method = type(OURS.threading.Lock().__enter__)
    if method is not types.BuiltinMethodType:
        with pytest.raises(TypeError):
            method()
