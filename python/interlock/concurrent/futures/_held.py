"""Held calls, which wait for futures: how an executor keeps them, and how they end when the interpreter exits."""

from __future__ import annotations

import concurrent.futures.thread as _std
import sys
from concurrent.futures._base import LOGGER, BrokenExecutor
from contextlib import suppress
from functools import partial
from weakref import ref

from interlock._interlock import WaitingCalls, executors
from interlock._lifecycle import after_fork_in_child, at_exit_before_threads_end
from interlock._originals import originals
from interlock.threading import Condition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock.concurrent.futures._thread_pool import ThreadPoolExecutor

__all__ = [
    "Held",
    "held_by",
    "hold",
    "holders",
    "let_go",
    "may_start",
    "refuses_for_exit",
    "submit_ready",
]

_std_submit = originals(_std, "ThreadPoolExecutor").ThreadPoolExecutor.submit
holders: dict[int, Held] = {}
"""The held calls of each executor that ever had one, by `id()`: a subclass may not be hashable."""
_NO_THREADS_AT_EXIT = sys.version_info >= (3, 12)
"""Whether threads can't be started at exit, so that a call held until then needs a worker started before."""


class _AtExit:
    finishing = False
    """Whether the interpreter is exiting and workers still make held calls."""


class Held:
    """The futures of an executor's held calls."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.futures: set[Any] = set()
        self.changed = Condition(executor._shutdown_lock)
        self._executor = ref(executor, partial(holders.pop, id(executor)))

    def wait_for_none(self) -> None:
        """Block until the executor has no held calls any more."""
        with self.changed:
            self.changed.wait_for(lambda: not self.futures)


def held_by(executor: ThreadPoolExecutor) -> Held | None:
    """Return an executor's held calls, or None if it never held one."""
    return holders.get(id(executor))


def hold(executor: ThreadPoolExecutor, future: Any) -> None:
    """Keep an executor from ending before a call that will be submitted later.

    Raises what submit() raises if the executor or the interpreter has already shut down.
    """
    with executor._shutdown_lock:
        ended = executor._shutdown or executor._broken or _std._shutdown
        if not ended:
            held = held_by(executor)
            if held is None:
                held = holders[id(executor)] = Held(executor)
            held.futures.add(future)
    if ended:
        _std_submit(executor, int)
    elif _NO_THREADS_AT_EXIT and not executor._threads and not executor._interlock_is_materialized:
        with suppress(RuntimeError):  # a worker may start when the call is submitted
            executor._interlock_start_worker()


def let_go(executor: ThreadPoolExecutor, future: Any) -> None:
    """Forget a call that was held."""
    held = held_by(executor)
    if held is None:  # in a forked child
        return
    with held.changed:
        held.futures.discard(future)
        if not held.futures:
            held.changed.notify_all()
            if executor._shutdown:
                executor._interlock_shut_down(False, False)


def submit_ready(
    executor: ThreadPoolExecutor,
    future: Any,
    priority: int,
    call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]],
    site: str | None,
) -> None:
    """Submit a held call, which will complete `future`; there is always room for it."""
    if not executor._interlock_submit_held(future, priority, (*call, site)):
        executor.submit(_fulfil, future, *call)


def _fulfil(future: Any, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Run a call as the standard library's workers do.

    Its future may already be done: it was cancelled, or has the error that submit() raised.
    """
    if future.done():
        future._interlock_cancel_at_once()  # reports the cancellation if it was cancelled
        return
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    except BaseException as error:
        future.set_exception(error)
        del future  # the traceback of its exception would refer to it
    else:
        future.set_result(result)


def refuses_for_exit(error: Exception) -> bool:
    """Whether the error says that no call or thread can start because the interpreter is exiting."""
    return _std._shutdown and isinstance(error, RuntimeError) and not isinstance(error, BrokenExecutor)


def may_start() -> bool:
    """Whether an executor may start a worker now."""
    return _AtExit.finishing or not _std._shutdown


def _finish() -> None:
    """At exit, let workers make held calls for as long as the futures that they wait for complete.

    When all submitted calls are done and no held call was submitted meanwhile, the remaining held calls wait for
    futures that no executor will complete. They are cancelled. After this the standard library ends the workers.
    """
    if not _all_held():
        return
    with _std._global_shutdown_lock:
        _std._shutdown = True  # the standard library does this first, too
        _AtExit.finishing = True
    for executor in executors():
        executor._interlock_refuse()
    before = None
    while _all_held():
        with _std._global_shutdown_lock:
            queues = {id(queue): queue for queue in _std._threads_queues.values()}
        done = [queue._interlock_wait() for queue in queues.values() if isinstance(queue, WaitingCalls)]
        if done == before:
            break
        before = done
    _AtExit.finishing = False
    for future in _all_held():
        try:
            future._interlock_cancel_at_once()
        except BaseException:  # from a callback; the threads must still end
            LOGGER.critical("Exception in a callback of %r", future, exc_info=True)


def _all_held() -> list[Any]:
    return [future for held in [*holders.values()] for future in held.futures.copy()]


def _after_fork() -> None:
    """In a forked child there are no workers: forget the parent's, so that executors start new ones when needed.

    The child does not wait for the parent's held calls, and does not cancel them.
    """
    holders.clear()
    for executor in executors():
        if not executor._interlock_is_materialized:
            executor._shutdown_lock._at_fork_reinit()
            executor._interlock_forget_workers()


at_exit_before_threads_end(_finish)
after_fork_in_child(_after_fork)
