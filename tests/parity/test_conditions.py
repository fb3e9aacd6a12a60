"""What a notifier can rely on while no other thread can get the interpreter."""

from __future__ import annotations

import pytest

from tests.builds import has_a_lock
from tests.parity.crew import Crew
from tests.parity.judge import Implementation

pytestmark = has_a_lock


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
@pytest.mark.parametrize("together", [True, False])
def test_who_notifies_has_the_lock_again_without_a_wait(
    impl: Implementation, kind: str, together: bool, no_turns: None
) -> None:
    crew = Crew()
    condition = impl.threading.Condition(getattr(impl.threading, kind)())

    def wait() -> bool:
        with condition:
            return condition.wait(60)  # type: ignore[no-any-return]

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
