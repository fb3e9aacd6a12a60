"""The executors behind `call()` of a scheduler, and the other threads that can wake a task."""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor
    from typing import Any

    from interlock.concurrent.futures import Future

__all__ = ["has_other_threads", "submit"]

_executors: dict[tuple[str, int], tuple[Any, set[Future[Any]]]] = {}
"""The executors and their unfinished calls, by settings and process: a forked child can't use its parent's executors.

An executor is made at the first call that needs it, and ends with the process.
"""


def submit(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any] | None,
    executor: Executor | str | None,
) -> Future[Any]:
    """Submit `function` to a thread, a worker process or an executor of the program. Does not block."""
    if not isinstance(executor, str | None):
        return executor.submit(function, *args, **(kwargs or {}))  # type: ignore[return-value]
    own, calls = _executor(executor or "thread")
    future: Future[Any] = own.submit(function, *args, **(kwargs or {}))
    calls.add(future)
    future.add_done_callback(calls.discard)
    return future


def _executor(kind: str) -> tuple[Any, set[Future[Any]]]:
    key = kind, os.getpid()
    if key not in _executors:
        if kind == "process":
            from interlock.concurrent.futures import ProcessPoolExecutor

            made: Any = ProcessPoolExecutor()
        else:
            from interlock.concurrent.futures import ThreadPoolExecutor

            made = ThreadPoolExecutor(thread_name_prefix="scheduler-call")
        _executors.setdefault(key, (made, set()))
    return _executors[key]


def has_other_threads(states: int | None) -> bool:
    """Whether anything but the tasks of this thread may run Python code: another thread, or the handler of a signal.

    The threads that run the calls of tasks count while there is a call: its task may no longer wait for it, and the
    call may run any code. `states` is the number of threads that the interpreter knows, if `sys` does not list all of
    them.
    """
    servants: set[Any] = set()
    for kind in ("thread", "process"):
        executor, calls = _executors.get((kind, os.getpid()), (None, ()))
        if calls:
            return True
        if executor is not None:
            servants.update(executor._threads if kind == "thread" else [executor._executor_manager_thread])
    # This also lists threads that were just started and have no frame yet.
    threads = set(sys._current_exceptions())
    if states is not None and states > len(threads):
        return True
    others = threads - {getattr(thread, "ident", None) for thread in servants}
    return len(others) > 1 or any(map(_may_run_code, signal.valid_signals()))


def _may_run_code(number: int) -> bool:
    """Whether a signal has a handler other than that of Ctrl-C, which only raises KeyboardInterrupt."""
    handler = signal.getsignal(number)
    return callable(handler) and handler is not signal.default_int_handler
