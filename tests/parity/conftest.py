"""One body, run on the standard modules and on Interlock's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from interlock.concurrent.futures import ThreadPoolExecutor

from tests.parity.judge import IMPLEMENTATIONS, Gate, Implementation
from tests.stress.crew import restless


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda impl: impl.name)
def impl(request: pytest.FixtureRequest) -> Implementation:
    """Return the modules to test: the standard library's, then Interlock's."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def no_threads_left() -> object:
    """Tests end the threads that they start."""
    import threading

    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name == "interlock-clock":
            continue  # this thread ends when the last time limit is over
        thread.join(60)
        assert not thread.is_alive(), f"{thread} was left"
    return None


@pytest.fixture
def no_turns() -> Iterator[None]:
    """Let a thread keep the interpreter until it waits."""
    with restless(1000):
        yield


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Return tasks that are known to run; the end of the test releases them."""
    made = Gate()
    yield made
    made.open.set()


@pytest.fixture
def one(gate: Gate) -> Iterator[ThreadPoolExecutor]:
    """Return an executor with one worker."""
    with ThreadPoolExecutor(1) as pool:
        yield pool
        gate.open.set()
