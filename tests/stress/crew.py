"""Common parts of the stress tests: their size, their seed, and threads that report exceptions."""

from __future__ import annotations

import faulthandler
import os
import random
import select
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ITEMS = int(os.environ.get("INTERLOCK_STRESS", "100000"))
"""Number of items in all queue tests of one run together; a thorough run has a million."""

SEED = int(os.environ.get("INTERLOCK_SEED", random.SystemRandom().randrange(1 << 32)))
"""The seed of random choices; a failure prints it, and INTERLOCK_SEED repeats it."""

LIMIT = 250.0
"""Seconds after which threads that have not ended count as hung: many times what they take on a busy machine."""


def chance(*what: object) -> random.Random:
    """Return a source of random choices for one purpose."""
    return random.Random(f"{SEED} {what}")


def eventually(state: Callable[[], object], what: str, limit: float = LIMIT) -> None:
    """Return when state() is true; fail with the stacks of all threads after `limit` seconds."""
    end = time.monotonic() + limit
    while not state():
        if time.monotonic() > end:
            faulthandler.dump_traceback(all_threads=True)
            raise AssertionError(f"{what} did not come within {limit} s (INTERLOCK_SEED={SEED})")
        select.select([], [], [], 0.0005)


@contextmanager
def restless(interval: float = 1e-5) -> Iterator[None]:
    """Make the interpreter switch threads at this interval, in seconds: far more often than usual, or hardly ever."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


class Crew:
    """Threads of the given class that begin together, and whose failures are reported."""

    def __init__(self, make: Callable[..., threading.Thread]) -> None:
        self._make = make
        self._threads: list[threading.Thread] = []
        self._failures: list[str] = []
        self._go = threading.Event()

    def add(self, call: Callable[..., object], *args: Any) -> None:
        """Add a thread that will make a call."""
        self._threads.append(self._make(target=self._run, args=(call, args), daemon=True))

    def _run(self, call: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._go.wait()
        try:
            call(*args)
        except BaseException:
            self._failures.append(traceback.format_exc())

    def start(self) -> None:
        """Let all threads begin."""
        for thread in self._threads:
            if thread.ident is None:
                thread.start()
        self._go.set()

    def join(self, limit: float = LIMIT) -> None:
        """Wait for all threads; fail if one failed or hangs."""
        end = time.monotonic() + limit
        for thread in self._threads:
            while thread.is_alive() and not self._failures:
                thread.join(0.05)
                if time.monotonic() > end:
                    faulthandler.dump_traceback(all_threads=True)
                    raise AssertionError(f"{thread} hangs (INTERLOCK_SEED={SEED})")
        assert not self._failures, f"INTERLOCK_SEED={SEED}\n{self._failures[0]}"

    def run(self, limit: float = LIMIT) -> None:
        """Start all threads, and wait for all."""
        self.start()
        self.join(limit)
