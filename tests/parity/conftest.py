"""One body, run on the standard modules and on Interlock's."""

from __future__ import annotations

import pytest

from tests.parity.judge import IMPLEMENTATIONS, Implementation


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda impl: impl.name)
def impl(request: pytest.FixtureRequest) -> Implementation:
    """The modules to test: the standard library's, then Interlock's."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def no_threads_left() -> object:
    """Tests end the threads that they start."""
    import threading

    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name == "interlock-clock":
            continue  # it ends when the last time limit is over
        thread.join(10)
        assert not thread.is_alive(), f"{thread} was left"
    return None
