"""The settings of an executor with processes: checked as the standard library checks them."""

from __future__ import annotations

import multiprocessing
import operator
import os

from interlock._installed import installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "check_extras",
    "checked_context",
    "checked_initializer",
    "checked_memory_limit",
    "checked_policy",
    "checked_retries",
    "checked_workers",
    "distinct",
]


def checked_workers(max_workers: Any) -> int:
    """Return the maximum number of workers. Raises ValueError or TypeError."""
    if max_workers is None:
        # Looked up now: tests replace it.
        count: int = getattr(os, "process_cpu_count", os.cpu_count)() or 1
        return count
    if max_workers <= 0:
        raise ValueError("max_workers must be greater than 0")
    return operator.index(max_workers)


def checked_context(mp_context: Any, max_tasks_per_child: Any) -> Any:
    """Return the context that makes the processes. Raises TypeError or ValueError."""
    if mp_context is None:
        ours: Any = multiprocessing
        if "multiprocessing.popen_fork" not in installed():
            from interlock import multiprocessing as ours
        mp_context = ours.get_context("spawn" if max_tasks_per_child is not None else None)
    method = mp_context.get_start_method(allow_none=False)
    if max_tasks_per_child is not None:
        if not isinstance(max_tasks_per_child, int):
            raise TypeError("max_tasks_per_child must be an integer")
        if max_tasks_per_child <= 0:
            raise ValueError("max_tasks_per_child must be >= 1")
        if method == "fork":
            raise ValueError(
                "max_tasks_per_child is incompatible with the 'fork' multiprocessing start method; supply a "
                "different mp_context."
            )
    return mp_context


def checked_initializer(initializer: Any) -> Any:
    """Return the initializer. Raises TypeError."""
    if initializer is not None and not callable(initializer):
        raise TypeError("initializer must be a callable")
    return initializer


def checked_policy(on_worker_death: str | None, retries: int, max_pending: int | None) -> tuple[str, int]:
    """Return what a worker's death means, and how often a call runs again. Raises TypeError or ValueError."""
    if max_pending is not None and max_pending <= 0:
        raise ValueError("max_pending must be greater than 0")
    if on_worker_death is None:
        on_worker_death = "break" if "concurrent.futures" in installed() else "fail-task"
    return on_worker_death, checked_retries(retries, on_worker_death, "an executor")


def checked_retries(retries: Any, on_worker_death: str, what: str) -> int:
    """Return how often a call of `what` may run again. Raises TypeError or ValueError."""
    if not isinstance(retries, int):
        raise TypeError(f"retries must be an integer, not {type(retries).__name__}")
    if retries < 0:
        raise ValueError("retries must not be negative")
    if retries and on_worker_death != "retry":
        raise ValueError(f"retries are for {what} with on_worker_death='retry'")
    return retries


def checked_memory_limit(memory_limit: Any) -> int | None:
    """Return the number of bytes. Raises TypeError or ValueError."""
    if memory_limit is None:
        return None
    if not isinstance(memory_limit, int):
        raise TypeError(f"memory_limit must be a number of bytes or None, not {memory_limit!r}")
    if memory_limit <= 0:
        raise ValueError("memory_limit must be greater than 0")
    return memory_limit


def check_extras(on_worker_death: str, retries: Any, memory_limit: Any) -> None:
    """Check the settings that a `Pool` has in addition to the standard library's. Raises TypeError or ValueError."""
    checked_retries(retries, on_worker_death, "a pool")
    checked_memory_limit(memory_limit)


def distinct(value: Any) -> Any:
    """Return a key that is equal only for equal settings of the same type: 1, True and 1.0 are equal, but differ."""
    if isinstance(value, tuple):
        return type(value), tuple(map(distinct, value))
    if isinstance(value, frozenset):
        return type(value), frozenset(map(distinct, value))
    return type(value), repr(value) if isinstance(value, (float, complex)) else value  # 0.0 equals -0.0
