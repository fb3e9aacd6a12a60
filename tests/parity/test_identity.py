"""Identity of objects: classes, reprs, attributes, weak references, pickling and copying, generic aliases."""

from __future__ import annotations

import gc
import inspect
import pickle
import threading as std
import types
import weakref
from typing import Any

import pytest
from interlock import queue, threading

from tests.parity.judge import OURS, STD, Implementation, outcome, run, same, without_names

MAKE = {
    "Lock": "t.Lock()",
    "RLock": "t.RLock()",
    "Condition": "t.Condition()",
    "Semaphore": "t.Semaphore(2)",
    "BoundedSemaphore": "t.BoundedSemaphore(3)",
    "Event": "t.Event()",
    "Barrier": "t.Barrier(2)",
    "Queue": "q.Queue()",
    "LifoQueue": "q.LifoQueue(2)",
    "PriorityQueue": "q.PriorityQueue()",
    "SimpleQueue": "q.SimpleQueue()",
}
SUBCLASSED = [name for name in MAKE if name not in {"Lock", "RLock", "SimpleQueue"}]

REPRS = [
    *MAKE.values(),
    "x = t.Lock(); x.acquire()\nx",
    "x = t.RLock(); x.acquire(); x.acquire()\nx",
    "x = t.Condition(); x.acquire()\nx",
    "x = t.Condition(t.Lock())\nx",
    "x = t.Semaphore(2); x.acquire()\nx",
    "x = t.BoundedSemaphore(2); x.acquire()\nx",
    "x = t.Event(); x.set()\nx",
    "x = t.Barrier(2); x.abort()\nx",
    "class S(t.Semaphore): pass\nS()",
    "class E(t.Event): pass\nE()",
    "class Q(q.Queue): pass\nQ()",
]


@pytest.mark.parametrize("code", REPRS)
def test_a_repr_has_the_standard_librarys_shape(code: str) -> None:
    *setup, last = code.splitlines()
    code = "\n".join([*setup, f"repr({last})"])
    if "Semaphore" in code or "Event" in code or "Barrier" in code:
        assert shape(outcome(OURS, code)[1]) == shape(outcome(STD, code)[1])
    else:
        same(code)


def shape(text: str) -> str:
    """Return a repr without the bound of a bounded semaphore, which reprs show since 3.12."""
    return without_names(text).partition("/")[0] if "value=" in text else without_names(text)


@pytest.mark.parametrize("name", MAKE)
def test_an_object_can_be_referred_to_weakly(impl: Implementation, name: str) -> None:
    thing = run(impl, MAKE[name])
    ref = weakref.ref(thing)
    assert ref() is thing
    del thing
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", MAKE)
def test_an_object_cannot_be_pickled(impl: Implementation, name: str, protocol: int) -> None:
    thing = run(impl, MAKE[name])
    with pytest.raises((TypeError, pickle.PicklingError), match=r"cannot pickle|Can't pickle"):
        pickle.dumps(thing, protocol)


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("way", ["copy", "deepcopy"])
def test_an_object_is_copied_as_in_the_standard_library(name: str, way: str) -> None:
    """A shallow copy is a second object over the same lock; a lock, and so a deep copy, can't be copied."""
    same(f"""
        import copy
        x = {MAKE[name]}
        try: copied = vars(copy.{way}(x))
        except TypeError as error: said = "refused"
        else: said = all(copied[key] is value for key, value in vars(x).items())
        said
    """)


@pytest.mark.parametrize("way", ["copy.copy(x)", "copy.deepcopy(x)", *(f"again(x, {n})" for n in range(6))])
@pytest.mark.parametrize("name", SUBCLASSED)
def test_a_subclass_that_says_how_is_pickled_and_copied(name: str, way: str) -> None:
    module = "q" if "Queue" in name else "t"
    given = "2" if name == "Barrier" else ""
    same(f"""
        import copy, pickle
        class Mine({module}.{name}):
            def __init__(self, mine="new"):
                super().__init__({given})
                self.mine = mine
            def __getstate__(self): return {{"mine": self.mine}}
            def __setstate__(self, state): self.__init__(**state)
        def again(x, protocol):
            import sys, types
            sys.modules["mine"] = module = types.ModuleType("mine")
            Mine.__module__, Mine.__qualname__, module.Mine = "mine", "Mine", Mine
            return pickle.loads(pickle.dumps(x, protocol))
        x = Mine(["a"])
        y = {way}
        type(y) is Mine, y is x, y.mine, y.mine is x.mine
    """)


@pytest.mark.parametrize("name", SUBCLASSED)
def test_a_subclass_may_have_attributes_arguments_and_methods(impl: Implementation, name: str) -> None:
    base = getattr(impl.threading, name, None) or getattr(impl.queue, name)

    class Sub(base):  # type: ignore[misc,valid-type]
        extra = "class attribute"

        def __init__(self, mine: str, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.mine = mine

        def hello(self) -> str:
            return f"{self.mine} {self.extra}"

    given = {"Barrier": (2,), "Timer": (1, int)}.get(name, ())
    thing = Sub("my", *given)
    thing.later = 1
    assert (thing.hello(), vars(thing)["mine"], vars(thing)["later"]) == ("my class attribute", "my", 1)
    assert isinstance(thing, base)
    assert weakref.ref(thing)() is thing


@pytest.mark.parametrize("name", SUBCLASSED)
def test_an_instance_takes_attributes(impl: Implementation, name: str) -> None:
    thing = run(impl, MAKE[name])
    thing.mine = 5
    assert thing.mine == 5
    del thing.mine
    assert not hasattr(thing, "mine")


@pytest.mark.parametrize("name", ["Lock", "SimpleQueue"])
def test_where_the_standard_library_takes_no_attributes_neither_do_we(
    impl: Implementation, name: str
) -> None:
    with pytest.raises(AttributeError):
        run(impl, MAKE[name]).mine = 5


@pytest.mark.parametrize(
    "code",
    [
        "issubclass(t.BoundedSemaphore, t.Semaphore)",
        "issubclass(q.LifoQueue, q.Queue)",
        "issubclass(q.PriorityQueue, q.Queue)",
        "issubclass(q.SimpleQueue, q.Queue)",
        "issubclass(t.Condition, t.Event)",
        "isinstance(t.BoundedSemaphore(), t.Semaphore)",
        "isinstance(t.RLock(), type(t.RLock()))",
        "type(t.Lock()) is type(t.Lock())",
        "[c.__name__ for c in (t.Condition, t.Semaphore, t.BoundedSemaphore, t.Event, t.Barrier)]",
        "[c.__name__ for c in (q.Queue, q.LifoQueue, q.PriorityQueue, q.SimpleQueue)]",
        "[callable(x) for x in (t.Lock, t.RLock)]",
        "bool(t.Lock()), bool(t.Event()), bool(q.Queue()), bool(q.SimpleQueue())",
        "x = q.Queue()\nx == x, x == q.Queue(), hash(x) == hash(x)",
        "x = t.Lock()\nx == x, x == t.Lock(), hash(x) == hash(x)",
        "hasattr(q.Queue(), '__len__'), hasattr(q.Queue(), '__iter__')",
        "t.Lock().__enter__(), t.RLock().__enter__(), t.Condition().__enter__(), t.Semaphore().__enter__()",
    ],
)
def test_relations_are_the_standard_librarys(code: str) -> None:
    same(code)


@pytest.mark.parametrize("name", ["Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"])
def test_queues_are_generic(impl: Implementation, name: str) -> None:
    kind = getattr(impl.queue, name)
    alias = kind[int]
    assert isinstance(alias, types.GenericAlias)
    assert (alias.__origin__, alias.__args__) == (kind, (int,))
    assert isinstance(alias(), kind)

    class Sub(kind[str]):  # type: ignore[misc,valid-type]
        pass

    assert issubclass(Sub, kind)


@pytest.mark.parametrize("name", ["Condition", "Semaphore", "BoundedSemaphore", "Event", "Barrier"])
def test_parameters_have_the_standard_librarys_names_and_defaults(name: str) -> None:
    ours, theirs = getattr(threading, name), getattr(std, name)
    assert parameters(ours) == parameters(theirs)
    for method in ("acquire", "release", "wait", "wait_for", "notify", "join"):
        if hasattr(theirs, method) and hasattr(ours, method) and inspect.isroutine(getattr(ours, method)):
            assert parameters(getattr(ours, method)) == parameters(getattr(theirs, method)), method


@pytest.mark.parametrize("name", ["Queue", "LifoQueue", "PriorityQueue"])
def test_parameters_of_queues_have_the_standard_librarys_names_and_defaults(name: str) -> None:
    import queue as std_queue

    ours, theirs = getattr(queue, name), getattr(std_queue, name)
    assert parameters(ours) == parameters(theirs)
    for method in (
        "put",
        "get",
        "put_nowait",
        "get_nowait",
        "task_done",
        "join",
        "qsize",
        "empty",
        "full",
        "shutdown",
    ):
        if hasattr(theirs, method):
            assert parameters(getattr(ours, method)) == parameters(getattr(theirs, method)), method


def parameters(routine: Any) -> list[tuple[str, Any]]:
    """Return names and defaults, except of methods that take anything, and those that only a later version has."""
    try:
        found = inspect.signature(routine).parameters.values()
    except ValueError:
        return []
    return [
        (parameter.name, parameter.default)
        for parameter in found
        if parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
        and parameter.name != "context"
    ]


@pytest.mark.parametrize("name", MAKE)
def test_everything_public_is_there(name: str) -> None:
    """Return each public attribute of the standard library's object, by name."""
    theirs, ours = run(STD, MAKE[name]), run(OURS, MAKE[name])
    missing = [attribute for attribute in dir(theirs) if attribute[0] != "_" and not hasattr(ours, attribute)]
    assert missing == []


@pytest.mark.parametrize("name", [name for name in MAKE if name not in {"Lock", "SimpleQueue"}])
def test_arguments_can_be_given_by_name(impl: Implementation, name: str) -> None:
    t, q = impl.threading, impl.queue
    made = {
        "RLock": lambda: t.RLock().acquire(blocking=True, timeout=1),
        "Condition": lambda: t.Condition(lock=t.Lock()),
        "Semaphore": lambda: t.Semaphore(value=2).acquire(blocking=True, timeout=None),
        "BoundedSemaphore": lambda: t.BoundedSemaphore(value=2),
        "Event": lambda: t.Event().wait(timeout=0) or True,
        "Barrier": lambda: t.Barrier(parties=1, action=None, timeout=None).wait(timeout=1) == 0,
        "Queue": lambda: q.Queue(maxsize=1).put(item=1, block=True, timeout=None) or True,
        "LifoQueue": lambda: q.LifoQueue(maxsize=1),
        "PriorityQueue": lambda: q.PriorityQueue(maxsize=1),
    }
    assert made[name]()
