"""Calls that wait for futures: what an executor has of them, and what becomes of them when the interpreter exits."""

from __future__ import annotations

import concurrent.futures.thread as _std
import os
import sys
import threading as _std_threading
from concurrent.futures._base import LOGGER, BrokenExecutor
from contextlib import suppress
from functools import partial
from weakref import ref

from interlock._interlock import WaitingCalls
from interlock._originals import originals
from interlock.threading import Condition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock.concurrent.futures._thread_pool import ThreadPoolExecutor

__all__ = [
    "Held",
    "executors",
    "held_by",
    "hold",
    "know",
    "let_go",
    "may_start",
    "refuses_for_exit",
    "submit_ready",
]

_std_submit = originals(_std, "ThreadPoolExecutor").ThreadPoolExecutor.submit
_executors: dict[int, ref[ThreadPoolExecutor]] = {}
_holders: dict[int, Held] = {}
"""What executors hold that ever held a call. Both go by `id()`: a subclass may not be hashable."""
_NO_THREADS_AT_EXIT = sys.version_info >= (3, 12)
"""Whether a call that is held until then needs a worker that is there before."""


class _AtExit:
    finishing = False
    """Whether the interpreter exits, and held calls are still made."""


class Held:
    """The futures of an executor's calls that wait for others."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.futures: set[Any] = set()
        self.changed = Condition(executor._shutdown_lock)
        self._executor = ref(executor, partial(_holders.pop, id(executor)))

    def wait_for_none(self) -> None:
        """Blocks until no call waits for others any more."""
        with self.changed:
            self.changed.wait_for(lambda: not self.futures)


def know(executor: ThreadPoolExecutor) -> None:
    """Know an executor as long as it lives."""
    key = id(executor)
    _executors[key] = ref(executor, partial(_executors.pop, key))


def executors() -> list[ThreadPoolExecutor]:
    """The executors that were closed when they were made, at this moment."""
    return [executor for reference in [*_executors.values()] if (executor := reference()) is not None]


def held_by(executor: ThreadPoolExecutor) -> Held | None:
    """What an executor holds, if it ever held a call."""
    return _holders.get(id(executor))


def hold(executor: ThreadPoolExecutor, future: Any) -> None:
    """Keep an executor from its end for a call that comes later.

    Raises what submit() raises if it is too late for that.
    """
    with executor._shutdown_lock:
        ended = executor._shutdown or executor._broken or _std._shutdown
        if not ended:
            held = held_by(executor)
            if held is None:
                held = _holders[id(executor)] = Held(executor)
            held.futures.add(future)
    if ended:
        _std_submit(executor, int)
    elif _NO_THREADS_AT_EXIT and not executor._threads and not executor._interlock_is_materialized:
        with suppress(RuntimeError):  # it may still be possible when the call comes
            executor._interlock_start_worker()


def let_go(executor: ThreadPoolExecutor, future: Any) -> None:
    """Forget a call that was held."""
    held = held_by(executor)
    if held is None:  # in the child of a fork
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
    """Submit a call that has been held, which is to end `future`; there is always room for it."""
    if not executor._interlock_submit_held(future, priority, (*call, site)):
        executor.submit(_fulfil, future, *call)


def _fulfil(future: Any, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """What the standard library's workers do with a call.

    Its future may have ended since: it was cancelled, or has the error that submit() raised.
    """
    if future.done():
        future._interlock_cancel_at_once()  # tells of it if it was cancelled
        return
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    except BaseException as error:
        future.set_exception(error)
        del future  # which the traceback of its exception would refer to
    else:
        future.set_result(result)


def refuses_for_exit(error: Exception) -> bool:
    """Whether this error is one that comes of the interpreter's exit: no more calls, and no more threads."""
    return _std._shutdown and isinstance(error, RuntimeError) and not isinstance(error, BrokenExecutor)


def may_start() -> bool:
    """Whether a worker may be started at this moment."""
    return _AtExit.finishing or not _std._shutdown


def _finish() -> None:
    """At the exit: make the calls that wait for others, as long as there are any to wait for.

    When all that was submitted is done, and no held call was submitted meanwhile, those that are left wait for a
    future that no executor will end. They are cancelled. After this the standard library ends the workers.
    """
    if not _all_held():
        return
    with _std._global_shutdown_lock:
        _std._shutdown = True  # as it says first of all when it does this itself
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
        except BaseException:  # of a callback: the threads are to end all the same
            LOGGER.critical("Exception in a callback of %r", future, exc_info=True)


def _all_held() -> list[Any]:
    return [future for held in [*_holders.values()] for future in held.futures.copy()]


def _after_fork() -> None:
    """In the child of a fork there are no workers; those that are needed are started.

    Nobody there waits for the parent's calls that are held, or cancels them.
    """
    _holders.clear()
    for executor in executors():
        if not executor._interlock_is_materialized:
            executor._shutdown_lock._at_fork_reinit()  # type: ignore[attr-defined]
            executor._interlock_forget_workers()


_std_threading._register_atexit(_finish)  # type: ignore[attr-defined]
os.register_at_fork(after_in_child=_after_fork)
