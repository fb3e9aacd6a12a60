"""Objects can be pickled and copied, or can't, like the standard library's."""

from __future__ import annotations

import copyreg
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.parity.judge import IMPLEMENTATIONS, Implementation, run, same

KINDS = {
    "Barrier": "t.Barrier(2)",
    "BoundedSemaphore": "t.BoundedSemaphore(2)",
    "Condition": "t.Condition()",
    "Event": "t.Event()",
    "Future": "f.Future()",
    "LifoQueue": "q.LifoQueue(2)",
    "PriorityQueue": "q.PriorityQueue()",
    "Queue": "q.Queue()",
    "Semaphore": "t.Semaphore(3)",
    "SimpleQueue": "q.SimpleQueue()",
}
WAYS = {
    "pickle": "import pickle\npickle.dumps({})",
    "pickle in Python": "import pickle\npickle._dumps({})",
    "the first protocol": "import pickle\npickle.dumps({}, 0)",
    "deepcopy": "import copy\ncopy.deepcopy({})",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_has_a_lock_inside_is_refused(kind: str, way: str) -> None:
    same(WAYS[way].format(KINDS[kind]))


@pytest.fixture
def locks_that_pickle() -> Iterator[None]:
    """Like dill."""
    makers: list[Any] = [threading.Lock, threading.RLock]
    kinds = {type(make()): make for make in makers}
    for kind, make in kinds.items():
        copyreg.pickle(kind, lambda _, make=make: (make, ()))
    yield
    for kind in kinds:
        del copyreg.dispatch_table[kind]


@pytest.mark.parametrize("impl", IMPLEMENTATIONS, ids=lambda impl: impl.name)
@pytest.mark.parametrize(
    ("make", "see"),
    [
        ("t.Event()", "x.is_set()"),
        ("t.Semaphore(3)", "x._value"),
        ("t.Barrier(2)", "x.parties, x.n_waiting"),
        ("q.Queue(5)", "x.maxsize, x.qsize()"),
        ("f.Future()", "x.done()"),
        ("t.Condition()", "x.acquire(), x.release()"),
    ],
)
def test_what_has_locks_that_can_be_pickled_comes_back(
    locks_that_pickle: None, impl: Implementation, make: str, see: str
) -> None:
    before = run(impl, make)
    after = pickle.loads(pickle.dumps(before))
    assert type(after) is type(before)
    assert eval(see, {"x": after}) == eval(see, {"x": run(impl, make)})
