"""Settings for all tests."""

from __future__ import annotations

import gc
import signal


def pytest_configure() -> None:
    """Let Ctrl-C through, here and in child processes: a shell makes its background jobs ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Have the collector pass over all that pytest has made by now: many tests call it, and each would look at that."""
    gc.collect()
    gc.freeze()
