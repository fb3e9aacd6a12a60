"""`threading.Thread` on the engine's threads.

A `Thread` here is the standard library's, but for how it is started and joined. Its operating-system thread is one
that is kept for reuse, if there is one; everything that Python knows about a thread (its state, its `local` data, its
entry in `threading.enumerate()`) is fresh at each start. The standard module keeps the books: `_active`, `_dangling`,
the hooks of `settrace` and `setprofile`, and the names are its own, so that debuggers and profilers see ordinary
threads. A thread that the standard library started (`_engine` is None) is joined by the standard library's code.
"""

from __future__ import annotations

import sys
import threading as _std
from _thread import get_ident, stack_size

from interlock._interlock import ThreadHandle
from interlock._lock_classes import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# 3.12 refuses forks and new threads as soon as the main thread has nothing more to do, also to threads that it has just
# started; there, as in the standard library, a thread has begun when start() returns.
_BEGINS_FIRST = sys.version_info[:2] == (3, 12)

_std_init = _std.Thread.__init__
_std_shutdown = _std._shutdown
_active = _std._active


class Thread(_std.Thread):
    """A thread of control; see https://docs.python.org/3/library/threading.html#thread-objects.

    Starting one costs far less than starting an operating-system thread. `join()` blocks until `run()` has returned
    and the thread's `local` data is gone; Ctrl-C ends the wait.
    """

    _engine: ThreadHandle | None = None  # the run that start() began
    _left = False  # whether the thread has left `_active`

    def __init__(
        self,
        group: None = None,
        target: Any = None,
        name: str | None = None,
        args: Any = (),
        kwargs: Any = None,
        *,
        daemon: bool | None = None,
        **more: Any,
    ) -> None:
        """Make a thread that will call `target(*args, **kwargs)`; the arguments are the standard library's."""
        _std_init(self, group, target, name, args, kwargs, daemon=daemon, **more)
        if type(self._started) is not Event:
            self._started = Event()

    def start(self) -> None:
        """Have run() called in a thread of its own. Does not wait for it (on 3.12, only until it has begun).

        Raises RuntimeError if the thread was started before, if the operating system has no room for another one, or
        if the interpreter is shutting down.
        """
        if not self._initialized:
            raise RuntimeError("thread.__init__() not called")
        if self._started.is_set() or self._engine is not None:
            raise RuntimeError("threads can only be started once")
        if sys.is_finalizing():
            raise _shutting_down()
        self._engine = engine = ThreadHandle()
        try:
            ident = engine.start(self._bootstrap, self._name, self._daemonic, _stack_size())
        except BaseException:
            self._engine = None
            raise
        self._enter(ident)
        if _BEGINS_FIRST:
            engine.native_id()  # which is known when the thread has begun

    def _enter(self, ident: int) -> None:
        """Be among the active threads; called by the starter and by the thread itself, whoever is first."""
        with _std._active_limbo_lock:
            if not self._left:
                self._ident = ident
                _active[ident] = self
        self._started.set()

    def _bootstrap_inner(self) -> None:
        try:
            self._enter(get_ident())
            if _std._trace_hook:
                sys.settrace(_std._trace_hook)
            if _std._profile_hook:
                sys.setprofile(_std._profile_hook)
            try:
                context = getattr(self, "_context", None)  # 3.14 gives a thread its starter's context
                if context is None:
                    self.run()
                else:
                    context.run(self.run)
            except:  # noqa: E722 - every exception goes to the hook, as the standard library's do
                self._invoke_excepthook(self)
        finally:
            self._delete()

    def _delete(self) -> None:
        with _std._active_limbo_lock:
            self._left = True
            _active.pop(get_ident(), None)

    def join(self, timeout: float | None = None) -> None:
        """Wait until the thread has ended, for at most `timeout` seconds (None: without limit).

        Raises RuntimeError if the thread was not started, or is the calling thread.
        """
        engine = self._engine
        if engine is None:
            super().join(timeout)
            return
        if _active.get(get_ident()) is self:
            raise RuntimeError("cannot join current thread")
        if not self._started.is_set():
            raise RuntimeError("cannot join thread before it is started")
        engine.join(timeout if timeout is None else max(timeout, 0))

    def is_alive(self) -> bool:
        """Whether the thread was started and has not ended. Never blocks."""
        engine = self._engine
        if engine is None:
            return super().is_alive()
        return self._started.is_set() and not engine.is_done()

    @property
    def native_id(self) -> int | None:
        """The kernel's identity of the thread; None before it is started. Blocks until the thread has begun to run."""
        engine = self._engine
        return super().native_id if engine is None else engine.native_id()

    def __repr__(self) -> str:
        engine = self._engine
        if engine is None:
            return super().__repr__()
        status = "stopped" if engine.is_done() else "started"
        daemon = " daemon" if self._daemonic else ""
        return f"<{type(self).__name__}({self._name}, {status}{daemon} {self._ident})>"

    # What the standard module's _after_fork() calls in the child, up to 3.12 and from 3.13 on.

    def _reset_internal_locks(self, is_alive: bool) -> None:
        if self._engine is None:
            super()._reset_internal_locks(is_alive)
        else:
            self._after_fork(get_ident() if is_alive else None)

    def _stop(self) -> None:
        if self._engine is None:
            super()._stop()
        else:
            self._engine.mark_done()

    def _after_fork(self, new_ident: int | None = None) -> None:
        if self._engine is None:
            super()._after_fork(new_ident)
            return
        self._started._at_fork_reinit()
        if new_ident is None:
            self._engine.mark_done()
        else:
            self._ident = new_ident


def _stack_size() -> int:
    """The stack size that is set for new threads, in bytes; 0 for the default."""
    size = stack_size()  # which sets it to the default as well
    if size:
        stack_size(size)
    return size


def _shutting_down() -> RuntimeError:
    error: type[RuntimeError] = getattr(__builtins__, "PythonFinalizationError", RuntimeError)
    return error("can't create new thread at interpreter shutdown")


class Timer(Thread, _std.Timer):
    """A thread that calls `function(*args, **kwargs)` after `interval` seconds, unless cancel() is called before.

    See https://docs.python.org/3/library/threading.html#timer-objects.
    """

    def __init__(self, interval: float, function: Any, args: Any = None, kwargs: Any = None) -> None:
        """Make a timer; start() begins to count its `interval`."""
        Thread.__init__(self)
        self.interval = interval
        self.function = function
        self.args = args if args is not None else []
        self.kwargs = kwargs if kwargs is not None else {}
        self.finished = Event()


class _MainThread(_std._MainThread, Thread):
    """The main thread while Interlock is installed: an instance of the `threading.Thread` of that time too."""


class _DummyThread(_std._DummyThread, Thread):
    """A thread that Python did not start, while Interlock is installed."""


def _shutdown() -> None:
    """What the interpreter calls before it exits: waits for the standard library's threads and for ours."""
    _std_shutdown()
    ThreadHandle.join_all()


# The interpreter looks this name up when it exits. It stays when Interlock is uninstalled: threads may still run.
_std._shutdown = _shutdown
