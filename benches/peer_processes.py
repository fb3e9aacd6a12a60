"""The peers' queues between processes, under the standard names."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

ROOM = 64 << 20
"""Bytes: peers whose queues have a bound get much room, because the other queues have no bound."""


def _multiprocess() -> Any:
    return importlib.import_module("multiprocess").get_context("fork")


def _faster_fifo() -> Any:
    queue_class = importlib.import_module("faster_fifo").Queue
    return SimpleNamespace(Queue=lambda: queue_class(max_size_bytes=ROOM))


def _zeroq() -> Any:
    queue_class = importlib.import_module("zeroq").Queue
    return SimpleNamespace(Queue=lambda: queue_class(f"/bench-{os.getpid()}", 1 << 10, ROOM >> 10))


def _py_sharedmemory() -> Any:
    package = importlib.import_module("py_sharedmemory")

    def queue() -> Any:
        sender, receiver = package.create_shared_memory_pair(capacity=16)
        return SimpleNamespace(put=sender.put, get=receiver.get)

    return SimpleNamespace(Queue=queue)


LOADERS: dict[str, Callable[[], Any]] = {
    "faster-fifo": _faster_fifo,
    "multiprocess": _multiprocess,
    "py-sharedmemory": _py_sharedmemory,
    "zeroq": _zeroq,
}
"""Each returns a replacement for the context of ``fork``, or raises ImportError if its package is not installed."""
