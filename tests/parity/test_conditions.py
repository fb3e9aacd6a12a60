"""What the thread that notifies may count on, while no other can have the interpreter."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.parity.crew import Crew
from tests.parity.judge import Implementation

pytestmark = [
    pytest.mark.timeout(30),
    pytest.mark.skipif(
        not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="the notified thread may be faster there"
    ),
]


@pytest.fixture
def no_turns() -> Iterator[None]:
    """A thread keeps the interpreter until it waits."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(20)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
@pytest.mark.parametrize("together", [True, False])
def test_who_notifies_has_the_lock_again_without_a_wait(
    impl: Implementation, kind: str, together: bool, no_turns: None
) -> None:
    crew = Crew()
    condition = impl.threading.Condition(getattr(impl.threading, kind)())

    def wait() -> bool:
        with condition:
            return condition.wait(20)  # type: ignore[no-any-return]

    for _ in range(3):
        crew.start(wait)
    taken = []
    with condition:
        for number in [3] if together else [1, 1, 1]:
            condition.notify(number)
    for _ in range(3):
        taken.append(condition.acquire(False))
        condition.release()
    assert taken == [True] * 3
    assert crew.end() == [True] * 3
