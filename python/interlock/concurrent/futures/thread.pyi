"""Types of the drop-in for `concurrent.futures.thread`; the docstrings of the class document it."""

# The standard module has no `__all__`, so its imports are public names, too.
import itertools as itertools
import os as os
import queue as queue
import threading as threading
import types as types
import weakref as weakref
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future as _StdFuture
from concurrent.futures import ThreadPoolExecutor as _StdExecutor
from concurrent.futures.thread import BrokenThreadPool as BrokenThreadPool
from typing import Any, Literal, ParamSpec, TypeVar, overload

from interlock._interlock import ThreadPool
from interlock._progress import _Progress
from interlock.concurrent.futures._base import Future
from interlock.concurrent.futures._stats import Stats
from interlock.concurrent.futures._submitter import Submitter

__all__ = [
    "BrokenThreadPool",
    "ThreadPoolExecutor",
    "itertools",
    "os",
    "queue",
    "threading",
    "types",
    "weakref",
]

__replaces__: tuple[str, ...]

_P = ParamSpec("_P")
_T = TypeVar("_T")

class ThreadPoolExecutor(ThreadPool, _StdExecutor):
    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_pending: int | None = None,
        block: bool = True,
        notes: bool = False,
        **ctxkwargs: Any,
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
    ) -> Generator[_T]: ...
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
    ) -> Generator[_T | BaseException]: ...
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None: ...
    def at(self, *, priority: int = 0, timeout: float | None = None) -> Submitter: ...
    def after(self, *futures: _StdFuture[Any]) -> Submitter: ...
    def call(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]: ...
    def progress(self, progress: _Progress = True) -> None: ...
    def stats(self) -> Stats: ...
