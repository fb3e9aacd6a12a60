"""The executors behind `call()` of a scheduler, and the other threads that can wake a task."""

from __future__ import annotations

import sys

from interlock._lifecycle import after_fork_in_child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor
    from typing import Any

    from interlock.concurrent.futures import Future

__all__ = ["has_other_threads", "submit"]

_executors: dict[str, Any] = {}
"""The executors of this process, by what they are made of. Made when a task calls first; they end with the process."""

after_fork_in_child(_executors.clear)


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
    if kind not in _executors:
        if kind == "process":
            from interlock.concurrent.futures import ProcessPoolExecutor

            made: Any = ProcessPoolExecutor()
        else:
            from interlock.concurrent.futures import ThreadPoolExecutor

            made = ThreadPoolExecutor(thread_name_prefix="scheduler-call")
        _executors.setdefault(kind, made)
    return _executors[kind]


def has_other_threads() -> bool:
    """Whether there is another thread that runs Python code, apart from those that serve the calls of tasks."""
    threads, processes = _executors.get("thread"), _executors.get("process")
    servants = set(threads._threads) if threads is not None else set()
    if processes is not None:
        servants.add(processes._executor_manager_thread)
    others = set(sys._current_frames()) - {getattr(thread, "ident", None) for thread in servants}
    return len(others) > 1
