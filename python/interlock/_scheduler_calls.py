"""The executors behind `call()` of a scheduler, and the other threads that can wake a task."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor
    from typing import Any

    from interlock.concurrent.futures import Future

__all__ = ["has_other_threads", "submit"]

_executors: dict[tuple[str, int], Any] = {}
"""The executors, by what they are made of and by process: a forked child can't use those of its parent.

They are made when a task calls first, and end with the process.
"""


def submit(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any] | None,
    executor: Executor | str | None,
) -> Future[Any]:
    """Have a thread, a worker process or an executor of the program call `function`. Does not block."""
    chosen: Any = _executor(executor or "thread") if isinstance(executor, str | None) else executor
    return chosen.submit(function, *args, **(kwargs or {}))  # type: ignore[no-any-return]


def _executor(kind: str) -> Any:
    key = kind, os.getpid()
    if key not in _executors:
        if kind == "process":
            from interlock.concurrent.futures import ProcessPoolExecutor

            made: Any = ProcessPoolExecutor()
        else:
            from interlock.concurrent.futures import ThreadPoolExecutor

            made = ThreadPoolExecutor(thread_name_prefix="scheduler-call")
        _executors.setdefault(key, made)
    return _executors[key]


def has_other_threads() -> bool:
    """Whether there is another thread that runs Python code, apart from those that serve the calls of tasks."""
    threads, processes = (_executors.get((kind, os.getpid())) for kind in ("thread", "process"))
    servants = set(threads._threads) if threads is not None else set()
    if processes is not None:
        servants.add(processes._executor_manager_thread)
    others = set(sys._current_frames()) - {getattr(thread, "ident", None) for thread in servants}
    return len(others) > 1
