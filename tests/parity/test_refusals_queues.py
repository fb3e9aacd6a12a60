"""Queues refuse calls with the standard library's exceptions and messages, and do not change then."""

from __future__ import annotations

import inspect
import queue as std_queue
import signal

import pytest
from interlock import queue

from tests.parity.judge import OURS, attempt, outcome, same

KINDS = ["Queue", "LifoQueue", "PriorityQueue"]
SEE = "x.qsize(), x.empty(), x.full(), x.unfinished_tasks, x.maxsize"

REFUSALS = {
    "no item": "x = q.{}()\nx.get_nowait()",
    "no item, without blocking": "x = q.{}()\nx.get(False)",
    "no item in time": "x = q.{}()\nx.get(timeout=0.001)",
    "no room": "x = q.{}(1); x.put(0)\nx.put_nowait(1)",
    "no room, without blocking": "x = q.{}(1); x.put(0)\nx.put(1, block=False)",
    "no room in time": "x = q.{}(1); x.put(0)\nx.put(1, True, 0.001)",
    "a negative timeout of get": "x = q.{}()\nx.get(timeout=-1)",
    "a negative timeout of put": "x = q.{}(1); x.put(0)\nx.put(1, timeout=-0.1)",
    "a task done that was none": "x = q.{}()\nx.task_done()",
    "one task done too many": "x = q.{}(); x.put(1); x.get(); x.task_done()\nx.task_done()",
}
AFTER_SHUTDOWN = {
    "put": "x = q.{}(); x.put(0); x.shutdown()\nx.put(1)",
    "put_nowait when full": "x = q.{}(1); x.put(0); x.shutdown()\nx.put_nowait(1)",
    "put with a negative timeout": "x = q.{}(1); x.shutdown()\nx.put(1, True, -1)",
    "get": "x = q.{}(); x.shutdown()\nx.get()",
    "get_nowait": "x = q.{}(); x.shutdown()\nx.get_nowait()",
    "get with a negative timeout": "x = q.{}(); x.shutdown()\nx.get(True, -1)",
    "get what is left": "x = q.{}(); x.put(0); x.shutdown()\nx.get()",
    "get what is not left": "x = q.{}(); x.put(0); x.shutdown(immediate=True)\nx.get()",
    "shutdown again": "x = q.{}(); x.put(0); x.shutdown()\nx.shutdown(True)",
    "join": "x = q.{}(); x.put(0); x.shutdown(True)\nx.join()",
    "task_done after all": "x = q.{}(); x.put(0); x.shutdown(True)\nx.task_done()",
    "task_done of what was got": "x = q.{}(); x.put(0); x.put(1); x.get(); x.shutdown(True)\nx.task_done()",
}
needs_shutdown = pytest.mark.skipif(
    not hasattr(std_queue, "ShutDown"), reason="the standard library has no Queue.shutdown() before 3.13"
)


@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_the_standard_librarys_and_changes_nothing(name: str, kind: str, look: bool) -> None:
    same(attempt(given(REFUSALS[name], kind, look), SEE))


@needs_shutdown
@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", AFTER_SHUTDOWN)
def test_a_queue_that_was_shut_down_behaves_as_the_standard_librarys(
    name: str, kind: str, look: bool
) -> None:
    same(attempt(given(AFTER_SHUTDOWN[name], kind, look), f"{SEE}, x.is_shutdown"))


def given(code: str, kind: str, look: bool) -> str:
    """Return the snippet for one kind of queue, which it materializes at once."""
    *setup, call = code.format(kind).splitlines()
    if look:
        begin, _, rest = setup[0].partition(";")
        setup[0] = f"{begin}; x.mutex; {rest or 'None'}"
    return "\n".join([*setup, call])


@pytest.mark.parametrize(
    "code",
    [
        "x = q.SimpleQueue()\nx.get_nowait()",
        "x = q.SimpleQueue()\nx.get(False)",
        "x = q.SimpleQueue()\nx.get(timeout=0.001)",
        "x = q.SimpleQueue()\nx.get(timeout=-1)",
        "x = q.SimpleQueue()\nx.get(True, 0)",
    ],
)
def test_a_simple_queue_refuses_as_the_standard_librarys(code: str) -> None:
    same(attempt(code, "x.qsize(), x.empty()"))


def test_the_exceptions_are_the_standard_librarys_own() -> None:
    assert queue.Empty is std_queue.Empty
    assert queue.Full is std_queue.Full
    assert queue.ShutDown is getattr(std_queue, "ShutDown", queue.ShutDown)
    assert issubclass(queue.ShutDown, Exception)
    assert queue.ShutDown.__name__ == "ShutDown"


def test_items_that_do_not_compare_are_refused_by_a_priority_queue() -> None:
    same(attempt("x = q.PriorityQueue(); x.put(1)\nx.put('a')", "x.unfinished_tasks, x.qsize()"))


@pytest.mark.parametrize("hook", ["_put", "_get", "_qsize"])
def test_a_hook_that_raises_leaves_the_queue_usable(hook: str) -> None:
    same(
        attempt(
            f"""class Bad(q.Queue):
    fails = False
    def {hook}(self, *args):
        if self.fails: raise KeyError('{hook}')
        return super().{hook}(*args)
x = Bad(3); x.put(1); x.fails = True
[x.put(2), x.get()]""",
            "(setattr(x, 'fails', False), x.unfinished_tasks, x.qsize(), x.get(), x.mutex.acquire(False))",
        )
    )


@pytest.mark.parametrize("kind", KINDS)
def test_many_that_find_no_room_come_back(kind: str) -> None:
    for look in ("None", "x.mutex"):
        code = f"x = q.{kind}(2); {look}\nx.put_many([1, 2, 3, 4], block=False)"
        assert outcome(OURS, attempt(code, SEE))[1][1] == (2, False, True, 2, 2)
        with pytest.raises(queue.Full) as refusal:
            getattr(queue, kind)(2).put_many(iter([1, 2, 3, 4]), timeout=0.001)
        assert refusal.value.remaining == [3, 4]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_many_of_what_is_no_number_of_items_is_refused(kind: str) -> None:
    q = getattr(queue, kind)()
    q.put(1)
    for number in (0, -1):
        with pytest.raises(ValueError, match="max must be one or more"):
            q.get_many(number)
    with pytest.raises(TypeError):
        q.put_many(5)
    assert (q.qsize(), q.unfinished_tasks) == (1, 1)


def test_of_many_items_only_the_first_argument_has_a_place() -> None:
    q = queue.Queue()
    for refused in (
        lambda: q.put_many([1], True),
        lambda: q.get_many(1, 5),
        lambda: q.get_many(1, None, False),
    ):
        with pytest.raises(TypeError, match="positional"):
            refused()
    for method in (queue.Queue.put_many, queue.Queue.get_many):
        kinds = [parameter.kind.name for parameter in inspect.signature(method).parameters.values()]
        assert kinds[2:] == ["KEYWORD_ONLY", "KEYWORD_ONLY"]
        assert [*inspect.signature(method).parameters][2:] == ["block", "timeout"]


def test_an_iterable_that_raises_keeps_what_came_before() -> None:
    def items() -> object:
        yield 1
        yield 2
        raise KeyError("the third")

    for q in (queue.Queue(), queue.PriorityQueue()):
        with pytest.raises(KeyError):
            q.put_many(items())
        assert (q.get_many(9), q.unfinished_tasks) == ([1, 2], 2)


def test_what_was_got_before_a_hook_fails_is_handed_out() -> None:
    """The error is not swallowed."""

    class Bad(queue.Queue):
        def _get(self) -> object:
            if self.unfinished_tasks and len(self.queue) == 1:
                raise KeyError("the last")
            return super()._get()

    q = Bad()
    q.put_many([1, 2, 3])
    with pytest.raises(KeyError) as failure:
        q.get_many(3)
    assert failure.value.got == [1, 2]
    assert [*q.queue] == [3]


def test_ctrl_c_between_two_items_is_not_swallowed_and_loses_none() -> None:
    """A handler may run at any step of a materialized queue: the caller gets its exception and the items so far."""

    class Interrupted(queue.Queue):
        def _get(self) -> object:
            if len(self.queue) == 2:
                raise KeyboardInterrupt
            return super()._get()

    q = Interrupted()
    q.put_many([1, 2, 3])
    with pytest.raises(KeyboardInterrupt) as interrupt:
        q.get_many(3)
    assert [*getattr(interrupt.value, "got", []), *q.queue] == [1, 2, 3]


@pytest.mark.parametrize("failure", [KeyError, KeyboardInterrupt, SystemExit, queue.Full])
@pytest.mark.parametrize("taken", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_ends_many_gets_says_what_was_got(
    kind: str, taken: int, failure: type[BaseException]
) -> None:
    """No item is lost or doubled, and the queue continues to work."""

    class Bad(getattr(queue, kind)):  # type: ignore[misc]
        left = taken

        def _get(self) -> object:
            self.left -= 1
            if self.left < 0:
                raise failure("no more")
            return super()._get()

    q = Bad()
    q.put_many([3, 1, 2, 4])
    with pytest.raises(failure, match="no more") as ended:
        q.get_many(4)
    got = vars(ended.value)["got"]
    assert len(got) == taken
    assert sorted([*got, *q.queue]) == [1, 2, 3, 4]
    q.left = 9
    assert sorted([*got, *q.get_many(9)]) == [1, 2, 3, 4]
    assert q.empty()
    assert q.unfinished_tasks == 4


def test_what_ends_many_gets_before_the_first_item_says_nothing_of_items() -> None:
    class Bad(queue.Queue):
        def _get(self) -> object:
            raise KeyError("the first")

    q = Bad()
    q.put(1)
    for call in (lambda: q.get_many(2), q.get):
        with pytest.raises(KeyError) as ended:
            call()
        assert not hasattr(ended.value, "got")
        assert q.qsize() == 1
    with pytest.raises(queue.Empty) as empty:
        queue.Queue().get_many(2, block=False)
    assert not hasattr(empty.value, "got")


def test_the_handler_of_a_signal_between_two_items_says_what_was_got() -> None:
    def handle(*_: object) -> None:
        raise InterruptedError("a signal")

    class Signalled(queue.Queue):
        def _get(self) -> object:
            item = super()._get()
            if item == 2:
                signal.raise_signal(signal.SIGUSR1)
            return item

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        q = Signalled()
        q.put_many([1, 2, 3])
        with pytest.raises(InterruptedError) as ended:
            q.get_many(3)
    finally:
        signal.signal(signal.SIGUSR1, before)
    # If the hook had already taken an item when the handler ran, that item is the hook's, as in get().
    assert vars(ended.value)["got"] == [1]
    assert [*q.queue] == [3]


@pytest.mark.parametrize("failure", [KeyError, KeyboardInterrupt])
def test_whatever_ends_many_puts_says_what_remains(failure: type[BaseException]) -> None:
    class Bad(queue.Queue):
        def _put(self, item: object) -> None:
            if item == 3:
                raise failure("the third")
            super()._put(item)

    q = Bad()
    with pytest.raises(failure) as ended:
        q.put_many(iter([1, 2, 3, 4]))
    assert vars(ended.value)["remaining"] == [3, 4]
    assert [*q.queue] == [1, 2]
