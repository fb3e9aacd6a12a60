"""A wait that an observer refuses raises DeadlockError, and leaves the object and the thread as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import interlock
import pytest
from interlock import queue, threading
from interlock._interlock import _refuse_waits
from interlock.concurrent import futures
from interlock.multiprocessing.pool import ThreadPool


@pytest.fixture(autouse=True)
def no_refusal_left() -> Iterator[None]:
    yield
    _refuse_waits(0)


def refused(wait: Callable[[], object]) -> None:
    """Has a wait refused, and the next one not."""
    _refuse_waits(1)
    with pytest.raises(interlock.DeadlockError, match="wait for itself"):
        wait()


def test_the_error_is_a_runtime_error() -> None:
    assert issubclass(interlock.DeadlockError, RuntimeError)
    assert interlock.DeadlockError.__module__ == "interlock"


@pytest.mark.parametrize("timeout", [-1, 100])
def test_a_lock(timeout: float) -> None:
    lock = threading.Lock()
    lock.acquire()
    refused(lambda: lock.acquire(timeout=timeout))
    assert lock.locked()
    # The next wait is not refused.
    assert not lock.acquire(timeout=0.001)
    lock.release()
    assert not lock.locked()


def test_a_lock_in_a_with_statement() -> None:
    lock = threading.Lock()
    entered = False
    with lock:

        def enter() -> None:
            nonlocal entered
            with lock:
                entered = True

        refused(enter)
    assert not lock.locked()
    assert not entered


def test_an_rlock_of_another_thread() -> None:
    lock = threading.RLock()
    owner = threading.Thread(target=lock.acquire)
    owner.start()
    owner.join()
    refused(lock.acquire)
    assert not lock._is_owned()  # type: ignore[attr-defined]


def test_a_condition_has_its_lock_again() -> None:
    condition = threading.Condition()
    with condition:
        refused(condition.wait)
        assert condition._is_owned()  # type: ignore[attr-defined]
        assert not condition.wait(timeout=0.001)


def test_a_semaphore() -> None:
    semaphore = threading.Semaphore(0)
    refused(semaphore.acquire)
    semaphore.release()
    assert semaphore.acquire(timeout=0)


def test_an_event() -> None:
    event = threading.Event()
    refused(event.wait)
    assert not event.is_set()
    assert not event.wait(0.001)


def test_a_barrier_loses_one_party() -> None:
    barrier = threading.Barrier(2)
    refused(barrier.wait)
    assert not barrier.broken
    assert barrier.n_waiting == 0


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
def test_a_queue(kind: Any) -> None:
    items = kind(1)
    refused(items.get)
    items.put(1)
    refused(lambda: items.put(2))
    refused(items.join)
    assert items.get() == 1
    assert items.empty()


def test_a_simple_queue() -> None:
    items: queue.SimpleQueue[int] = queue.SimpleQueue()
    refused(items.get)
    items.put(1)
    assert items.get() == 1


def test_a_future() -> None:
    future: futures.Future[int] = futures.Future()
    refused(future.result)
    refused(future.exception)
    refused(lambda: futures.wait([future]))
    assert not future.done()
    future.set_result(1)
    assert future.result() == 1


def test_the_result_of_a_pool() -> None:
    lock = threading.Lock()
    lock.acquire()
    with ThreadPool(1) as pool:
        result = pool.apply_async(lock.acquire)
        refused(result.get)
        lock.release()
        assert result.get() is True


def test_other_threads_wait_on() -> None:
    lock = threading.Lock()
    lock.acquire()
    _refuse_waits(1)
    waiter = threading.Thread(target=lock.acquire)
    waiter.start()
    with pytest.raises(interlock.DeadlockError):
        lock.acquire()
    lock.release()
    waiter.join()
    assert lock.locked()


def test_a_handler_that_waits_meanwhile_does_not_get_the_error(passes: Callable[..., None]) -> None:
    """The refused thread has to take back the lock, and a signal handler waits for something else meanwhile."""
    passes("""
        from interlock import DeadlockError
        from interlock._interlock import _refuse_waits
        said = []
        def hear(*_):
            try:
                queue.Queue().get(timeout=0.001)
            except Exception as error:
                said.append(type(error))
        signal.signal(signal.SIGUSR1, hear)
        main = std.main_thread()
        lock = threading.Lock()
        condition = threading.Condition(lock)
        def take():
            with lock:
                until_blocked([main.native_id])
                signal.pthread_kill(main.ident, signal.SIGUSR1)
                eventually(lambda: said, "the handler")
        lock.acquire()
        taker = std.Thread(target=take)
        taker.start()
        until_blocked([taker.native_id])
        _refuse_waits(1)
        try:
            condition.wait()
        except DeadlockError:
            said.append(DeadlockError)
        assert lock.locked()
        assert said == [queue.Empty, DeadlockError], said
        taker.join()
        """)
