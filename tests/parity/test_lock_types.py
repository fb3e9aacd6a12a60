"""Types of locks: code that checks for the standard type accepts ours, and registrations for one work for the other."""

from __future__ import annotations

import _thread
import copyreg
import pickle
import threading as std
from collections.abc import Iterator
from typing import Any

import pytest
from interlock import threading

from tests.parity.judge import same


@pytest.mark.parametrize(
    "code",
    [
        "isinstance(t.Lock(), _thread.LockType)",
        "isinstance(t.Lock(), type(_thread.allocate_lock()))",
        "isinstance(t.Lock(), type(t.Lock()))",
        "isinstance(_thread.allocate_lock(), type(t.Lock()))",
        "issubclass(type(_thread.allocate_lock()), type(t.Lock()))",
        "isinstance(t.RLock(), _thread.RLock)",
        "isinstance(t.RLock(), std._CRLock)",
        "isinstance(_thread.RLock(), type(t.RLock()))",
        "isinstance(t.RLock(), type(t.RLock()))",
        "isinstance(t.RLock(), _thread.LockType)",
        "isinstance(t.Lock(), _thread.RLock)",
        "isinstance(1, (type(t.Lock()), type(t.RLock())))",
        "type(t.Lock()) == _thread.LockType, type(t.RLock()) == _thread.RLock",
        "type(t.Lock()) == type(t.RLock()), type(t.Lock()) == object, type(t.Lock()) != _thread.LockType",
        "_thread.LockType in {type(t.Lock())}, type(t.RLock()) in {_thread.RLock}",
        "t.Lock().__class__ is _thread.LockType, t.RLock().__class__ is _thread.RLock",
        "type(t.Lock()).__name__, type(t.RLock()).__name__",
    ],
)
def test_a_question_about_a_type_has_the_standard_answer(code: str) -> None:
    same(f"import _thread\n{code}")


@pytest.mark.parametrize("registered", ["_thread.LockType", "type(t.Lock())"])
@pytest.mark.parametrize("given", ["t.Lock()", "_thread.allocate_lock()", "1"])
def test_a_function_that_dispatches_by_type_finds_the_lock(registered: str, given: str) -> None:
    same(f"""
        import _thread, functools
        @functools.singledispatch
        def kind(thing): return "other"
        kind.register({registered}, lambda thing: "lock")
        kind({given})
        """)


def test_a_derived_class_is_an_ordinary_one() -> None:
    same("""
        import _thread
        class Mine(type(t.RLock())): pass
        class Other(type(t.RLock())): pass
        mine = Mine()
        mine.tag = 1
        with mine:
            owned = mine._is_owned()
        found = isinstance(mine, Mine), isinstance(mine, Other), isinstance(_thread.RLock(), Mine), mine.tag, owned
        same = Mine == Other, Mine == _thread.RLock, mine.__class__ is Mine, issubclass(_thread.RLock, Mine)
        mine.__class__ = Other
        (found, same, type(mine) is Other, isinstance(mine, type(t.RLock())))
        """)


@pytest.mark.parametrize("make", ["t.Lock()", "t.RLock()"])
def test_the_class_of_a_lock_cannot_be_set(make: str) -> None:
    with pytest.raises(TypeError, match="__class__ assignment"):
        eval(make, {"t": threading}).__class__ = object


@pytest.fixture
def registered(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Register how to pickle locks of a type; the test's end restores the former registration."""
    before = dict(copyreg.dispatch_table)
    copyreg.pickle(request.param, lambda lock: (_thread.RLock, ()))
    yield
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(before)


@pytest.mark.parametrize(
    "registered",
    [_thread.RLock, type(std.RLock()), type(threading.RLock())],
    indirect=True,
    ids=["_thread.RLock", "standard", "interlock"],
)
@pytest.mark.parametrize("make", [std.RLock, threading.RLock], ids=["standard", "interlock"])
@pytest.mark.parametrize("way", ["deepcopy", *range(6)])
def test_what_is_registered_for_pickling_a_lock_holds_for_both(registered: Any, make: Any, way: Any) -> None:
    import copy

    again = copy.deepcopy(make()) if way == "deepcopy" else pickle.loads(pickle.dumps(make(), way))
    assert isinstance(again, _thread.RLock)
    with again:
        assert again._is_owned()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("make", ["t.Lock()", "t.RLock()"])
def test_without_it_the_refusal_is_the_standard_one(make: str, protocol: int) -> None:
    same(f"import pickle\npickle.dumps({make}, {protocol})")
