"""The collector frees objects in reference cycles, whatever holds them, and not too early."""

from __future__ import annotations

import asyncio
import gc
import threading as std_threading
import weakref
from collections.abc import Callable
from typing import Any

import interlock
import pytest
from interlock import queue, threading
from interlock.concurrent import futures
from interlock.multiprocessing.pool import ThreadPool

from tests.lifecycle.inside import eventually


class Node:
    """An object that can be part of a cycle, with weak references."""

    def __lt__(self, other: object) -> bool:
        return False


pytestmark = pytest.mark.usefixtures("few_objects")


def materialized(q: Any) -> Any:
    with q.mutex:
        return q


def with_dict(thing: Any) -> Any:
    thing.me = thing
    return thing


def in_itself(q: Any) -> Any:
    q.put(q)
    return q


def barrier_with_action(node: Node) -> Any:
    return threading.Barrier(1, lambda: node)


class LockOf:
    """A lock-like object that refers to the condition's owner."""

    acquire = release = locked = staticmethod(bool)

    def __init__(self, node: Node) -> None:
        self._node = node


def condition_on(node: Node) -> Any:
    return threading.Condition(LockOf(node))


def holding(q: Any, node: Node) -> Any:
    q.put(node)
    return q


def thread_with(node: Node) -> Any:
    return threading.Thread(target=lambda: node)


def finished_thread(node: Node) -> Any:
    thread = thread_with(node)
    thread.start()
    thread.join()
    thread.node = node
    return thread


class Number(int):
    """A number that may refer to an object."""


class Seconds(float):
    """A time that may refer to an object."""


def knowing(thing: Any, node: Node) -> Any:
    thing.node = node
    return thing


def materialized_while_waited_for(node: Node) -> Any:
    """Make an event with a stand-in for a thread that has given up."""
    for seconds in (0.05, 0.5, 5, 50):  # on a busy machine the time may be over before this thread looks
        event = knowing(threading.Event(), node)
        thread = threading.Thread(target=event.wait, args=(seconds,))
        thread.start()
        seen = False
        while thread.is_alive():
            seen = seen or bool(event._cond._waiters)
        if seen:
            return event
    raise AssertionError("no waiter was seen")


def barrier_with_timeout(node: Node) -> Any:
    return threading.Barrier(2, timeout=knowing(Seconds(1), node))


def future_with(node: Node) -> Any:
    future: Any = futures.Future()
    future.set_result(node)
    return future


def failed_future(node: Node) -> Any:
    future: Any = futures.Future()
    future.set_exception(knowing(ValueError(), node))
    return future


def future_that_calls(node: Node) -> Any:
    future: Any = futures.Future()
    future.add_done_callback(lambda _: node)
    return future


def materialized_future(node: Node) -> Any:
    future = future_that_calls(node)
    with future._condition:
        return future


def future_of(node: Node) -> Any:
    """Return the finished future of an executor's task."""
    with futures.ThreadPoolExecutor(1) as executor:
        future = executor.submit(lambda: node)
        future.result()
    return future


def waited_for(node: Node) -> Any:
    return knowing(futures.Future(), node)


def as_completed_that_has_begun(node: Node) -> Any:
    completed = futures.as_completed([future_with(node), waited_for(node)])
    next(completed)
    return completed


def current_task(node: Node) -> Any:
    with futures.ThreadPoolExecutor(1) as executor:
        return executor.submit(lambda: (interlock.current_task(), node)).result()[0]


def mapped(node: Node) -> Any:
    with futures.ThreadPoolExecutor(1) as executor:
        return executor.map(lambda _: node, range(3))


def executor(node: Node) -> Any:
    with futures.ThreadPoolExecutor(1, initializer=lambda: node) as executor:
        executor.submit(int).result()
    return executor


def ended(pool: Any) -> Any:
    pool.close()
    pool.join()
    return pool


def pool_with(node: Node) -> Any:
    pool = ThreadPool(1, lambda _: None, (node,))
    assert pool.apply(int) == 0
    return ended(pool)


def materialized_pool(node: Node) -> Any:
    pool = ThreadPool(1, lambda _: None, (node,))
    assert pool._quick_put
    assert pool.apply(int) == 0
    return ended(pool)


def fails(node: Node) -> None:
    raise knowing(KeyError(), node)


def failed_pool(node: Node) -> Any:
    """Make a pool that keeps what its initializer raised."""

    usual, std_threading.excepthook = std_threading.excepthook, lambda _: None
    try:
        pool = ThreadPool(1, fails, (node,))
        with pytest.raises(RuntimeError, match="initializer"):
            pool.apply(int)
        return ended(pool)
    finally:
        std_threading.excepthook = usual


def result_of(node: Node, call: Callable[[Any], Any]) -> Any:
    """Return the result of a finished call of a pool."""
    pool = ThreadPool(1)
    result = call(pool)
    ended(pool)
    return result


def looked_into(result: Any) -> Any:
    assert vars(result)
    return result


# A maker takes a node and returns an object that keeps the node alive; the node then refers to that object.
HOLDERS: dict[str, Callable[[Node], Any]] = {
    "Queue": lambda node: holding(queue.Queue(), node),
    "materialized Queue": lambda node: holding(materialized(queue.Queue()), node),
    "Queue materialized later": lambda node: materialized(holding(queue.Queue(), node)),
    "LifoQueue": lambda node: holding(queue.LifoQueue(), node),
    "PriorityQueue": lambda node: holding(queue.PriorityQueue(), node),
    "SimpleQueue": lambda node: holding(queue.SimpleQueue(), node),
    "Barrier": barrier_with_action,
    "Condition": condition_on,
    "Thread": thread_with,
    "finished Thread": finished_thread,
    "Timer": lambda node: threading.Timer(1, print, [node]),
    "Event materialized while waited for": materialized_while_waited_for,
    "Semaphore of an own number": lambda node: threading.Semaphore(knowing(Number(1), node)),
    "BoundedSemaphore of an own number": lambda node: threading.BoundedSemaphore(knowing(Number(1), node)),
    "Queue of an own size": lambda node: queue.Queue(knowing(Number(9), node)),
    "Barrier of an own number": lambda node: threading.Barrier(knowing(Number(1), node)),
    "Barrier with an own timeout": barrier_with_timeout,
    "Future": future_with,
    "Future that failed": failed_future,
    "Future with a callback": future_that_calls,
    "materialized Future": materialized_future,
    "Future of a task": future_of,
    "as_completed()": lambda node: futures.as_completed([future_with(node), future_with(node)]),
    "as_completed() of a future that is not done": lambda node: futures.as_completed([waited_for(node)]),
    "as_completed() that has begun": as_completed_that_has_begun,
    "current_task()": current_task,
    "Executor.map()": mapped,
    "ThreadPoolExecutor": executor,
    "ThreadPoolExecutor that has not begun": lambda node: knowing(futures.ThreadPoolExecutor(1), node),
    "ThreadPool": pool_with,
    "ThreadPool that is materialized": materialized_pool,
    "ThreadPool that failed": failed_pool,
    "ApplyResult": lambda node: result_of(node, lambda pool: pool.apply_async(lambda: node)),
    "materialized ApplyResult": lambda node: looked_into(
        result_of(node, lambda pool: pool.apply_async(lambda: node))
    ),
    "ApplyResult that failed": lambda node: result_of(node, lambda pool: pool.apply_async(fails, (node,))),
    "ApplyResult with a callback": lambda node: result_of(
        node, lambda pool: pool.apply_async(lambda: node, callback=lambda _: node)
    ),
    "MapResult": lambda node: result_of(node, lambda pool: pool.map_async(lambda _: node, range(3))),
    "imap()": lambda node: result_of(node, lambda pool: pool.imap(lambda _: node, range(3))),
    "materialized imap()": lambda node: looked_into(
        result_of(node, lambda pool: pool.imap(lambda _: node, range(3)))
    ),
    "imap_unordered()": lambda node: result_of(
        node, lambda pool: pool.imap_unordered(lambda _: node, range(3))
    ),
}

# Objects that are in a cycle by themselves.
ALONE: dict[str, Callable[[], Any]] = {
    "Queue in itself": lambda: in_itself(queue.Queue()),
    "LifoQueue in itself": lambda: in_itself(queue.LifoQueue()),
    "materialized Queue in itself": lambda: in_itself(materialized(queue.Queue())),
    "SimpleQueue in itself": lambda: in_itself(queue.SimpleQueue()),
    "Queue as its own attribute": lambda: with_dict(queue.Queue()),
    "Condition as its own attribute": lambda: with_dict(threading.Condition()),
    "Event as its own attribute": lambda: with_dict(threading.Event()),
    "Semaphore as its own attribute": lambda: with_dict(threading.Semaphore()),
    "BoundedSemaphore as its own attribute": lambda: with_dict(threading.BoundedSemaphore()),
    "Barrier as its own attribute": lambda: with_dict(threading.Barrier(1)),
    "Thread as its own attribute": lambda: with_dict(threading.Thread()),
    "Future as its own attribute": lambda: with_dict(futures.Future()),
    "ThreadPool as its own attribute": lambda: with_dict(ended(ThreadPool(1))),
    "ApplyResult as its own attribute": lambda: with_dict(
        result_of(Node(), lambda pool: pool.apply_async(int))
    ),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_a_cycle_through_a_holder_is_collected(name: str) -> None:
    node = Node()
    ref = weakref.ref(node)
    node.holder = HOLDERS[name](node)  # type: ignore[attr-defined]
    del node
    assert ref() is not None
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("name", HOLDERS)
def test_what_a_living_holder_holds_is_not_collected(name: str) -> None:
    node = Node()
    ref = weakref.ref(node)
    holder = HOLDERS[name](node)
    del node
    gc.collect()
    assert ref() is not None
    del holder
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("name", ALONE)
def test_an_object_that_holds_itself_is_collected(name: str) -> None:
    thing = ALONE[name]()
    ref = weakref.ref(thing)
    del thing
    assert ref() is not None
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("name", ALONE)
def test_weak_references_call_back(name: str) -> None:
    calls: list[int] = []
    thing = ALONE[name]()
    ref = weakref.ref(thing, lambda _: calls.append(1))
    del thing
    gc.collect()
    assert (ref(), calls) == (None, [1])


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
def test_a_queue_that_a_task_waited_for_is_freed(kind: str) -> None:
    """Neither the queue nor the place in its line keeps the awaiting task or its event loop alive."""

    async def wait_and_go() -> tuple[weakref.ref[Any], weakref.ref[Any]]:
        q = getattr(queue, kind)(1)
        waiting = asyncio.ensure_future(q.aget())
        await asyncio.sleep(0)  # sleep: none, it lets the task begin
        q.put(1)
        assert await waiting == 1
        q.put(2)
        putting = asyncio.ensure_future(q.aput(3))
        await asyncio.sleep(0)  # sleep: none, it lets the task begin
        putting.cancel()
        await asyncio.wait([putting])
        return weakref.ref(q), weakref.ref(asyncio.get_running_loop())

    refs = asyncio.run(wait_and_go())
    gc.collect()
    assert [ref() for ref in refs] == [None, None]


@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize("side", ["aget", "aput", "ajoin"])
def test_a_task_that_is_left_when_its_loop_is_closed_is_collected(side: str, look: bool) -> None:
    for _ in range(20):
        q: Any = queue.Queue(1)
        if side != "aget":
            q.put(1)
        if look:
            materialized(q)
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # 'Task was destroyed but it is pending!'
        task = loop.create_task(getattr(q, side)(*([2] if side == "aput" else [])))
        loop.run_until_complete(asyncio.sleep(0))  # sleep: none, it lets the task begin
        assert not task.done()
        loop.close()
        refs = [weakref.ref(thing) for thing in (q, loop, task)]
        del q, loop, task
        gc.collect()
        assert [ref() for ref in refs] == [None] * 3


@pytest.mark.parametrize("call", ["apply_async", "map_async", "imap", "imap_unordered"])
@pytest.mark.parametrize("look", ["nothing", "pool", "result"])
def test_what_a_pool_has_to_do_is_not_collected(call: str, look: str) -> None:
    """The collector frees neither the pool nor its arguments until it is done, and then all of them."""
    go, node = std_threading.Event(), Node()

    def waits_and_gives(node: Node) -> Callable[..., Node]:
        return lambda *_: (go.wait(60), node)[1]

    pool: Any = ThreadPool(1)
    end = weakref.finalize(pool, int)
    args = [()] if call == "apply_async" else [[1, 2]]
    result = getattr(pool, call)(waits_and_gives(node), *args)
    node.pool, node.result = pool, result  # type: ignore[attr-defined]
    ref = weakref.ref(node)
    if look == "pool":
        vars(pool)
    elif look == "result":
        vars(result)
    del node, result
    pool.close()
    threads = [*pool._pool, *([pool._result_handler] if look != "nothing" else [])]
    del pool
    gc.collect()
    assert end.alive
    assert ref() is not None
    go.set()
    for thread in threads:
        thread.join(60)
    del thread, threads
    eventually(lambda: gc.collect() >= 0 and (ref(), end.alive) == (None, False), "the end of the pool")


def test_the_same_holds_when_interlock_is_installed(passes: Callable[..., None]) -> None:
    passes(
        """
        import interlock
        interlock.install()
        gc.disable()
        from tests.lifecycle import test_cycles as t
        gc.collect(), gc.freeze()  # so that collections do not look at all the modules again and again
        for cases, with_node in ((t.HOLDERS, True), (t.ALONE, False)):
            for name, make in cases.items():
                gc.collect()
                thing = node = t.Node()
                if with_node:
                    node.holder = make(node)
                else:
                    thing = make()
                ref = weakref.ref(thing)
                del thing, node
                gc.collect()
                assert ref() is None, name
        """
    )


@pytest.mark.parametrize("name", HOLDERS)
def test_a_collection_in_the_middle_of_other_threads_work_breaks_nothing(name: str) -> None:
    """The collector looks into objects while other threads use them."""
    node = Node()
    holder = HOLDERS[name](node)
    stop = threading.Event()

    def use() -> None:
        while not stop.is_set():
            if hasattr(holder, "get_nowait"):
                holder.put(holder.get_nowait())
            repr(holder)

    threads = [threading.Thread(target=use) for _ in range(2)]
    if hasattr(holder, "put"):
        for _ in range(len(threads)):
            holder.put(node)
    for thread in threads:
        thread.start()
    for _ in range(20):
        gc.collect()
    stop.set()
    for thread in threads:
        thread.join()
    if hasattr(holder, "get_nowait"):
        assert holder.get_nowait() is node
