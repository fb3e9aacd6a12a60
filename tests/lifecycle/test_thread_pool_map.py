"""A `ThreadPool` at the exit of the interpreter, in a forked child, and when it is terminated at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from interlock import threading
from interlock.multiprocessing import _core
from interlock.multiprocessing._calls import call_for_each
from interlock.multiprocessing.pool import ThreadPool

Passes = Callable[..., None]

LIMIT = 60

SETUP = """
from interlock.multiprocessing.pool import ThreadPool
import multiprocessing
begun = threading.Semaphore(0)
def forever(x=None):
    begun.release()
    threading.Event().wait()
def busy(x=None):
    begun.release()
    while True:
        sum(range(1000))
def wait_for(count):
    for _ in range(count):
        assert begun.acquire(timeout=60)
"""


@pytest.mark.parametrize("task", ["forever", "busy"])
@pytest.mark.parametrize(
    "submit",
    [
        "[pool.apply_async({task}) for _ in range(1000)]",
        "pool.map_async({task}, range(100000), 1)",
        "pool.imap_unordered({task}, iter(int, 1))",
        "pool.map_async({task}, range(5), callback=print, error_callback=print)",
    ],
)
@pytest.mark.parametrize("end", ["", "pool.terminate()", "pool.close()"])
def test_the_interpreter_exits_while_tasks_run_and_wait(
    passes: Passes, task: str, submit: str, end: str
) -> None:
    passes(
        SETUP
        + f"""
pool = ThreadPool(3)
results = {submit.format(task=task)}
wait_for(2)
{end}
"""
    )


def test_the_interpreter_exits_while_a_callback_runs(passes: Passes) -> None:
    passes(SETUP + "pool = ThreadPool(3)\nresult = pool.apply_async(int, callback=forever)\nwait_for(1)\n")


def test_the_interpreter_exits_while_results_stream(passes: Passes) -> None:
    passes(
        SETUP
        + """
pool = ThreadPool(3)
for number, _ in enumerate(pool.imap_unordered(str, iter(int, 1))):
    if number == 10000:
        break
"""
    )


def test_a_pool_can_be_used_in_the_child_of_a_fork(passes: Passes) -> None:
    passes(
        SETUP
        + """
pool = ThreadPool(3)
called = []
results = [pool.apply_async(forever) for _ in range(3)]
waiting = pool.apply_async(called.append, (1,))
wait_for(3)
def child():
    assert pool.map(str, range(100), 1) == [str(x) for x in range(100)]
    assert list(pool.imap(str, range(10))) == [str(x) for x in range(10)]
    got = []
    assert pool.apply_async(int, callback=got.append).get(60) == 0 and got == [0]
    try:
        waiting.get(60)
    except RuntimeError:
        pass
    else:
        raise AssertionError("the parent's task was run in the child")
    assert called == []
    pool.close()
    pool.join()
assert forked(child) == 0
"""
    )


def test_a_job_that_forks_can_use_its_pool_in_the_child(passes: Passes) -> None:
    passes(
        SETUP
        + """
pool = ThreadPool(1)
def child():
    # The job that forked still runs here, and its thread counts as no worker.
    for _ in range(3):
        assert pool.apply(str, (1,)) == "1"
    assert pool.map(str, range(5), 1) == [str(x) for x in range(5)]
    assert len(pool._pool) == 1
pool.apply(forked, (child,))
assert pool.apply(str, (2,)) == "2"
"""
    )


def test_a_fork_while_workers_are_at_work(passes: Passes) -> None:
    passes(
        SETUP
        + """
pool = ThreadPool(4)
stop = []
numbers = iter(lambda: len(stop), 1)
results = pool.imap_unordered(str, numbers)
for _ in range(20):
    next(results)
    def child():
        assert pool.map(str, range(10)) == [str(x) for x in range(10)]
    assert forked(child) == 0
stop.append(1)
for _ in results:
    pass
pool.close()
pool.join()
"""
    )


def test_results_of_a_terminated_pool_do_not_hang() -> None:
    pool = ThreadPool(1)
    go, begun = threading.Event(), threading.Event()

    def task(x: object = None) -> bool:
        begun.set()
        return go.wait(LIMIT)

    running = pool.map_async(task, range(10), 1)
    called: list[object] = []
    waiting = pool.apply_async(called.append, (1,), callback=called.append, error_callback=called.append)
    iterator, unordered = pool.imap(task, range(10)), pool.imap_unordered(task, range(10))
    assert begun.wait(LIMIT)
    pool.terminate()
    for get in (waiting.get, iterator.next, unordered.next):
        with pytest.raises(RuntimeError, match="the pool was terminated before it made this call"):
            get(timeout=LIMIT)
    for results in (iterator, unordered):
        with pytest.raises(StopIteration):
            next(results)
    go.set()
    pool.join()
    with pytest.raises(RuntimeError, match="terminated"):
        running.get(LIMIT)
    assert waiting.ready()
    assert not waiting.successful()
    assert called == []


def test_a_callback_that_raises_is_reported_and_the_pool_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading as std

    reported: list[Any] = []
    monkeypatch.setattr(std, "excepthook", reported.append)

    def raising(value: object) -> None:
        raise KeyError(value)

    with ThreadPool(2) as pool:
        for number in range(3):
            assert pool.apply_async(abs, (number,), callback=raising).get(LIMIT) == number
            assert pool.map_async(abs, [number], callback=raising).get(LIMIT) == [number]
        with pytest.raises(TypeError):
            pool.apply_async(abs, ("",), error_callback=raising).get(LIMIT)
    assert [report.exc_type for report in reported] == [KeyError] * 7
    assert {report.thread.name.split()[-1] for report in reported} == {"(_handle_results)"}


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_whatever_a_task_raises_reaches_the_caller(error: type[BaseException]) -> None:
    def raising(x: object = None) -> None:
        raise error

    with ThreadPool(2) as pool:
        for call in (
            lambda: pool.apply(raising),
            lambda: pool.map(raising, range(5)),
            lambda: list(pool.imap(raising, range(5))),
            lambda: list(pool.imap_unordered(raising, range(5), 2)),
        ):
            with pytest.raises(error):
                call()
        assert pool.map(abs, range(5)) == [0, 1, 2, 3, 4]


def test_iterables_that_end_early_end_the_map() -> None:
    class Short:
        def __len__(self) -> int:
            return 10

        def __iter__(self) -> Any:
            return iter([-1, -2, -3])

    with ThreadPool(2) as pool:
        assert pool.map_async(abs, Short(), 2).get(LIMIT) == [1, 2, 3] + [None] * 7


def test_initializers_that_fail_end_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading as std

    reported: list[Any] = []
    monkeypatch.setattr(std, "excepthook", reported.append)

    def failing() -> None:
        raise KeyError("initializer")

    with ThreadPool(3, failing) as pool:
        for get in (
            pool.apply_async(abs, (1,)).get,
            pool.map_async(abs, range(5)).get,
            pool.imap(abs, range(5)).next,
        ):
            with pytest.raises(RuntimeError, match="the initializer of every worker") as caught:
                get(timeout=LIMIT)
            assert isinstance(caught.value.__cause__, KeyError)
    pool.join()
    assert [report.exc_type for report in reported] == [KeyError] * 3


def test_a_call_whose_worker_could_not_be_started_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = ThreadPool(2)
    starting, submitted = threading.Event(), threading.Event()

    def fail(*_args: Any) -> None:
        starting.set()
        assert submitted.wait(LIMIT)
        raise RuntimeError("can't start new thread")

    def start() -> None:
        with pytest.raises(RuntimeError, match="can't start"):
            pool.apply(int)

    monkeypatch.setattr(_core, "_start", fail)
    thread = threading.Thread(target=start)
    thread.start()
    assert starting.wait(LIMIT)
    result = pool.apply_async(int)  # the pool believes that it has a worker
    submitted.set()
    thread.join(LIMIT)
    with pytest.raises(RuntimeError, match="can't start"):
        result.get(LIMIT)
    monkeypatch.undo()
    assert pool.apply(int) == 0
    pool.close()
    pool.join()


@pytest.mark.parametrize("in_python", [None, call_for_each])
def test_a_list_that_is_shorter_than_it_was_is_an_error(in_python: Any) -> None:
    """As if another thread removes items between reading the length and copying."""
    pool = ThreadPool(2)
    result = pool._interlock_map((abs, False, in_python), [1, 2, 3], (5, 2), (None, None))
    with pytest.raises(IndexError, match=r"^the iterable has become shorter$"):
        result.get(LIMIT)
    assert pool.map(abs, [1, 2, 3]) == [1, 2, 3]
    pool.close()
    pool.join()


def test_a_generator_may_wait_for_the_results_that_it_brought_about() -> None:
    room = threading.Semaphore(3)

    def items() -> Any:
        for number in range(50):
            assert room.acquire(timeout=LIMIT)
            yield number

    with ThreadPool(4) as pool:
        for imap in (pool.imap, pool.imap_unordered):
            got = []
            for result in imap(abs, items()):
                got.append(result)
                room.release()
            assert sorted(got) == list(range(50))


def test_nested_submissions_have_all_the_workers() -> None:
    with ThreadPool(3) as pool:

        def nested(depth: int) -> int:
            return 1 if depth == 0 else 1 + pool.apply_async(nested, (depth - 1,)).get(LIMIT)

        for _ in range(20):
            assert nested(3) == 4


def test_results_do_not_pile_up_while_they_are_taken() -> None:
    def most_that_waited() -> int:
        with ThreadPool(2) as pool:
            results: Any = pool.imap(abs, iter(range(200_000)))
            return max(results._index - number for number, _ in enumerate(results))

    # A worker waits for a reader for a few milliseconds only: on a busy machine the reader may come later than that. If
    # workers never waited, every attempt would fail.
    assert any(most_that_waited() < 50_000 for _ in range(20))
