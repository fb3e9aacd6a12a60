"""Who gets an item that is put into a SimpleQueue while a getter waits.

From 3.13 on the standard library hands it to the getter, and others don't see it. Before, the first thread to run
takes it.
"""

from __future__ import annotations

import queue as std_queue
import struct
import sys
import threading
from contextlib import suppress
from typing import Any

import pytest
from interlock import queue

from tests.builds import has_a_lock

# A woken getter can't take its item before the putter waits.
pytestmark = pytest.mark.usefixtures("no_turns")

HANDS_OVER = sys.version_info >= (3, 13)
KINDS = [std_queue.SimpleQueue, queue.SimpleQueue]


def getter_of(waiting: Any, got: list[object]) -> threading.Thread:
    """Start a thread that waits for an item."""
    begun = threading.Event()

    def get() -> None:
        begun.set()
        got.append(waiting.get())

    thread = threading.Thread(target=get)
    thread.start()
    # The getter has begun and runs until it waits: no other thread takes the interpreter from it.
    begun.wait()
    return thread


@has_a_lock
@pytest.mark.parametrize("kind", KINDS)
def test_an_item_put_while_a_getter_waits(kind: type[Any]) -> None:
    waiting, got = kind(), list[object]()
    thread = getter_of(waiting, got)
    waiting.put("first")
    seen = waiting.qsize(), waiting.empty()
    if HANDS_OVER:
        assert seen == (0, True)
        with pytest.raises(std_queue.Empty):
            waiting.get_nowait()
        with pytest.raises(std_queue.Empty):
            waiting.get(timeout=0)
    else:
        assert seen == (1, False)
        assert waiting.get_nowait() == "first"
        waiting.put("second")
    thread.join()
    assert got == ["first" if HANDS_OVER else "second"]


@has_a_lock
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_put_beyond_the_getters_is_for_all(kind: type[Any]) -> None:
    waiting, got = kind(), list[object]()
    threads = [getter_of(waiting, got) for _ in range(2)]
    for item in range(3):
        waiting.put(item)
    if HANDS_OVER:
        assert waiting.qsize() == 1
    assert waiting.get_nowait() in range(3)
    for thread in threads:
        thread.join()
    assert len(got) == 2
    assert waiting.empty()


def test_an_item_for_a_getter_whose_time_is_over_is_not_lost() -> None:
    """Up to 3.12 the standard queue may wait for ever here, if the time is over when it begins to wait."""
    items: Any = queue.SimpleQueue()
    for number in range(200):
        got: list[object] = []

        def get(got: list[object] = got) -> None:
            with suppress(std_queue.Empty):
                got.append(items.get(timeout=0.0005))

        threads = [threading.Thread(target=get) for _ in range(2)]
        for thread in threads:
            thread.start()
        items.put(number)
        for thread in threads:
            thread.join()
        if not got:
            got.append(items.get_nowait())
        assert got == [number]
        assert items.qsize() == 0


def test_its_size_is_the_memory_that_it_takes() -> None:
    items: Any = queue.SimpleQueue()
    empty = sys.getsizeof(items)
    for number in range(1000):
        items.put(number)
    assert sys.getsizeof(items) >= empty + 1000 * struct.calcsize("P")


@pytest.mark.parametrize("kind", KINDS)
def test_it_names_itself_as_the_standard_one_does(kind: type) -> None:
    assert repr(kind) == "<class '_queue.SimpleQueue'>"
    assert repr(kind()).startswith("<_queue.SimpleQueue object at ")
