"""Types of the drop-in for `concurrent.futures.process`; the docstrings of the class document it."""

# The standard module has no `__all__`, so its imports are public names, too.
import itertools as itertools
import multiprocessing as multiprocessing
import os as os
import queue as queue
import sys as sys
import threading as threading
import weakref as weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future as _StdFuture
from concurrent.futures import ProcessPoolExecutor as _StdExecutor
from concurrent.futures.process import EXTRA_QUEUED_CALLS as EXTRA_QUEUED_CALLS
from concurrent.futures.process import BrokenProcessPool as BrokenProcessPool
from functools import partial as partial
from multiprocessing.context import BaseContext
from multiprocessing.queues import Queue as Queue
from traceback import format_exception as format_exception
from typing import Any, Literal, ParamSpec, TypeVar, overload

from interlock._progress import _Progress
from interlock.concurrent.futures._base import Future
from interlock.concurrent.futures._process_pool import OnWorkerDeath
from interlock.concurrent.futures._process_submitter import ProcessSubmitter
from interlock.concurrent.futures._stats import Stats

__all__ = [
    "EXTRA_QUEUED_CALLS",
    "BrokenProcessPool",
    "ProcessPoolExecutor",
    "Queue",
    "format_exception",
    "itertools",
    "mp",
    "multiprocessing",
    "os",
    "partial",
    "queue",
    "sys",
    "threading",
    "weakref",
]

mp = multiprocessing
__replaces__: tuple[str, ...]

_P = ParamSpec("_P")
_T = TypeVar("_T")

class ProcessPoolExecutor(_StdExecutor):
    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: BaseContext | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
        on_worker_death: OnWorkerDeath | None = None,
        retries: int = 0,
        max_pending: int | None = None,
        memory_limit: int | None = None,
        relay: bool = False,
        remember_submit: bool | None = None,
        read_only_buffers: bool = False,
    ) -> None: ...
    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]: ...
    @overload
    def map(
        self,
        fn: Callable[..., _T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        return_exceptions: Literal[False] = False,
        progress: _Progress = False,
        task_timeout: float | None = None,
    ) -> Iterator[_T]: ...
    @overload
    def map(
        self,
        fn: Callable[..., _T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        return_exceptions: bool,
        progress: _Progress = False,
        task_timeout: float | None = None,
    ) -> Iterator[_T | BaseException]: ...
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None: ...
    def terminate_workers(self) -> None: ...
    def kill_workers(self) -> None: ...
    def at(
        self, *, priority: int = 0, timeout: float | None = None, retries: int | None = None
    ) -> ProcessSubmitter: ...
    def after(self, *futures: _StdFuture[Any]) -> ProcessSubmitter: ...
    def call(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]: ...
    def stop(self, future: _StdFuture[Any]) -> bool: ...
    def progress(self, progress: _Progress = True) -> None: ...
    def stats(self) -> Stats: ...
