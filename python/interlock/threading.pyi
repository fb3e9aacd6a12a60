"""Types of the drop-in for `threading`; the docstrings of the module document it."""

import sys
import threading as _std
from collections.abc import Callable
from threading import TIMEOUT_MAX as TIMEOUT_MAX
from threading import BrokenBarrierError as BrokenBarrierError
from threading import ExceptHookArgs as ExceptHookArgs
from threading import Thread as Thread
from threading import ThreadError as ThreadError
from threading import Timer as Timer
from threading import __excepthook__ as __excepthook__
from threading import _DummyThread as _DummyThread
from threading import _profile_hook as _profile_hook
from threading import _RLock as _RLock
from threading import active_count as active_count
from threading import activeCount as activeCount
from threading import current_thread as current_thread
from threading import currentThread as currentThread
from threading import enumerate as enumerate
from threading import excepthook as excepthook
from threading import get_ident as get_ident
from threading import get_native_id as get_native_id
from threading import getprofile as getprofile
from threading import gettrace as gettrace
from threading import local as local
from threading import main_thread as main_thread
from threading import setprofile as setprofile
from threading import settrace as settrace
from threading import stack_size as stack_size

from interlock._interlock import Lock as Lock
from interlock._interlock import RLock as RLock
from interlock._interlock import _LockLike

if sys.version_info >= (3, 12):
    from threading import setprofile_all_threads as setprofile_all_threads
    from threading import settrace_all_threads as settrace_all_threads

__all__ = [
    "TIMEOUT_MAX",
    "Barrier",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "Condition",
    "Event",
    "ExceptHookArgs",
    "Lock",
    "RLock",
    "Semaphore",
    "Thread",
    "ThreadError",
    "Timer",
    "active_count",
    "current_thread",
    "enumerate",
    "excepthook",
    "get_ident",
    "get_native_id",
    "getprofile",
    "gettrace",
    "local",
    "main_thread",
    "setprofile",
    "settrace",
    "stack_size",
]
if sys.version_info >= (3, 12):
    __all__ += ["setprofile_all_threads", "settrace_all_threads"]

__replaces__: tuple[str, ...]

class Event(_std.Event): ...
class Semaphore(_std.Semaphore): ...
class BoundedSemaphore(Semaphore, _std.BoundedSemaphore): ...

class Condition(_std.Condition):
    def __init__(self, lock: _LockLike | None = None) -> None: ...
    @property
    def locked(self) -> Callable[[], bool]: ...

class Barrier(_std.Barrier):
    def __init__(
        self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None
    ) -> None: ...
