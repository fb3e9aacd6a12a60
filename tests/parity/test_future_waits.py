"""`wait()`, `as_completed()` and asyncio over futures of both libraries, native, materialized, and switching midway."""

from __future__ import annotations

import asyncio
import concurrent.futures as std
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from interlock.concurrent import futures

from tests.lifecycle.inside import blocked, eventually, until_blocked
from tests.parity.judge import Implementation

MIXTURES: dict[str, list[Callable[[], Any]]] = {
    "standard": [std.Future],
    "ours": [futures.Future],
    "both": [std.Future, futures.Future],
}
LIBRARIES = {"standard": std, "ours": futures}
TIMED_OUT = pytest.raises(std.TimeoutError)


@pytest.fixture(params=[(library, mixture) for library in LIBRARIES for mixture in MIXTURES], ids=":".join)
def over(request: pytest.FixtureRequest) -> tuple[Any, Callable[[], Any]]:
    """Return a library whose wait() is called, and a function that makes futures of the libraries in turn."""
    library, mixture = request.param
    kinds = MIXTURES[mixture]
    made: Iterator[Any] = (kinds[number % len(kinds)]() for number in range(10**9))
    return LIBRARIES[library], lambda: next(made)


class Other:
    """Start a thread that makes a call, and return when it is blocked in it."""

    def __init__(self, call: Callable[[], Any], blocks: bool = True) -> None:
        self.native: list[int] = []
        self.came: list[Any] = []
        self.thread = threading.Thread(target=self.run, args=(call,), daemon=True)
        self.thread.start()
        if blocks:
            eventually(lambda: self.native, "the thread")
            until_blocked(self.native)

    def run(self, call: Callable[[], Any]) -> None:
        self.native.append(threading.get_native_id())
        try:
            self.came.append(call())
        except BaseException as error:
            self.came.append(type(error))

    def end(self) -> Any:
        """Return the outcome of the call."""
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.came[0]


def four(make: Callable[[], Any]) -> list[Any]:
    """Make a pending future, a finished one, a failed one, and a cancelled one."""
    made = [make() for _ in range(4)]
    made[1].set_result(1)
    made[2].set_exception(ValueError(2))
    made[3].cancel()
    made[3].set_running_or_notify_cancel()
    return made


def test_what_is_done_is_found(over: tuple[Any, Callable[[], Any]]) -> None:
    library, make = over
    fs = four(make)
    for when in ("FIRST_COMPLETED", "FIRST_EXCEPTION"):
        said = library.wait(fs, return_when=when)
        assert (said.done, said.not_done) == (set(fs[1:]), {fs[0]})
    for timeout in (0, 0.001, -1):
        assert library.wait(fs, timeout) == (set(fs[1:]), {fs[0]})
    assert library.wait(fs[1:]) == (set(fs[1:]), set())
    assert library.wait([]) == library.wait([], 0) == (set(), set())
    assert library.wait([fs[1], fs[1]]).done == {fs[1]}
    assert library.wait(iter(fs), 0).not_done == {fs[0]}
    assert set(library.as_completed([*fs[1:], *fs[1:]])) == set(fs[1:])
    assert list(library.as_completed([])) == []
    with pytest.raises(std.TimeoutError, match=r"^1 \(of 4\) futures unfinished$"):
        list(library.as_completed(fs, 0))


def test_a_cancelled_future_is_done_when_its_executor_knows(over: tuple[Any, Callable[[], Any]]) -> None:
    library, make = over
    x = make()
    x.cancel()
    assert library.wait([x], 0).not_done == {x}
    waiting = Other(lambda: library.wait([x]).done == {x})
    assert not x.set_running_or_notify_cancel()
    assert waiting.end() is True


def test_a_wait_ends_with_the_first_that_counts(over: tuple[Any, Callable[[], Any]]) -> None:
    library, make = over
    for when, enders in {
        "FIRST_COMPLETED": [lambda x: x.set_result(1)],
        "FIRST_EXCEPTION": [lambda x: x.set_result(1), lambda x: x.set_exception(ValueError())],
        "ALL_COMPLETED": [lambda x: x.set_result(1)] * 3,
    }.items():
        fs = [make() for _ in range(3)]
        waiting = Other(lambda fs=fs, when=when: library.wait(fs, 60, when).not_done)
        for x, end in zip(fs, enders, strict=False):
            assert not waiting.came
            end(x)
        assert waiting.end() == set(fs[len(enders) :])


def test_futures_come_as_they_are_done(over: tuple[Any, Callable[[], Any]]) -> None:
    library, make = over
    fs = [make() for _ in range(6)]
    fs[5].set_result(5)
    completed = library.as_completed(fs, 20)
    assert next(completed) is fs[5]
    for x in (fs[3], fs[0]):
        waiting = Other(lambda: next(completed))
        x.set_result(0)
        assert waiting.end() is x
    fs[1].cancel(), fs[1].set_running_or_notify_cancel()
    fs[2].set_exception(ValueError())
    fs[4].set_result(4)
    assert set(completed) == {fs[1], fs[2], fs[4]}
    assert list(completed) == []


def test_a_closed_iterator_is_at_its_end(over: tuple[Any, Callable[[], Any]]) -> None:
    library, make = over
    fs = four(make)
    completed = library.as_completed(fs)
    next(completed)
    completed.close()
    assert list(completed) == list(completed) == []
    fs[0].set_result(1)
    assert list(completed) == []


def test_an_iterator_that_timed_out_is_at_its_end(over: tuple[Any, Callable[[], Any]]) -> None:
    library, make = over
    fs = four(make)
    completed = library.as_completed(fs, 0.001)
    with TIMED_OUT:
        list(completed)
    assert list(completed) == []


def test_what_was_given_is_let_go_of(impl: Implementation) -> None:
    gc.disable()
    try:
        fs = [impl.futures.Future() for _ in range(3)]
        for x in fs:
            x.set_result(1)
        refs = [weakref.ref(x) for x in fs]
        completed = impl.futures.as_completed(fs)
        del fs, x
        next(completed)
        assert len([ref for ref in refs if ref()]) == 2
        for _ in completed:
            pass
        del _
        assert [ref() for ref in refs] == [None] * 3
    finally:
        gc.enable()


LOOKS = ["x._condition", "x._waiters", "x._done_callbacks"]
ENDS: dict[str, Callable[[Any], object]] = {
    "set_result": lambda x: x.set_result(3),
    "set_exception": lambda x: x.set_exception(KeyError()),
    "cancel": lambda x: x.cancel() and x.set_running_or_notify_cancel(),
}
WAITS: dict[str, Callable[[Any, Any], Any]] = {
    "result": lambda _, x: x.result(),
    "result with a timeout": lambda _, x: x.result(60),
    "exception": lambda _, x: type(x.exception()),
    "wait": lambda library, x: library.wait([x]).done == {x},
    "as_completed": lambda library, x: next(library.as_completed([x])) is x,
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_a_look_inside_changes_nothing(wait: str, end: str, when: str) -> None:
    def said(library: Any) -> list[Any]:
        x, seen = library.Future(), []
        x.add_done_callback(lambda future: seen.append(future._state))
        if when == "before":
            look(x)
        waiting = Other(lambda: WAITS[wait](library, x))
        if when == "during":
            look(x)
            until_blocked(waiting.native)
        x.add_done_callback(lambda future: seen.append("second"))
        ENDS[end](x)
        came = waiting.end()
        if when == "after":
            look(x)
        return [came, seen, x._state, x.done(), x._result, type(x._exception), list(x._waiters)]

    def look(x: Any) -> None:
        for name in LOOKS:
            eval(name, {"x": x})

    assert said(futures) == said(std)


def test_a_future_finished_by_hand_wakes_who_waits(impl: Implementation) -> None:
    x = impl.futures.Future()
    waiting = Other(lambda: x.result(60))
    with x._condition:
        x._result = 5
        x._state = "FINISHED"
        x._condition.notify_all()
    assert waiting.end() == 5
    assert repr(x).endswith("state=finished returned int>")


@pytest.mark.parametrize("method", ["result", "exception"])
def test_a_future_that_is_materialized_during_a_timed_wait_keeps_to_its_time(method: str) -> None:
    for seconds in (0.1, 1, 10, 60):  # on a busy machine the time may be over before this thread looks
        x, begun = futures.Future(), time.monotonic()
        waiting = Other(lambda x=x, seconds=seconds: getattr(x, method)(seconds), blocks=False)
        eventually(
            lambda waiting=waiting: waiting.came or (waiting.native and blocked(waiting.native[0])),
            "the wait",
        )
        assert x._condition
        is_early = not waiting.came
        assert waiting.end() is std.TimeoutError
        assert time.monotonic() - begun >= seconds
        if is_early:
            return
    raise AssertionError("always too late")


def test_asyncio_takes_a_future(impl: Implementation) -> None:
    async def main() -> list[Any]:
        said: list[Any] = []
        for end in ENDS.values():
            x = impl.futures.Future()
            wrapped = asyncio.wrap_future(x)
            thread = threading.Thread(target=end, args=(x,))
            thread.start()
            said += await asyncio.gather(wrapped, return_exceptions=True)
            thread.join()
        x = impl.futures.Future()
        wrapped = asyncio.wrap_future(x)
        wrapped.cancel()
        await asyncio.sleep(0)  # sleep: none, it lets the loop call back
        said.append(x.cancelled())
        return said

    said = asyncio.run(main())
    assert said[0] == 3
    assert [type(one) for one in said[1:]] == [KeyError, asyncio.CancelledError, bool]
    assert said[3] is True


def test_asyncio_runs_in_an_executor(impl: Implementation) -> None:
    async def main() -> list[Any]:
        loop = asyncio.get_running_loop()
        with impl.futures.ThreadPoolExecutor(2) as pool:
            said = [await loop.run_in_executor(pool, pow, 2, 5)]
            with pytest.raises(ZeroDivisionError):
                await loop.run_in_executor(pool, divmod, 1, 0)
            said += await asyncio.gather(*(loop.run_in_executor(pool, pow, 2, n) for n in range(50)))
        loop.set_default_executor(impl.futures.ThreadPoolExecutor(2, "default"))
        said.append(await asyncio.to_thread(lambda: threading.current_thread().name[:8]))
        await loop.shutdown_default_executor()
        return said

    assert asyncio.run(main()) == [32, *(2**n for n in range(50)), "default_"]
