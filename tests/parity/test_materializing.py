"""Objects of every class are native until somebody looks inside, and then run the standard library's own code."""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from interlock import queue, threading
from interlock.concurrent import futures

from tests.parity.judge import same
from tests.parity.materializings import KINDS, SNIPPETS

_MODULES = {"t": threading, "q": queue, "f": futures}

Made = Callable[[], Any]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def make(kind: str) -> Made:
    """Makes objects of a class, all of them native."""
    return lambda: eval(f"{KINDS[kind].cls}({KINDS[kind].args})", dict(_MODULES))


def use(kind: str, x: Any) -> None:
    exec(textwrap.dedent(KINDS[kind].use).strip(), {"x": x, **_MODULES})


@pytest.mark.parametrize("name", SNIPPETS)
def test_what_is_said_is_what_the_standard_library_says(name: str) -> None:
    kind, said = same(SNIPPETS[name])
    assert kind == "returned", said


COUNTS = {
    "Event": ["x._flag", "x.is_set()", "repr(x)"],
    "Semaphore": ["x._value", "repr(x)"],
    "BoundedSemaphore": ["x._value", "x._initial_value", "repr(x)"],
    "Condition": ["x._lock", "x.acquire", "x.release", "x.locked()", "repr(x)"],
    "Condition over a Lock": ["x._lock", "x.acquire", "x.release", "x.locked()", "repr(x)"],
    "Barrier": ["x._parties", "x._count", "x._state", "x.parties", "x.n_waiting", "x.broken", "repr(x)"],
    "Queue": ["x.maxsize", "x.unfinished_tasks", "x.is_shutdown", "x.qsize()", "x.empty()", "x.full()"],
    "LifoQueue": ["x.maxsize", "x.unfinished_tasks", "x.is_shutdown", "x.qsize()", "x.empty()", "x.full()"],
    "PriorityQueue": [
        "x.maxsize",
        "x.unfinished_tasks",
        "x.is_shutdown",
        "x.qsize()",
        "x.empty()",
        "x.full()",
    ],
    "Future": ["x._state", "x.done()", "repr(x)"],
    "ThreadPoolExecutor": [
        *("x._work_queue.qsize()", "x._work_queue.empty()", "x._max_workers", "x._threads", "x._shutdown"),
        *("x._broken", "x._thread_name_prefix", "x._shutdown_lock", "x.stats()"),
    ],
}


def test_a_used_object_stays_native(kind: str, make: Made) -> None:
    x = make()
    use(kind, x)
    assert not x._interlock_is_materialized


def test_what_only_counts_materializes_nothing(kind: str, make: Made) -> None:
    x = make()
    for code in COUNTS[kind]:
        eval(code, {"x": x})
        assert not x._interlock_is_materialized, code
    use(kind, x)
    assert not x._interlock_is_materialized


def test_attributes_of_ones_own_materialize_nothing(kind: str, make: Made) -> None:
    x = make()
    x.note, x._note = 1, 2
    del x.note
    assert not hasattr(x, "note")
    assert x._note == 2
    assert not x._interlock_is_materialized


def test_a_derived_class_without_hooks_stays_native(kind: str, make: Made) -> None:
    class Derived(type(make())):  # type: ignore[misc]
        def summary(self) -> int:
            return 5

        def _note(self) -> int:
            return 6

    x = eval(f"Derived({KINDS[kind].args})", {"Derived": Derived, **_MODULES})
    use(kind, x)
    assert (x.summary(), x._note()) == (5, 6)
    assert not x._interlock_is_materialized


COUNTED = {
    "_flag": ["Event"],
    "_value": ["Semaphore", "BoundedSemaphore"],
    "_initial_value": ["BoundedSemaphore"],
    "_lock": ["Condition", "Condition over a Lock"],
    "acquire": ["Condition", "Condition over a Lock"],
    "release": ["Condition", "Condition over a Lock"],
    "locked": ["Condition", "Condition over a Lock"],
    "_parties": ["Barrier"],
    "_count": ["Barrier"],
    "_state": ["Barrier", "Future"],
    **{
        name: ["Queue", "LifoQueue", "PriorityQueue"]
        for name in ("maxsize", "unfinished_tasks", "is_shutdown")
    },
}


def test_each_look_inside_materializes_that_object_alone(kind: str, make: Made) -> None:
    other = make()
    for name in KINDS[kind].attributes:
        x = make()
        getattr(x, name)
        counts = kind in COUNTED.get(name, [])
        if kind == "ThreadPoolExecutor":
            counts = name != "_idle_semaphore"
        assert x._interlock_is_materialized is not counts, name
        x = make()
        setattr(x, name, getattr(make(), name))
        assert x._interlock_is_materialized, name
        x = make()
        delattr(x, name)
        assert x._interlock_is_materialized, name
    assert not other._interlock_is_materialized


@pytest.mark.parametrize(
    "look",
    [vars, dir, copy.copy, lambda x: x.__dict__, lambda x: x.__reduce_ex__(4)],
    ids=["vars", "dir", "copy", "__dict__", "__reduce_ex__"],
)
def test_a_look_at_the_whole_materializes(make: Made, look: Callable[[Any], Any]) -> None:
    x = make()
    look(x)
    assert x._interlock_is_materialized


def test_a_hook_on_the_class_materializes_what_is_used_meanwhile_and_no_more(kind: str, make: Made) -> None:
    if not KINDS[kind].hooks:
        pytest.skip("it has no private methods")
    cls, name = type(make()), KINDS[kind].hooks[0]
    whole = getattr(cls, name)
    unused, used = make(), make()

    def hook(self: Any, *args: Any) -> Any:
        return whole(self, *args)

    with mock.patch.object(cls, name, hook):
        assert not used._interlock_is_materialized  # the next call materializes it
        use(kind, used)
        during = make()
    assert used._interlock_is_materialized
    assert during._interlock_is_materialized
    use(kind, unused)
    after = make()
    use(kind, after)
    assert not unused._interlock_is_materialized
    assert not after._interlock_is_materialized


def test_past_setattr_nothing_is_noticed() -> None:
    """docs/deviations.md describes `object.__setattr__` on a native object."""
    event = threading.Event()
    object.__setattr__(event, "_flag", True)
    assert not event.is_set()
    assert not event._interlock_is_materialized
