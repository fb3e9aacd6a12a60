"""The results of `apply_async()` and `map_async()`: the standard library's classes, over the engine's jobs."""

from __future__ import annotations

import multiprocessing.pool as pool
import signal
import threading
from multiprocessing import TimeoutError, util

from interlock._interlock import ProcessJob, monotonic
from interlock._multiprocessing_pool.answers import Failed, answer, is_end, report, terminated
from interlock._multiprocessing_pool.packing import Packer, dump_task
from interlock._originals import originals
from interlock._task_error_classes import WorkerDiedError
from interlock.threading import Event, Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock._multiprocessing_pool.extras import Extras

_std: Any = originals(pool, "ApplyResult", "MapResult")
_job_counter = _std.job_counter

__all__ = ["NEVER_ENDS", "OF_PARENT", "ApplyResult", "MapResult", "stay", "told"]
OF_PARENT = "the pool belongs to the process that forked this one"
NEVER_ENDS = "the job belongs to the process that forked this one, and had not ended by then"


class _NotRunning(ValueError):
    """The pool was closed."""


class ApplyResult(_std.ApplyResult):  # type: ignore[misc]
    """The result of `apply_async()`, an `AsyncResult`."""

    _interlock_called: Any = None
    _interlock_is_delivered = False
    _interlock_extras: Extras | None = None

    def __init__(self, pool: Any, callback: Any, error_callback: Any) -> None:
        self._pool = pool
        self._callback, self._error_callback = callback, error_callback
        self._interlock_crew = crew = pool._interlock_crew
        self._interlock_job = ProcessJob(crew.engine, answer)
        # Access to attributes that are first set later would be slow.
        self._interlock_outcome: tuple[bool, Any] | None = None
        # Whether a thread was told that the result is there. It is not told otherwise later.
        self._interlock_is_promised = False
        self._interlock_chunks: list[Any] = []
        self._interlock_left = 1
        if callback or error_callback:
            self._interlock_called = Event()
            self._interlock_lock = Lock()

    def _interlock_call(self, func: Callable[..., Any], args: Any, kwds: Any) -> None:
        """Submit the call. If it can't be pickled, the result is that error."""
        try:
            if kwds:
                payload, is_packed = dump_task(func, args, kwds, self._interlock_crew.wants()), False
            else:
                payload, is_packed = self._interlock_crew.packer(func).pack(tuple(args))
        except Exception as error:
            self._interlock_fail(error)
        else:
            self._interlock_submit(payload, is_packed)
            self._interlock_is_submitted()

    def _interlock_is_submitted(self) -> None:
        """All calls are submitted. A pool with warm processes notes the job as its own."""
        if self._interlock_crew.track is not None and len(self._interlock_job):
            self._interlock_crew.track(self._interlock_job, self._interlock_called)

    def _interlock_submit(self, payload: Any, is_packed: bool = False) -> None:
        attend = None if self._interlock_called is None else self._interlock_attend
        limits = self._interlock_crew.limits(self._interlock_extras)
        refusal = self._interlock_job.submit(payload, attend, limits, is_packed)
        if refusal == "parent":
            raise RuntimeError(OF_PARENT)
        if refusal == "shutdown":
            raise _NotRunning("Pool not running")
        if refusal is not None:
            self._interlock_fail(answer("broken", refusal).error)

    def _interlock_fail(self, error: BaseException) -> None:
        """Make this error the result. A thread of the pool calls the callback, as in the standard library."""
        self._interlock_outcome = False, error
        if self._interlock_called is not None:
            self._interlock_crew.feeder.put(_Deliver(self))

    def _interlock_attend(self) -> None:
        """Note that a call has ended; after the last call, call the callback. The manager calls this."""
        with self._interlock_lock:
            self._interlock_left -= 1
            if self._interlock_left > 0 or self._interlock_is_delivered:
                return
            self._interlock_is_delivered = True
        try:
            succeeded, value = self._interlock_outcome or self._interlock_collect()
            callback = self._callback if succeeded else self._error_callback
            if callback and not self._interlock_crew.is_terminated:
                callback(value)
        except BaseException as error:
            report(error)
        finally:
            self._pool = None
            self._interlock_called.set()

    def _interlock_collect(self, timeout: float | None = None, begin: float = 0.0) -> Any:
        """Return the result of calls that have ended. If a signal handler raises, the next call returns it.

        Blocks while another thread unpickles it, until `timeout` seconds after `begin` (None: without limit), and
        returns None then.
        """
        job = self._interlock_job
        held: list[int] = []
        try:
            if not job.enter(held, None if timeout is None else 0):
                left = self._interlock_left_of(timeout, begin)
                if not job.enter(held, left):
                    return None
            if self._interlock_outcome is None:
                self._interlock_outcome = self._interlock_read()
                self._interlock_chunks = []
                self._pool = None
            return self._interlock_outcome
        finally:
            # A signal handler may raise right behind enter().
            job.leave(held)

    def _interlock_left_of(self, timeout: float | None, begin: float) -> float | None:
        """Return how long to wait for another thread that unpickles the result."""
        if timeout is None or (self._interlock_is_promised and self._interlock_job.taker() == "another"):
            return None
        return max(0, timeout - (monotonic() - begin))

    def _interlock_read(self) -> tuple[bool, Any]:
        chunks = self._interlock_chunks
        if not chunks:
            self._interlock_job.read(0, chunks)
        result = chunks[0]
        if type(result) is Failed:
            return False, told(self._interlock_crew, result.error)
        return True, result

    def _interlock_wait(self, timeout: float | None) -> bool:
        if self._interlock_called is not None:
            if (
                timeout is None
                and not self._interlock_called.is_set()
                and self._interlock_crew.engine.is_of_parent()
            ):
                raise RuntimeError(NEVER_ENDS)
            return self._interlock_called.wait(timeout)  # type: ignore[no-any-return]
        return self._interlock_outcome is not None or self._interlock_job.wait(timeout)

    def ready(self) -> bool:
        """Whether the call has ended. Does not block."""
        if not self._interlock_wait(0):
            return False
        if self._interlock_outcome is None:
            # In the standard library, a result that is being unpickled is not there yet. This thread itself may be
            # unpickling it, when a signal handler asks.
            taker = self._interlock_job.taker()
            if taker is not None and not (taker == "another" and self._interlock_is_promised):
                return self._interlock_outcome is not None
        self._interlock_is_promised = True
        return True

    def successful(self) -> bool:
        """Whether the call has returned. Raises ValueError if it has not ended."""
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return self._interlock_collect()[0]  # type: ignore[no-any-return]

    def wait(self, timeout: float | None = None) -> None:
        """Block until the call has ended, for at most `timeout` seconds (None: without limit)."""
        begin = 0.0 if timeout is None else monotonic()
        if not self._interlock_wait(timeout):
            return
        if self._interlock_outcome is None and not self._interlock_wait_for_reader(timeout, begin):
            return
        self._interlock_is_promised = True
        if util.is_exiting():
            stay(self._interlock_crew, self._interlock_collect()[1], timeout)

    def _interlock_wait_for_reader(self, timeout: float | None, begin: float) -> bool:
        """Block while a thread unpickles the result, and return whether none does."""
        taker = self._interlock_job.taker()
        if taker is None or (taker == "this" and timeout is not None):
            return taker is None
        held: list[int] = []
        try:
            return self._interlock_job.enter(held, self._interlock_left_of(timeout, begin))
        finally:
            self._interlock_job.leave(held)

    def get(self, timeout: float | None = None) -> Any:
        """Return the result of the call, or raise its exception.

        Blocks until it has ended, for at most `timeout` seconds (None: without limit), and raises TimeoutError then.
        """
        begin = 0.0 if timeout is None else monotonic()
        if not self._interlock_wait(timeout):
            raise TimeoutError
        outcome = self._interlock_outcome or self._interlock_collect(timeout, begin)
        if outcome is None:
            raise TimeoutError
        succeeded, value = outcome
        if succeeded:
            return value
        if util.is_exiting() and stay(self._interlock_crew, value, timeout):
            raise TimeoutError
        raise value

    @property
    def _job(self) -> int:
        if "_interlock_number" not in self.__dict__:
            self._interlock_number: int = next(_job_counter)
        return self._interlock_number

    @property
    def _cache(self) -> Any:
        return {} if self._pool is None else self._pool._cache

    @property
    def _event(self) -> Any:
        from interlock._multiprocessing_pool.stand_ins import EventOfResult

        return EventOfResult(self)

    @property
    def _success(self) -> bool:
        return self.ready() and self._interlock_collect()[0]

    @property
    def _value(self) -> Any:
        return self._interlock_collect()[1] if self.ready() else None


class _Deliver:
    """Makes the feeder's thread call the callback of a call that failed before it was submitted."""

    def __init__(self, result: ApplyResult) -> None:
        self._result = result

    def run(self, _: Any) -> None:
        self._result._interlock_left = 0
        self._result._interlock_attend()

    def end(self, _: BaseException) -> None:
        self.run(None)


def told(crew: Any, error: BaseException) -> BaseException:
    """Return the error of a task. If `terminate()` has ended the task, the error says so."""
    if (
        crew.is_terminated
        and isinstance(error, WorkerDiedError)
        and error.exitcode in (None, -signal.SIGTERM)
    ):
        return terminated()
    return error


def stay(crew: Any, error: Any, timeout: float | None) -> bool:
    """Whether the exit of the program has ended a task for which a daemon thread waits. If so, waits for `timeout`.

    In the standard library such a thread waits until the program is gone, as nothing ends its task. If `get()` raised
    an error here, the thread would print it after the program's own last line.
    """
    thread = threading.current_thread()
    if not (is_end(error) and thread.daemon) or thread in (crew.manager, crew.feeder.thread):
        return False
    Event().wait(timeout)
    return True


class MapResult(ApplyResult, _std.MapResult):  # type: ignore[misc]
    """The result of `map_async()` and `starmap_async()`: a list."""

    _interlock_error: BaseException | None = None
    """The exception that the iterable raised."""

    def __init__(self, pool: Any, chunksize: int, length: int, callback: Any, error_callback: Any) -> None:
        super().__init__(pool, callback, error_callback)
        self._chunksize, self._interlock_length = chunksize, length
        self._interlock_errors: dict[int, BaseException] = {}

    def _interlock_calls(self, mapper: Any, func: Any, chunks: Any) -> None:
        """Submit the calls for all chunks of items. An error of iterating or pickling becomes the result."""
        if self._chunksize <= 0:  # as in the standard library
            self._interlock_outcome = True, [None] * self._interlock_length
            self._pool = None
            if self._interlock_called is not None:
                self._interlock_called.set()
            return
        job = self._interlock_job
        self._interlock_single = self._chunksize == 1 and mapper is _std.mapstar
        wants = self._interlock_crew.wants()
        packer = Packer(func, None if self._interlock_single else mapper, wants)
        try:
            for _, items in chunks:
                try:
                    payload, is_packed = packer.pack(items)
                except Exception as error:
                    self._interlock_skip(error)
                    continue
                if self._interlock_called is not None:
                    with self._interlock_lock:
                        self._interlock_left += 1
                self._interlock_submit(payload, is_packed)
                if self._interlock_outcome is not None:
                    break
        except Exception as error:
            if not len(job) and isinstance(error, (_NotRunning, RuntimeError)):
                raise
            self._interlock_error = error
            self._interlock_skip(error)
        if len(job):
            self._interlock_is_submitted()
        if self._interlock_called is not None and self._interlock_outcome is None:
            with self._interlock_lock:
                self._interlock_left -= 1
                is_over = not self._interlock_left
            if is_over:
                self._interlock_crew.feeder.put(_Deliver(self))

    def _interlock_skip(self, error: BaseException) -> None:
        self._interlock_errors[len(self._interlock_job)] = error
        self._interlock_job.skip()

    def _interlock_read(self) -> tuple[bool, Any]:
        errors, job, chunks = self._interlock_errors, self._interlock_job, self._interlock_chunks
        # A signal handler may end this. The next call goes on with the chunk that is missing.
        for number in range(len(chunks), len(job)):
            if number in errors:
                chunks.append(Failed(errors[number]))
            else:
                job.read(number, chunks)
        if self._interlock_extras is not None and self._interlock_extras.return_exceptions:
            return self._interlock_all_of(chunks)
        return self._interlock_values_of(chunks)

    def _interlock_values_of(self, chunks: list[Any]) -> tuple[bool, Any]:
        values: list[Any] = []
        failed, is_single = None, self._interlock_single
        size, odd = self._chunksize, {}
        for number, chunk in enumerate(chunks):
            if type(chunk) is Failed:
                # StopIteration ends the chunk, as built-in `map()` ends there.
                if is_single and type(chunk.error) is StopIteration:
                    odd[number] = 0
                else:
                    failed = failed or chunk
            elif is_single:
                values.append(chunk)
            else:
                values += chunk
                if len(chunk) != size:
                    odd[number] = len(chunk)
        if failed is not None:
            return False, told(self._interlock_crew, failed.error)
        if len(values) != self._interlock_length:
            return True, _placed(values, self._interlock_length, size, odd)
        return True, values

    def _interlock_all_of(self, chunks: list[Any]) -> tuple[bool, Any]:
        """Return the results and exceptions of tasks that were submitted one by one, or the error of the iterable."""
        if self._interlock_error is not None:
            return False, self._interlock_error
        values: list[Any] = []
        for chunk in chunks:
            if type(chunk) is Failed:
                values.append(told(self._interlock_crew, chunk.error))
            elif self._interlock_single:
                values.append(chunk)
            else:
                values += chunk
        return True, values

    @property
    def _number_left(self) -> int:
        return 0 if self._interlock_outcome is not None else self._interlock_job.unfinished()

    @property
    def _success(self) -> bool:
        return not self.ready() or self._interlock_collect()[0]

    @property
    def _value(self) -> Any:
        return self._interlock_collect()[1] if self.ready() else [None] * self._interlock_length


def _placed(values: list[Any], length: int, size: int, odd: dict[int, int]) -> list[Any]:
    """Return the list that the standard library's pool makes if chunks have fewer results than items.

    That pool starts with a list of as many None as items, and replaces the slice of each chunk by its results, so the
    results after a short chunk move. `odd` has the lengths of chunks whose length is not `size`.
    """
    placed: list[Any] = [None] * length
    number = begin = 0
    while begin < len(values) or number <= max(odd):
        end = begin + odd.get(number, size)
        placed[number * size : (number + 1) * size] = values[begin:end]
        number, begin = number + 1, end
    return placed


for _class in (ApplyResult, MapResult):
    _class.__module__ = "multiprocessing.pool"
