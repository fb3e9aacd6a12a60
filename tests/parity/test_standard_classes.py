"""Checks for the standard library's classes accept our objects, which inherit no behaviour from them."""

from __future__ import annotations

import functools
import gc
import importlib.util
import logging.config
import logging.handlers
import queue as std_queue
import sys
import threading as std_threading
import types
import weakref
from typing import Any
from unittest import mock

import pytest
from interlock import _interlock, _queue_classes, queue, threading
from interlock.concurrent import futures

from tests.parity.judge import Implementation, same

QUEUES = ["Queue", "LifoQueue", "PriorityQueue"]
SUBCLASSES = [*((queue, std_queue, name) for name in QUEUES)]
SUBCLASSES += [
    (threading, std_threading, name)
    for name in ("Barrier", "BoundedSemaphore", "Condition", "Event", "Semaphore")
]


@pytest.mark.parametrize(("ours", "std", "name"), SUBCLASSES)
def test_an_instance_is_one_of_the_standard_class(ours: Any, std: Any, name: str) -> None:
    kind = getattr(ours, name)
    thing = kind(*{"Timer": (1, int), "Barrier": (2,)}.get(name, ()))
    assert isinstance(thing, getattr(std, name))
    assert issubclass(kind, getattr(std, name))
    assert kind is not getattr(std, name)

    class Derived(kind):  # type: ignore[misc,valid-type]
        pass

    assert issubclass(Derived, getattr(std, name))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (queue.Queue, ["put", "get"]),
        (futures.Future, ["result"]),
        (futures.ThreadPoolExecutor, ["submit"]),
    ],
)
def test_methods_that_are_called_often_belong_to_the_very_class(kind: Any, names: list[str]) -> None:
    for name in names:
        method = vars(kind)[name]
        assert type(method) is types.MethodDescriptorType
        assert method.__objclass__ is kind
        assert method.__doc__ == getattr(kind.__mro__[1], name).__doc__
        with pytest.raises(TypeError, match="doesn't apply to"):
            method(object())


def test_only_an_inherited_method_in_c_can_be_made_one_of_the_very_class() -> None:
    class Mine(futures.Future):
        def result(self, timeout: float | None = None) -> Any:
            return None

        append = list.append

    before = dict(vars(Mine))
    with pytest.raises(TypeError, match=r"result\(\) is no method in C"):
        _interlock.own_methods(Mine, "result")
    with pytest.raises(TypeError, match=r"append\(\) is another class's"):
        _interlock.own_methods(Mine, "append")
    with pytest.raises(AttributeError, match="nothing"):
        _interlock.own_methods(Mine, "nothing")
    assert dict(vars(Mine)) == before


def test_the_other_queues_have_put_and_get_from_queue(impl: Implementation) -> None:
    """So a class between the two, or a replaced method, takes effect."""
    kinds = impl.queue.LifoQueue, impl.queue.PriorityQueue
    for kind in kinds:
        assert not {"put", "get", "put_nowait", "get_nowait"} & set(vars(kind)), vars(kind)

        class Unique(impl.queue.Queue):  # type: ignore[name-defined,misc]
            def put(self, item: Any, **kwargs: Any) -> None:
                if item not in self.queue:
                    super().put(item, **kwargs)

        class Both(kind, Unique):  # type: ignore[valid-type,misc]
            pass

        items = Both()
        for _ in range(3):
            items.put(1)
            items.put_nowait(1)
        assert items.qsize() == 1
    put, heard = impl.queue.Queue.put, []
    with mock.patch.object(
        impl.queue.Queue, "put", lambda self, *args: (heard.append(args), put(self, *args))
    ):
        for kind in kinds:
            kind().put(1)
    assert heard == [(1,), (1,)]


def test_put_nowait_and_get_nowait_ask_the_methods_in_the_standard_way(impl: Implementation) -> None:
    heard = []

    class Heard(impl.queue.Queue):  # type: ignore[name-defined,misc]
        def put(self, *args: Any, **kwargs: Any) -> None:
            heard.append((args, kwargs))

        def get(self, *args: Any, **kwargs: Any) -> None:
            heard.append((args, kwargs))

    items = Heard()
    items.put_nowait(1)
    items.get_nowait()
    assert heard == [((1,), {"block": False}), ((), {"block": False})]


def test_queue_classes_that_are_loaded_a_second_time_work_as_the_first() -> None:
    again = importlib.util.module_from_spec(_queue_classes.__spec__)
    _queue_classes.__spec__.loader.exec_module(again)
    assert again.Queue is not queue.Queue
    for kind in (again.Queue, again.LifoQueue, again.PriorityQueue):
        items = kind(1)
        items.put_nowait(1)
        with pytest.raises(std_queue.Full):
            items.put(2, timeout=0)
        assert items.get_nowait() == 1


def test_what_is_not_replaced_is_the_same_class() -> None:
    assert threading.local is std_threading.local


@pytest.mark.parametrize("kind", QUEUES)
@pytest.mark.parametrize("base", [*QUEUES, "SimpleQueue"])
def test_queues_are_related_as_in_the_standard_library(kind: str, base: str) -> None:
    said = same(f"issubclass(q.{kind}, q.{base})")
    assert issubclass(getattr(queue, kind), getattr(std_queue, base)) is said[1]


@pytest.mark.parametrize("kind", QUEUES)
def test_there_is_one_more_class_to_look_into_and_the_same_attributes(kind: str) -> None:
    ours, std = getattr(queue, kind), getattr(std_queue, kind)
    assert [base for base in ours.__mro__ if base in std.__mro__] == list(std.__mro__)
    assert list(vars(ours())) == list(vars(std()))
    assert sys.getsizeof(ours()) == sys.getsizeof(queue.Queue())


def test_code_that_chooses_by_class_finds_ours(impl: Implementation) -> None:
    @functools.singledispatch
    def named(thing: Any) -> str:
        return "thing"

    for kind in QUEUES:
        named.register(getattr(std_queue, kind), lambda thing, kind=kind: kind)
    for kind in QUEUES:
        thing = getattr(impl.queue, kind)()
        assert named(thing) == kind
        match thing:
            case std_queue.PriorityQueue():
                assert kind == "PriorityQueue"
            case std_queue.Queue():
                assert kind != "PriorityQueue"
            case _:
                pytest.fail("it is no queue")


@pytest.mark.parametrize("kind", QUEUES)
def test_several_bases(kind: str) -> None:
    same(f"""
        seen = []
        class Before:
            def __init__(self, *args): seen.append("before"); super().__init__(*args)
            def put(self, item): seen.append(item); super().put(item)
        class After:
            def __init__(self, *args): seen.append("never")
            def qsize(self): return -1
            def other(self): return "other"
        class Mine(Before, q.{kind}, After): pass
        x = Mine(2)
        x.put(5), x.qsize(), x.full(), x.maxsize, x.get(), x.other(), seen
    """)


@pytest.mark.parametrize(
    "bases",
    ["q.LifoQueue, q.PriorityQueue", "q.PriorityQueue, q.LifoQueue", "q.PriorityQueue, q.Queue"],
)
def test_several_queues_as_bases(bases: str) -> None:
    same(f"""
        class Mine({bases}): pass
        x = Mine()
        for number in (2, 3, 1): x.put(number)
        [x.get() for _ in range(3)], type(x.queue).__name__
    """)


def test_a_hook_above_and_one_below() -> None:
    same("""
        class Doubled(q.LifoQueue):
            def _put(self, item): super()._put(item * 2)
        class Counted(Doubled):
            def _init(self, maxsize): self.put_calls = 0; super()._init(maxsize)
            def _put(self, item): self.put_calls += 1; super()._put(item)
        x = Counted(3)
        for number in range(3): x.put(number)
        x.full(), x.get(), x.qsize(), x.put_calls, x.queue
    """)


@pytest.mark.parametrize("kind", QUEUES)
def test_the_standard_methods_work_on_ours_if_they_are_called_by_name(kind: str) -> None:
    """`queue.Queue.put(q, item)`, by code that kept the class: it uses the attributes, which materializes the queue."""
    ours, std = getattr(queue, kind)(2), getattr(std_queue, kind)
    ours.put(1)
    std.put(ours, 2)
    assert (std.qsize(ours), std.full(ours), ours.qsize()) == (2, True, 2)
    with pytest.raises(std_queue.Full):
        std.put_nowait(ours, 3)
    assert sorted([std.get(ours), ours.get()]) == [1, 2]
    std.task_done(ours)
    ours.task_done()
    std.join(ours)
    assert ours.unfinished_tasks == 0


@pytest.mark.parametrize("kind", QUEUES)
def test_a_queue_in_a_cycle_is_collected(impl: Implementation, kind: str) -> None:
    class Derived(getattr(impl.queue, kind)):  # type: ignore[misc]
        pass

    for make in (getattr(impl.queue, kind), Derived):
        made = make()
        made.itself = made
        made.put([made] if kind != "PriorityQueue" else (1, made))
        reference = weakref.ref(made)
        del made
        gc.collect()
        assert reference() is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the configuration of queues came with 3.12")
@pytest.mark.parametrize("kind", QUEUES)
def test_logging_takes_a_queue_by_its_class(kind: str) -> None:
    made = getattr(queue, kind)()
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"queued": {"class": "logging.handlers.QueueHandler", "queue": made, "handlers": []}},
        "loggers": {"interlock-test": {"handlers": ["queued"], "level": "INFO", "propagate": False}},
    }
    root, logger = logging.getLogger(), logging.getLogger("interlock-test")
    before = root.handlers[:]
    try:
        logging.config.dictConfig(config)
        (handler,) = logger.handlers
        assert isinstance(handler, logging.handlers.QueueHandler)
        assert handler.queue is made
        assert handler.listener is not None
        assert handler.listener.queue is made
        if kind != "PriorityQueue":  # log records have no order
            logger.info("first")
            assert made.get(timeout=60).msg == "first"
    finally:
        logger.handlers.clear()
        root.handlers[:] = before
