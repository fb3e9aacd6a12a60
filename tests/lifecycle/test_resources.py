"""Nothing grows: memory, descriptors, operating-system threads, thread-local data."""

from __future__ import annotations

import gc
import os
import resource
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from interlock import queue, threading
from interlock.concurrent import futures
from interlock.multiprocessing.pool import ThreadPool

from tests.lifecycle.inside import eventually


def resident_bytes() -> int:
    """Return the size of the process's resident set."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def grows_by(step: Callable[[], object], rounds: int) -> int:
    """Return by how many bytes the resident set grows from a tenth of the `rounds` of a step to all of them."""
    for _ in range(rounds // 10):
        step()
    gc.collect()
    before = resident_bytes()
    for _ in range(rounds):
        step()
    gc.collect()
    return resident_bytes() - before


def fill_and_empty(q: Any) -> Callable[[], None]:
    def step() -> None:
        for number in range(50):
            q.put(number + 1000)
        for _ in range(50):
            q.get()

    return step


def wait_in_vain(wait: Callable[[], object]) -> Callable[[], None]:
    def step() -> None:
        with suppress(queue.Empty):
            wait()

    return step


def materialized() -> Any:
    q = queue.Queue()
    with q.mutex:
        return q


STEPS: dict[str, tuple[Callable[[], Callable[[], object]], int]] = {
    "Queue": (lambda: fill_and_empty(queue.Queue()), 4000),
    "materialized Queue": (lambda: fill_and_empty(materialized()), 2000),
    "LifoQueue": (lambda: fill_and_empty(queue.LifoQueue()), 4000),
    "PriorityQueue": (lambda: fill_and_empty(queue.PriorityQueue()), 1000),
    "SimpleQueue": (lambda: fill_and_empty(queue.SimpleQueue()), 4000),
    "waits of a Queue that time out": (lambda: wait_in_vain(lambda: queue.Queue().get(timeout=1e-6)), 3000),
    "waits of one Queue": (lambda: wait_in_vain(partial(queue.Queue().get, timeout=1e-6)), 3000),
    "waits of one Condition": (lambda: condition_wait(threading.Condition()), 3000),
    "locks": (lambda: lambda: [threading.Lock(), threading.RLock(), threading.Condition()], 20000),
    "queues": (lambda: lambda: [queue.Queue(), queue.SimpleQueue(), materialized()], 5000),
    "threads": (lambda: start_and_join, 400),
    "exceptions": (lambda: wait_in_vain(queue.Queue().get_nowait), 50000),
}


def condition_wait(condition: Any) -> Callable[[], None]:
    def step() -> None:
        with condition:
            condition.wait(1e-6)

    return step


def start_and_join() -> None:
    threads = [threading.Thread(target=int) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("name", STEPS)
def test_memory_stays_as_it_is(name: str) -> None:
    make, rounds = STEPS[name]
    step = make()
    # What leaks, leaks each time; the kernel's own bookkeeping, and pages that it took and gives back, do not.
    assert any(grows_by(step, rounds) < 1 << 20 for _ in range(5))


def test_descriptors_do_not_grow_with_threads() -> None:
    start_and_join()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(250):
        start_and_join()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_kernel_threads_go_when_they_are_not_used() -> None:
    """No operating-system thread remains after a `Thread` or a pool has ended."""
    go = threading.Event()
    before = kernel_threads()
    threads = [threading.Thread(target=go.wait) for _ in range(150)]
    for thread in threads:
        thread.start()
    assert kernel_threads() >= 150
    go.set()
    for thread in threads:
        thread.join()
    with futures.ThreadPoolExecutor(20) as executor, ThreadPool(20) as pool:
        assert [*executor.map(abs, range(100))] == pool.map(abs, range(100))
    pool.join()
    eventually(lambda: kernel_threads() <= before, "fewer threads")


def kernel_threads() -> int:
    return len(os.listdir("/proc/self/task"))


class Local:
    """An object with weak references."""


def test_thread_local_data_is_gone_after_join() -> None:
    local, seen = threading.local(), []

    def keep() -> None:
        assert not hasattr(local, "value")
        local.value = Local()
        seen.append(weakref.ref(local.value))

    for _ in range(50):
        threads = [threading.Thread(target=keep) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [ref() for ref in seen] == [None] * len(seen)


def test_a_thread_keeps_nothing_alive_that_it_was_given() -> None:
    gone: list[weakref.ref[Local]] = []

    def work(thing: Local) -> None:
        gone.append(weakref.ref(thing))

    thing = Local()
    thread = threading.Thread(target=work, args=(thing,))
    thread.start()
    thread.join()
    del thing
    assert gone[0]() is None
    ref = weakref.ref(thread)
    del thread
    gc.collect()
    assert ref() is None


def test_an_item_that_was_got_is_not_kept() -> None:
    for q in (queue.Queue(), queue.LifoQueue(), queue.SimpleQueue(), materialized()):
        item = Local()
        ref = weakref.ref(item)
        q.put(item)
        del item
        assert ref() is not None
        q.get()
        assert ref() is None
