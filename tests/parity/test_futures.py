"""`Future`: every method in every state, and use of its private parts."""

from __future__ import annotations

import concurrent.futures as std
import gc
import pickle
import re
import traceback
import weakref
from functools import partial
from typing import Any

import pytest

from tests.parity.judge import OURS, STD, Implementation, attempt, outcome, same

STATES = {
    "pending": "x = f.Future()",
    "running": "x = f.Future(); x.set_running_or_notify_cancel()",
    "cancelled": "x = f.Future(); x.cancel()",
    "cancelled and notified": "x = f.Future(); x.cancel(); x.set_running_or_notify_cancel()",
    "finished": "x = f.Future(); x.set_result(7)",
    "finished while running": "x = f.Future(); x.set_running_or_notify_cancel(); x.set_result('7')",
    "failed": "x = f.Future(); x.set_exception(KeyError(7))",
    "finished with None": "x = f.Future(); x.set_exception(None)",
    "failed with a class": "x = f.Future(); x.set_exception(KeyError)",
    "failed with something else": "x = f.Future(); x.set_exception('no exception')",
    "set by hand": "x = f.Future(); x._result = 7; x._state = 'FINISHED'",
    "failed by hand": "x = f.Future(); x._exception = KeyError(7); x._state = 'FINISHED'",
}
LOOKS = {"native": "None", "materialized": "x._condition"}
CALLS = [
    "x.cancel()",
    "x.cancelled()",
    "x.running()",
    "x.done()",
    "x.set_running_or_notify_cancel()",
    "x.set_result(1)",
    "x.set_result(x)",
    "x.set_exception(ValueError(1))",
    "x.set_exception(None)",
    "x.result(0)",
    "x.result(timeout=-1)",
    "x.result(0.001)",
    "x.exception(0)",
    "x.exception(timeout=-0.5)",
    "x.result(1, 2)",
    "x.result(time=1)",
    "x.add_done_callback(seen.append)",
    "x.add_done_callback()",
    "x.add_done_callback(7)",
    "x.add_done_callback(fn=seen.append)",
    "repr(x)",
    "x._state",
    "x._result",
    "repr(x._exception)",
    "len(x._waiters), len(x._done_callbacks)",
    "x._condition.acquire(), x._condition.release()",
]
AFTER = """repr(x), x._state, x.done(), x.running(), x.cancelled(), x._result, repr(x._exception),
    [y is x for y in seen]"""


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("state", STATES)
def test_a_call_in_a_state(state: str, call: str, look: str) -> None:
    setup = f"seen = []\n{STATES[state]}\nx.add_done_callback(seen.append)\n{LOOKS[look]}"
    code = f"{setup}\n{call}"
    ended = outcome(OURS, attempt(code, AFTER))
    theirs = outcome(STD, attempt(code, AFTER))
    assert comparable(ended) == comparable(theirs)


def comparable(said: tuple[str, Any]) -> str:
    """Remove addresses, and the texts about arguments that a method does not take."""
    text = re.sub(r"0x[0-9a-f]+", "0x", str(said))
    return re.sub(r"(TypeError'>, )(['\"]).*?takes .*?\2\)", r"\1...)", text)


@pytest.mark.parametrize("state", ["finished", "failed", "cancelled"])
def test_a_timeout_is_not_looked_at_when_there_is_nothing_to_wait_for(state: str) -> None:
    same(attempt(f"{STATES[state]}\nx.result('?')", "x.done()"))


@pytest.mark.parametrize("timeout", ["'1'", "[]", "object()", "1j"])
@pytest.mark.parametrize("method", ["result", "exception"])
def test_a_timeout_of_another_kind_is_a_type_error(impl: Implementation, timeout: str, method: str) -> None:
    kind = outcome(impl, attempt(f"x = f.Future()\nx.{method}({timeout})", "x._state"))[1]
    assert (kind[0][0], kind[1]) == (TypeError, "PENDING")


@pytest.mark.parametrize("end", ["set_result", "set_exception", "cancel"])
def test_callbacks_are_called_in_order_once_with_the_future(impl: Implementation, end: str) -> None:
    seen: list[Any] = []
    x = impl.futures.Future()
    for number in range(5):
        x.add_done_callback(lambda future, number=number: seen.append((number, future is x)))
    x.add_done_callback(lambda future: future.add_done_callback(lambda _: seen.append("inner")))
    getattr(x, end)(*([ValueError()] if end != "cancel" else []))
    x.add_done_callback(lambda _: seen.append("late"))
    assert seen == [*((number, True) for number in range(5)), "inner", "late"]
    assert x.cancel() is (end == "cancel")
    assert len(seen) == 7


@pytest.mark.parametrize("look", LOOKS)
def test_an_exception_of_a_callback_is_logged_and_the_others_are_called(
    impl: Implementation, caplog: pytest.LogCaptureFixture, look: str
) -> None:
    seen: list[Any] = []

    def fail(_: Any) -> None:
        raise ValueError("from a callback")

    x = impl.futures.Future()
    if look == "materialized":
        assert x._condition
    x.add_done_callback(fail)
    x.add_done_callback(seen.append)
    x.set_result(1)
    x.add_done_callback(fail)
    assert seen == [x]
    assert [record.name for record in caplog.records] == ["concurrent.futures"] * 2
    for record in caplog.records:
        assert record.getMessage() == f"exception calling callback for {x!r}"
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], ValueError)
        assert record.levelname == "ERROR"


@pytest.mark.parametrize("kind", ["SystemExit", "KeyboardInterrupt", "BaseException"])
def test_what_is_no_exception_comes_out_of_who_calls_the_callbacks(kind: str) -> None:
    same(f"""
        def fail(_): raise {kind}("out")
        said = []
        for end in ("set_result", "cancel"):
            x, seen = f.Future(), []
            x.add_done_callback(fail)
            x.add_done_callback(seen.append)
            try:
                getattr(x, end)(*([1] if end == "set_result" else []))
            except {kind} as error:
                said.append((end, str(error), x._state, len(seen)))
            try:
                x.add_done_callback(fail)
            except {kind} as error:
                said.append(str(error))
        said
    """)


def test_beginning_twice_is_logged(impl: Implementation, caplog: pytest.LogCaptureFixture) -> None:
    x = impl.futures.Future()
    x.set_running_or_notify_cancel()
    with pytest.raises(RuntimeError, match=r"^Future in unexpected state$"):
        x.set_running_or_notify_cancel()
    assert caplog.messages == [f"Future {id(x)} in unexpected state: RUNNING"]
    assert caplog.records[0].levelname == "CRITICAL"


def test_subclasses_have_their_own_arguments_and_attributes(impl: Implementation) -> None:
    class Mine(impl.futures.Future):  # type: ignore[misc,name-defined]
        def __init__(self, name: str, *, size: int = 1) -> None:
            super().__init__()
            self.name, self.size = name, size

        def cancel(self) -> bool:
            self.asked = True
            return super().cancel()  # type: ignore[no-any-return]

    x = Mine("a", size=3)
    assert (x.name, x.size) == ("a", 3)
    assert x.cancel() is x.asked is True
    assert repr(x).startswith("<Mine at 0x")
    assert isinstance(x, std.Future)
    assert issubclass(Mine, std.Future)
    x.extra = 1
    assert vars(x) == {"name": "a", "size": 3, "asked": True, "extra": 1} or "_condition" in vars(x)


def test_a_class_with_its_own_way_of_calling_the_callbacks() -> None:
    same("""
        seen = []
        class X(f.Future):
            def _invoke_callbacks(self):
                seen.append(len(self._done_callbacks))
                super()._invoke_callbacks()
        for end in ("set_result", "set_exception", "cancel"):
            x = X()
            x.add_done_callback(lambda _: seen.append(end))
            getattr(x, end)(*([None] if end != "cancel" else []))
        seen
    """)


def test_the_standard_librarys_init_can_be_called_by_hand() -> None:
    same("""
        class X(f.Future):
            def __init__(self): std_f.Future.__init__(self)
        x, seen = X(), []
        x.add_done_callback(seen.append)
        x.set_result(3)
        x.result(), len(seen), x._state
    """)


def test_identity_of_the_class() -> None:
    same("f.Future.__name__, f.Future.__qualname__, f.Future.__module__, str(f.Future[int])[-11:]")
    same("x = f.Future(); x == x, x == f.Future(), hash(x) == hash(x), isinstance(x, std_f.Future)")
    same("x = f.Future(); x.y = 1; x.y, vars(x)['y']")
    assert all(outcome(impl, "f.Future(1)")[0] == "raised builtins.TypeError" for impl in (OURS, STD))
    assert not issubclass(std.Future, OURS.futures.Future)


def test_a_future_can_not_be_pickled(impl: Implementation) -> None:
    # If imported by name, pickle does not find even the class under the name that it has.
    with pytest.raises((TypeError, pickle.PicklingError), match="pickle"):
        pickle.dumps(impl.futures.Future())


def test_a_weak_reference(impl: Implementation) -> None:
    x = impl.futures.Future()
    seen: list[Any] = []
    ref = weakref.ref(x, seen.append)
    assert ref() is x
    del x
    assert ref() is None
    assert len(seen) == 1


class Node:
    """An object to refer to."""


def ignore(*args: object) -> None:
    """Do nothing, as a callback."""


CYCLES = {
    "its result": "x.set_result(node)",
    "its exception": "x.set_exception(Error(node))",
    "a callback": "x.add_done_callback(partial(ignore, node))",
    "an attribute": "x.node = node",
    "a callback of a materialized future": "x._condition; x.add_done_callback(partial(ignore, node))",
    "a callback of a future materialized later": "x.add_done_callback(partial(ignore, node)); x._waiters",
    "a result of a materialized future": "x._waiters; x.set_result(node)",
    "a waiter": "x._waiters.append(node)",
}


@pytest.mark.parametrize("name", CYCLES)
def test_a_cycle_is_collected(impl: Implementation, name: str) -> None:
    node, x = Node(), impl.futures.Future()
    exec(CYCLES[name], {"x": x, "node": node, "Error": ValueError, "partial": partial, "ignore": ignore})
    node.x = x  # type: ignore[attr-defined]
    ref = weakref.ref(node)
    del node, x
    gc.collect()
    assert ref() is None


def test_the_traceback_of_an_exception_grows_at_the_end_that_asks() -> None:
    names = same("""
        import traceback
        def work(): raise ValueError("inside")
        x = f.Future()
        try: work()
        except ValueError as error: x.set_exception(error)
        seen = []
        for _ in range(2):
            try: x.result()
            except ValueError as error:
                seen.append([s.name for s in traceback.extract_tb(error.__traceback__)][-1])
        seen, str(x.exception())
    """)
    assert names[1][0] == ["work", "work"]


def test_an_exception_has_what_is_being_handled_as_its_context() -> None:
    same("""
        x = f.Future()
        x.set_exception(ValueError(1))
        try:
            try: 1 / 0
            except ZeroDivisionError: x.result()
        except ValueError as error:
            said = [type(error.__context__).__name__, error.__cause__]
        y = f.Future()
        y.cancel()
        try:
            try: 1 / 0
            except ZeroDivisionError: y.result()
        except f.CancelledError as error:
            said.append(type(error.__context__).__name__)
        said
    """)


def test_exceptions_do_not_hold_the_frames_of_who_asked_longer(impl: Implementation) -> None:
    def ask(future: Any) -> weakref.ref[Node]:
        local = Node()
        try:
            future.result()
        except ValueError:
            traceback.format_exc()
        finally:
            del future  # the traceback refers to this frame
        return weakref.ref(local)

    gc.disable()
    try:
        x = impl.futures.Future()
        x.set_exception(ValueError())
        ref = ask(x)
        assert ref() is not None  # the exception's traceback refers to it
        del x
        assert ref() is None
    finally:
        gc.enable()


def test_replaced_parts_are_used() -> None:
    same("""
        import threading
        x, seen = f.Future(), []
        x._condition = threading.Condition()
        x._done_callbacks = [seen.append]
        x._waiters = []
        x.set_result(1)
        x.result(), len(seen), x._done_callbacks == [seen.append], isinstance(x._condition, threading.Condition)
    """)


def test_a_future_that_is_ended_in_a_callback_calls_its_own_first(impl: Implementation) -> None:
    """Also where such calls nest deep."""
    futures = [impl.futures.Future() for _ in range(100)]
    seen: list[Any] = []

    def end(number: int) -> None:
        seen.append(number)
        if number + 1 < len(futures):
            futures[number + 1].set_result(None)
        seen.append(-number)

    for number, future in enumerate(futures):
        future.add_done_callback(lambda _, number=number: end(number))
        future.add_done_callback(lambda _, number=number: seen.append(f"second of {number}"))
    futures[0].set_result(None)
    deepest = len(futures) - 1
    back = [what for number in range(deepest, -1, -1) for what in (-number, f"second of {number}")]
    assert seen == [*range(deepest + 1), *back]
