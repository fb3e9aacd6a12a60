"""At the interpreter's end, when no other thread runs any more, a wait does the same as in the standard library."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[..., object]

# The collector frees a cycle after the daemon threads have ended, while one of them holds the lock.
AT_THE_END = """
import queue as std_queue
if {standard}:
    threading, queue = std, std_queue

started = std.Event()
lock = getattr(threading, {kind!r})()

def hold():
    lock.acquire()
    started.set()
    while True:
        time.sleep(1)

def waiting():
    condition = threading.Condition()
    with condition:
        return condition.wait(0.05)

calls = [
    lambda: lock.acquire(timeout=0.05),
    lambda: lock.acquire(timeout=0),
    lambda: lock.acquire(False),
    lambda: threading.Event().wait(0.05),
    lambda: threading.Event().wait(0),
    lambda: threading.Semaphore(0).acquire(timeout=0.05),
    waiting,
    lambda: queue.Queue().get(timeout=0.05),
    lambda: threading.Lock().acquire(),
]

class Cycle:
    def __init__(self):
        self.itself = self
        std.Thread(target=hold, daemon=True).start()
        started.wait()

    def __del__(self, calls=calls, print=print):
        for call in calls:
            try:
                print(call())
            except Exception as error:
                print(repr(error))

Cycle()
"""


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_a_wait_that_nobody_can_end_does_as_in_the_standard_library(run: Run, kind: str) -> None:
    ours, theirs = (run(AT_THE_END.format(standard=standard, kind=kind)) for standard in (False, True))
    assert ours == theirs
    assert ours.status == 0  # type: ignore[attr-defined]
    assert len(ours.out.splitlines()) == 9  # type: ignore[attr-defined]
