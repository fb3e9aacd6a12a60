"""`Pool`: the engine runs it, or the standard library's own code, if a program has changed that."""

from __future__ import annotations

import multiprocessing.pool as pool
import os
import warnings
from abc import ABCMeta
from multiprocessing import util
from types import FunctionType

from interlock._lifecycle import is_too_late_for, when_gone, when_gone_or_at_exit
from interlock._originals import is_original, line_of_warning, originals, warning_as
from interlock._stand_in import StandIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, Literal

    from interlock._multiprocessing_pool.extras import Extras
    from interlock._progress import _Progress
    from interlock.concurrent.futures._stats import Stats

    OnWorkerDeath = Literal["fail-task", "retry", "break"]

_std: Any = originals(pool, "Pool", "ThreadPool")

__all__ = ["Pool"]

_StdPool: Any = _std.Pool
_RUN, _CLOSE, _TERMINATE = _std.RUN, _std.CLOSE, _std.TERMINATE
_INTERNALS = {
    name: getattr(_std, name)
    for name in (
        "ApplyResult",
        "ExceptionWithTraceback",
        "IMapIterator",
        "IMapUnorderedIterator",
        "MapResult",
        "MaybeEncodingError",
        "RemoteTraceback",
        "_PoolCache",
        "mapstar",
        "rebuild_exc",
        "starmapstar",
        "worker",
    )
}
"""The parts of the standard pool. If a program replaces one of them, pools run the standard code."""
_CALLED = frozenset({"_check_running", "_get_tasks"})
"""Private methods that a native pool calls, too: a derived class may override them."""
_PRIVATE = {
    name: what
    for name, what in vars(_StdPool).items()
    if name.startswith("_") and not name.startswith("__") and name != "_map_async"
}
_is_changed = not all(is_original(what) for what in vars(_StdPool).values() if isinstance(what, FunctionType))
_NO_EXTRAS = (
    "a pool that runs the standard library's code does not support on_worker_death, retries, memory_limit, relay, "
    "remember_submit, read_only_buffers and warm"
)


class Pool(_std.Pool, metaclass=ABCMeta):  # type: ignore[misc]
    """A pool of processes.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.pool.Pool. The death of a process affects
    only the task that it ran.
    """

    _interlock_crew: Any = None
    _terminate: Any

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: Any = None,
        *,
        on_worker_death: OnWorkerDeath = "fail-task",
        retries: int = 0,
        memory_limit: int | None = None,
        relay: bool = False,
        remember_submit: bool | None = None,
        read_only_buffers: bool = False,
        warm: bool = False,
    ) -> None:
        """Make a pool of `processes` processes (None: as many as processors).

        Each process first calls `initializer(*initargs)`. `maxtasksperchild`: a process ends after so many tasks, and a
        new process takes its place.

        `on_worker_death` says what the death of a process means: "fail-task" (its task fails with
        `interlock.WorkerDiedError`, another process takes its place, and every other task runs), "retry" (its task runs
        again, `retries` times at most), or "break" (all tasks fail). `memory_limit`: a process with more bytes of
        resident memory ends after its task, and a new process takes its place. With `relay`, log records of the
        processes go to the loggers of this process, and lines that they print appear here, after the worker's name.
        With `remember_submit`, a WorkerDiedError says where its task was submitted; that makes submitting slower (None:
        if the environment variable INTERLOCK_SUBMIT_PLACE is 1). With `read_only_buffers`, the receiver can't write to
        large buffers of arguments and results, such as the data of NumPy arrays; otherwise the buffers are the
        receiver's own.

        `warm`: the processes stay until the program exits. All pools with the same settings, which must be hashable,
        share them. close(), join(), terminate() and `with` concern this pool's own tasks; terminate() ends the
        processes that run them, and new processes take their places.
        """
        if Pool not in type(self).__mro__:  # the standard ThreadPool's call by name, after `install()`
            _StdPool.__init__(self, processes, initializer, initargs, maxtasksperchild, context)
            return
        self._pool: list[Any] = []
        self._state = _std.INIT
        extras: dict[str, Any] = {
            "memory_limit": memory_limit,
            "relay": relay,
            "remember_submit": remember_submit,
        }
        extras |= {"read_only": read_only_buffers, "warm": warm}
        if not self._interlock_can_be_native():
            if on_worker_death != "fail-task" or retries or any(extras.values()):
                raise TypeError(_NO_EXTRAS)
            _StdPool.__init__(self, processes, initializer, initargs, maxtasksperchild, context or _context())
            return
        from interlock.concurrent.futures._process_settings import check_extras

        check_extras(on_worker_death, retries, memory_limit)
        self._ctx, self._maxtasksperchild = context or _context(), maxtasksperchild
        self._initializer, self._initargs = initializer, initargs
        self._processes = _checked(processes, initializer, maxtasksperchild)
        self._interlock_begin(on_worker_death, retries, **extras)
        self._state = _RUN

    def _interlock_can_be_native(self) -> bool:
        """Whether the parts of the standard pool are unchanged."""
        cls = type(self)
        return (
            not _is_changed
            and all(getattr(_std, name, None) is what for name, what in _INTERNALS.items())
            and all(vars(_StdPool).get(name) is what for name, what in _PRIVATE.items())
            and all(_is_standard(cls, name) for name in _PRIVATE)
            and not is_too_late_for("interlock._multiprocessing_pool.crew")
        )

    def _interlock_begin(self, *policy: Any, warm: bool, relay: bool, **extras: Any) -> None:
        from interlock._multiprocessing_pool.crew import Crew

        ctx, make_process = self._ctx, self.Process
        extras["relay"] = ctx if relay else None
        settings = self._processes, self._initializer, self._initargs, self._maxtasksperchild, *policy
        if warm:
            self._interlock_share(settings, extras)
            return
        crew = Crew(lambda **arguments: make_process(ctx, **arguments), *settings, **extras)
        self._pool = crew.workers
        crew.begin()
        self._interlock_crew = crew
        self._terminate = when_gone_or_at_exit(self, crew.terminate)
        crew.manager._state = _RUN  # type: ignore[attr-defined]
        self._worker_handler = self._result_handler = self._task_handler = crew.manager

    def _interlock_share(self, settings: tuple[Any, ...], extras: dict[str, Any]) -> None:
        """Take a share in the processes that stay, for these settings."""
        from interlock._multiprocessing_pool.warm import shared

        self._interlock_crew = share = shared(type(self), self._ctx, settings, extras)
        self._pool = share.workers
        self._worker_handler = self._result_handler = self._task_handler = share.manager
        self._terminate = share.terminate
        when_gone(self, share.close)

    def __del__(self, _warn: Any = warnings.warn, RUN: str = _RUN, _del: Any = _StdPool.__del__) -> None:
        # Bound above, because at the end of the interpreter the names of the module may be gone.
        if self._interlock_crew is None:
            _del(self)
        elif self._state == RUN and self._interlock_crew.track is None:
            _warn(f"unclosed running multiprocessing pool {self!r}", ResourceWarning, source=self)

    __del__ = warning_as(__del__, _StdPool.__del__, line_of_warning(_StdPool.__del__, _state=_RUN))

    def _repopulate_pool(self) -> None:
        if self._interlock_crew is None:
            _StdPool._repopulate_pool(self)
        else:
            self._interlock_crew.start_missing(self._processes)

    def apply(
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] = {},
        *,
        task_timeout: float | None = None,
    ) -> Any:
        """Let a process call `func(*args, **kwds)`, and return the result or raise the exception.

        Blocks until the call has ended. A call that runs for longer than `task_timeout` seconds is ended, with its
        process, and raises `interlock.TaskTimeoutError`; a new process takes its place.
        """
        if task_timeout is None:
            return _StdPool.apply(self, func, args, kwds)
        return self.apply_async(func, args, kwds, task_timeout=task_timeout).get()

    def apply_async(
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] = {},
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        *,
        task_timeout: float | None = None,
    ) -> Any:
        """Let a process call `func(*args, **kwds)`, and return an `AsyncResult`. Does not block.

        A thread of the pool calls `callback` with the result, or `error_callback` with the exception, one callback at a
        time. `task_timeout`: see apply().
        """
        if self._interlock_crew is None and task_timeout is None:
            return _StdPool.apply_async(self, func, args, kwds, callback, error_callback)
        extras = None if task_timeout is None else _extras().checked(self, task_timeout)
        self._check_running()
        result = _results().ApplyResult(self, callback, error_callback)
        if extras is not None:
            result._interlock_extras = extras
        result._interlock_call(func, args, kwds)
        return result

    def map(
        self,
        func: Callable[[Any], Any],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        *,
        timeout: float | None = None,
        task_timeout: float | None = None,
        return_exceptions: bool = False,
        progress: _Progress = False,
    ) -> Any:
        """Let processes call `func` for each item, and return the list of results, or raise the first exception.

        Blocks until all are there, for at most `timeout` seconds (None: without limit); then it raises TimeoutError,
        and the tasks continue. A task that runs for longer than `task_timeout` seconds is ended, with its process, and
        fails with `interlock.TaskTimeoutError`. With `return_exceptions`, exceptions take the place of results in the
        list. Both apply to single tasks, so `chunksize` is 1 then. `progress`: True to show a bar, a string as its
        title, or a function to call with the numbers of tasks done and of all.
        """
        if timeout is None and task_timeout is None and not (return_exceptions or progress):
            return _StdPool.map(self, func, iterable, chunksize)
        extras = _extras().checked(self, task_timeout, return_exceptions)
        result = self._interlock_map(func, iterable, _std.mapstar, chunksize, extras)
        return _extras().wait_for(result, timeout, progress)

    def starmap(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        timeout: float | None = None,
        task_timeout: float | None = None,
        return_exceptions: bool = False,
        progress: _Progress = False,
    ) -> Any:
        """Do the same as map(), but call `func(*item)` for each item."""
        if timeout is None and task_timeout is None and not (return_exceptions or progress):
            return _StdPool.starmap(self, func, iterable, chunksize)
        extras = _extras().checked(self, task_timeout, return_exceptions)
        result = self._interlock_map(func, iterable, _std.starmapstar, chunksize, extras)
        return _extras().wait_for(result, timeout, progress)

    def map_async(
        self,
        func: Callable[[Any], Any],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        *,
        task_timeout: float | None = None,
        return_exceptions: bool = False,
    ) -> Any:
        """Do the same as map(), but return an `AsyncResult` of the list. Does not block. See apply_async()."""
        if task_timeout is None and not return_exceptions:
            return _StdPool.map_async(self, func, iterable, chunksize, callback, error_callback)
        extras = _extras().checked(self, task_timeout, return_exceptions)
        return self._interlock_map(
            func, iterable, _std.mapstar, chunksize, extras, (callback, error_callback)
        )

    def starmap_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        *,
        task_timeout: float | None = None,
        return_exceptions: bool = False,
    ) -> Any:
        """Do the same as map_async(), but call `func(*item)` for each item."""
        if task_timeout is None and not return_exceptions:
            return _StdPool.starmap_async(self, func, iterable, chunksize, callback, error_callback)
        extras = _extras().checked(self, task_timeout, return_exceptions)
        return self._interlock_map(
            func, iterable, _std.starmapstar, chunksize, extras, (callback, error_callback)
        )

    def _map_async(
        self,
        func: Callable[..., Any],
        iterable: Any,
        mapper: Callable[..., Any],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> Any:
        if self._interlock_crew is None:
            return _StdPool._map_async(self, func, iterable, mapper, chunksize, callback, error_callback)
        self._check_running()
        return self._interlock_map(func, iterable, mapper, chunksize, None, (callback, error_callback))

    def _interlock_map(
        self,
        func: Callable[..., Any],
        iterable: Any,
        mapper: Callable[..., Any],
        chunksize: int | None,
        extras: Extras | None,
        callbacks: tuple[Any, Any] = (None, None),
    ) -> Any:
        if extras is not None:
            chunksize = _extras().chunks_of_one(chunksize, extras)
        if not hasattr(iterable, "__len__"):
            iterable = list(iterable)
        length = len(iterable)
        if chunksize is None:
            chunksize = -(-length // (self._processes * 4))
        if length == 0:
            chunksize = 0
        result = _results().MapResult(self, chunksize, length, *callbacks)
        result._interlock_extras = extras
        result._interlock_calls(mapper, func, self._get_tasks(func, iterable, chunksize))
        return result

    def imap(
        self,
        func: Callable[[Any], Any],
        iterable: Iterable[Any],
        chunksize: int = 1,
        *,
        task_timeout: float | None = None,
        return_exceptions: bool = False,
        progress: _Progress = False,
    ) -> Any:
        """Let processes call `func` for each item, and return an iterator over the results in the order of the items.

        Does not block. A thread takes items from the iterable as processes finish earlier ones, whether or not the
        caller asks for results. `task_timeout`, `return_exceptions` and `progress`: see map(). With `progress`, the
        iterator is a generator.
        """
        if task_timeout is None and not (return_exceptions or progress):
            if self._interlock_crew is None:
                return _StdPool.imap(self, func, iterable, chunksize)
            return self._interlock_imap("IMapIterator", func, iterable, chunksize)
        extras = _extras().checked(self, task_timeout, return_exceptions)
        results = self._interlock_imap("IMapIterator", func, iterable, chunksize, extras)
        return _extras().shown_with(results, progress, iterable) if progress else results

    def imap_unordered(
        self,
        func: Callable[[Any], Any],
        iterable: Iterable[Any],
        chunksize: int = 1,
        *,
        task_timeout: float | None = None,
        return_exceptions: bool = False,
        progress: _Progress = False,
    ) -> Any:
        """Do the same as imap(), but return the results as they arrive."""
        if task_timeout is None and not (return_exceptions or progress):
            if self._interlock_crew is None:
                return _StdPool.imap_unordered(self, func, iterable, chunksize)
            return self._interlock_imap("IMapUnorderedIterator", func, iterable, chunksize)
        extras = _extras().checked(self, task_timeout, return_exceptions)
        results = self._interlock_imap("IMapUnorderedIterator", func, iterable, chunksize, extras)
        return _extras().shown_with(results, progress, iterable) if progress else results

    def _interlock_imap(
        self, name: str, func: Any, iterable: Any, chunksize: int, extras: Extras | None = None
    ) -> Any:
        from interlock._multiprocessing_pool import iterators
        from interlock._multiprocessing_pool.packing import Packer

        self._check_running()
        kind, wants = getattr(iterators, name), self._interlock_crew.wants()
        if extras is not None:
            _extras().chunks_of_one(chunksize, extras)
        if chunksize == 1:
            return kind(self, Packer(func, None, wants), _one_by_one(iterable), extras)
        if chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {{{kind._interlock_shown}}}".format(chunksize))
        tasks = self._get_tasks(func, iterable, chunksize)
        results = kind(self, Packer(func, _std.mapstar, wants), (items for _, items in tasks))
        return (item for chunk in results for item in chunk)

    def stats(self) -> Stats:
        """Count the tasks submitted, running, waiting, done and failed, and the busy seconds of each process.

        A chunk of tasks counts as one. Does not block.
        """
        return _extras().stats(self)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Accept no more calls; the processes end when all calls are done. Does not block."""
        if self._interlock_crew is None:
            return _StdPool.close(self)  # type: ignore[no-any-return]
        util.debug("closing pool")
        if self._state == _RUN:
            self._state = _CLOSE
            self._interlock_crew.close()
        return None

    def join(self) -> None:
        """Block until the processes have ended. Raises ValueError unless close() or terminate() was called before."""
        if self._interlock_crew is None:
            return _StdPool.join(self)  # type: ignore[no-any-return]
        util.debug("joining pool")
        if self._state == _RUN:
            raise ValueError("Pool is still running")
        if self._state not in (_CLOSE, _TERMINATE):
            raise ValueError("In unknown state")
        self._interlock_crew.join()
        return None


def _checked(processes: int | None, initializer: Any, maxtasksperchild: Any) -> int:
    """Return how many processes there are. Raises ValueError or TypeError, as the standard library does."""
    if processes is None:
        processes = getattr(os, "process_cpu_count", os.cpu_count)() or 1  # looked up now: tests replace it
    if processes < 1:
        raise ValueError("Number of processes must be at least 1")
    if maxtasksperchild is not None:
        if not isinstance(maxtasksperchild, int) or maxtasksperchild <= 0:
            raise ValueError("maxtasksperchild must be a positive int or None")
    if initializer is not None and not callable(initializer):
        raise TypeError("initializer must be a callable")
    return processes


def _stand_in(name: str) -> StandIn:
    """Return a descriptor that makes, once, an attribute that the standard pool has and a native one lacks."""

    def make(pool: Pool) -> Any:
        if pool._interlock_crew is None:
            return NotImplemented
        from interlock._multiprocessing_pool import stand_ins

        made = pool.__dict__[name] = getattr(stand_ins, name)(pool._interlock_crew, pool)
        return made

    return StandIn(name, make)


for _name in ("_cache", "_change_notifier", "_inqueue", "_outqueue", "_taskqueue"):
    setattr(Pool, _name, _stand_in(_name))


def _one_by_one(iterable: Any) -> Iterator[tuple[Any, ...]]:
    for item in iterable:
        yield (item,)


def _is_standard(cls: type, name: str) -> bool:
    """Whether a class leaves a private name of the standard pool alone, or is allowed to override it."""
    for base in cls.__mro__:
        if name in vars(base):
            return base is Pool or base is _StdPool or name in _CALLED
    return False


def _context() -> Any:
    from interlock.multiprocessing.context import _default_context

    return _default_context.get_context()


def _results() -> Any:
    from interlock._multiprocessing_pool import results

    return results


def _extras() -> Any:
    from interlock._multiprocessing_pool import extras

    return extras
