"""The result of `ThreadPoolExecutor.stats()`."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Stats"]


class Stats(NamedTuple):
    """Counts of an executor's calls at one moment; see `ThreadPoolExecutor.stats()`."""

    submitted: int
    running: int
    waiting: int
    done: int
    failed: int
    busy: dict[str, float]
