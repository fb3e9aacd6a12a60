"""Settings for all tests."""

from __future__ import annotations

import gc
import signal
from zlib import crc32

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let several interpreters divide the tests among them."""
    text = "run the I-th of N shares of the tests, each of which belongs to one share"
    parser.addoption("--share", default="1/1", metavar="I/N", help=text)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of other shares."""
    number, shares = map(int, config.getoption("--share").split("/"))
    left_out = [item for item in items if crc32(item.nodeid.encode()) % shares != number - 1]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if crc32(item.nodeid.encode()) % shares == number - 1]


def pytest_configure() -> None:
    """Let Ctrl-C through, here and in child processes: a shell makes its background jobs ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Have the collector pass over all that pytest has made by now: many tests call it, and each would look at that."""
    gc.collect()
    gc.freeze()
