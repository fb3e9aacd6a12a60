"""Processes from start to end, with each start method, and blocks of shared memory."""

from __future__ import annotations

import importlib
import multiprocessing
from functools import partial
from itertools import repeat
from typing import Any

from case import Body, Case
from namespaces import Namespace


def process_class(ns: Namespace, method: str) -> Any:
    """Return a namespace's class of processes that start by `method`."""
    standard = type(multiprocessing.get_context(method)).Process
    if ns.name == "std":
        return standard
    return getattr(importlib.import_module("interlock.multiprocessing._processes"), standard.__name__)


def lives(method: str, ns: Namespace) -> Body:
    """Start a process that does nothing, and join it."""
    make = process_class(ns, method)

    def body(n: int) -> None:
        for _ in repeat(None, n):
            process = make(target=abs, args=(1,))  # a built-in function, which a child need not import
            process.start()
            process.join()

    return body


def blocks(ns: Namespace) -> Body:
    """Create a block, attach to it, close both, unlink it."""
    prefix = "" if ns.name == "std" else f"{ns.name}."
    make = importlib.import_module(f"{prefix}multiprocessing.shared_memory").SharedMemory

    def body(n: int) -> None:
        for _ in repeat(None, n):
            block = make(create=True, size=4096)
            make(block.name).close()
            block.close()
            block.unlink()

    return body


CASES = (
    Case("process-fork", "Process start + join, fork", 1.1, partial(lives, "fork"), least=10, apart=True),
    Case(
        "process-forkserver",
        "Process start + join, forkserver",
        3,
        partial(lives, "forkserver"),
        least=10,
        apart=True,
    ),
    Case("process-spawn", "Process start + join, spawn", 1.3, partial(lives, "spawn"), least=3, apart=True),
    Case("shared-memory", "SharedMemory create, attach, unlink", 1.5, blocks, least=50),
)
