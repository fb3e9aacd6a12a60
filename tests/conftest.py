"""What all tests have in common."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Let Ctrl-C through, here and in child processes: a shell that starts a job in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
