"""Types of futures and the functions that wait for them; the docstrings of the module document them."""

# The standard module has no `__all__`, so its imports are public names, too.
import collections as collections
import logging as logging
import threading as threading
import time as time
import types as types
from collections.abc import Generator, Iterable
from concurrent.futures import Future as _StdFuture
from concurrent.futures._base import ALL_COMPLETED as ALL_COMPLETED
from concurrent.futures._base import CANCELLED as CANCELLED
from concurrent.futures._base import CANCELLED_AND_NOTIFIED as CANCELLED_AND_NOTIFIED
from concurrent.futures._base import FINISHED as FINISHED
from concurrent.futures._base import FIRST_COMPLETED as FIRST_COMPLETED
from concurrent.futures._base import FIRST_EXCEPTION as FIRST_EXCEPTION
from concurrent.futures._base import LOGGER as LOGGER
from concurrent.futures._base import PENDING as PENDING
from concurrent.futures._base import RUNNING as RUNNING
from concurrent.futures._base import BrokenExecutor as BrokenExecutor
from concurrent.futures._base import CancelledError as CancelledError
from concurrent.futures._base import DoneAndNotDoneFutures as DoneAndNotDoneFutures
from concurrent.futures._base import Error as Error
from concurrent.futures._base import Executor as Executor
from concurrent.futures._base import InvalidStateError as InvalidStateError
from concurrent.futures._base import TimeoutError as TimeoutError
from types import GenericAlias
from typing import Any, Generic, NamedTuple, type_check_only

from typing_extensions import TypeVar

from interlock import _interlock
from interlock._progress import _Progress

__all__ = [
    "ALL_COMPLETED",
    "CANCELLED",
    "CANCELLED_AND_NOTIFIED",
    "FINISHED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "LOGGER",
    "PENDING",
    "RUNNING",
    "BrokenExecutor",
    "CancelledError",
    "DoneAndNotDoneFutures",
    "Error",
    "Executor",
    "Future",
    "InvalidStateError",
    "TimeoutError",
    "as_completed",
    "collections",
    "logging",
    "threading",
    "time",
    "types",
    "wait",
]

__replaces__: tuple[str, ...]

_T = TypeVar("_T", default=Any)
_FutureT = TypeVar("_FutureT", bound=_StdFuture[Any])

class Future(_interlock.Future[_T], _StdFuture[_T]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...

@type_check_only
class _DoneAndNotDone(NamedTuple, Generic[_FutureT]):
    """The standard library's pair, typed for the class of futures that the caller passed in."""

    done: set[_FutureT]
    not_done: set[_FutureT]

def wait(
    fs: Iterable[_FutureT], timeout: float | None = None, return_when: str = "ALL_COMPLETED"
) -> _DoneAndNotDone[_FutureT]: ...
def as_completed(
    fs: Iterable[_FutureT], timeout: float | None = None, *, progress: _Progress = False
) -> Generator[_FutureT]: ...
