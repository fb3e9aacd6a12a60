"""The thread that submits the items of iterables: one iterable after the other, not far ahead of the workers."""

from __future__ import annotations

import queue
import threading
import weakref
from multiprocessing.pool import _helper_reraises_exception  # type: ignore[attr-defined]

from interlock._interlock import ProcessJob
from interlock._multiprocessing_pool.answers import Failed, answer, report, terminated
from interlock._multiprocessing_pool.packing import Packer, dump_task
from interlock.threading import Condition, Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from interlock._multiprocessing_pool.crew import Crew

__all__ = ["Feed", "Feeder"]

_AHEAD = 1000
_BYTES_AHEAD = 256 << 10
"""How many calls of an iterable may wait or run at a time, and how many bytes these calls may have in total. Two more
calls than there are workers are always allowed. (The standard library submits as many as fit into a pipe.)"""


class Feed:
    """An iterable of the items of calls, and the job to which they belong."""

    def __init__(
        self, job: ProcessJob, packer: Packer, items: Iterable[tuple[Any, ...]], limits: tuple[Any, int]
    ) -> None:
        self.job, self.packer, self.items, self.limits = job, packer, items, limits
        self.failures: dict[int, BaseException] = {}
        self.length: int | None = None
        self.error: Failed | None = None
        self.changed = Condition()
        self._watchers = 0
        self._sizes: dict[int, int] = {}
        self._size = 0

    def run(self, crew: Crew) -> None:
        """Submit all calls. An exception that the iterable raises becomes the last result."""
        error: BaseException | None = None
        try:
            for items in self.items:
                error = terminated() if crew.is_terminated else self._submit(crew, items)
                if error is not None:
                    break
                del items
        except BaseException as raised:
            error = raised
        self.end(error)
        if crew.is_terminated:
            self.job.stop()  # a call may have been submitted at that moment

    def end(self, error: BaseException | None) -> None:
        """End the job: there are no more calls. If `error` is not None, it is the last result."""
        with self.changed:
            if self.length is None:
                self.error = None if error is None else Failed(error)
                self.items = ()
                self.length = len(self.job)
                self.changed.notify_all()
        self.job.wake()

    def wait_for(self, number: int, timeout: float | None) -> bool:
        """Block until the call with this number is submitted, or there are no more calls. False: not in time."""
        with self.changed:
            self._watchers += 1
            try:
                return self.changed.wait_for(
                    lambda: number < len(self.job) or self.length is not None, timeout
                )
            finally:
                self._watchers -= 1

    def _submit(self, crew: Crew, items: tuple[Any, ...]) -> BaseException | None:
        """Submit a call, or make it fail. Returns the error if no more calls can be submitted."""
        try:
            payload, is_packed = self.packer.pack(items)
        except Exception as error:
            self._fail(error)
            return None
        least = crew.processes + 2
        while len(self._sizes) >= _AHEAD or (self._size > _BYTES_AHEAD and len(self._sizes) >= least):
            ended = self.job.next_room()
            if ended is not None:
                self._size -= self._sizes.pop(ended, 0)
        number = len(self.job)
        size = len(payload) if type(payload) is bytes else _size(payload)
        self._sizes[number] = size
        self._size += size
        refusal = self.job.submit(payload, None, self.limits, is_packed)
        if refusal is None:
            self._tell()
            return None
        return terminated() if isinstance(refusal, str) else answer("broken", refusal).error

    def _fail(self, error: BaseException) -> None:
        number = len(self.job)
        self.failures[number] = error
        self._sizes[number] = 0
        self.job.skip()
        self._tell()

    def _tell(self) -> None:
        if self._watchers:
            with self.changed:
                self.changed.notify_all()


def _size(payload: Any) -> int:
    """Return the total size of the parts and the buffers of a pickle."""
    return sum(memoryview(part).nbytes for parts in payload for part in parts)


class Tasks:
    """Tasks that a program has put into a pool's `_taskqueue`, in the form of the standard library's pool."""

    def __init__(self, cache: Any, tasks: Any, set_length: Any) -> None:
        self._cache, self._tasks, self._set_length = cache, tasks, set_length

    def run(self, crew: Crew) -> None:
        """Submit all tasks. Their results are set in the objects of the pool's `_cache`."""
        job = ProcessJob(crew.engine, answer, False, True)
        number = -1
        for key, number, func, args, kwds in self._tasks:
            if crew.is_terminated:
                return
            if func is _helper_reraises_exception:
                self._set(key, number, (False, args[0]))
                continue
            try:
                payload = dump_task(func, args, kwds)
            except Exception as error:
                self._set(key, number, (False, error))
                continue
            while job.unfinished() >= _AHEAD:
                job.next_room()
            at = len(job)

            def attend(key: Any = key, number: int = number, at: int = at) -> None:
                if not crew.is_terminated:
                    results: list[Any] = []
                    job.read(at, results)
                    result = results[0]
                    failed = type(result) is Failed
                    self._set(key, number, (not failed, result.error if failed else result))

            job.submit(payload, attend, crew.limits())
        if self._set_length:
            self._set_length(number + 1)

    def end(self, error: BaseException) -> None:
        """Do nothing: as in the standard library, no results are set after the pool was terminated."""

    def _set(self, key: Any, number: int, obj: tuple[bool, Any]) -> None:
        try:
            result = self._cache[key]
        except KeyError:
            return
        try:
            result._set(number, obj)
        except BaseException as error:
            report(error)


class Feeder:
    """The thread that submits. It is started when it is first needed."""

    def __init__(self, crew: Crew) -> None:
        self._crew = weakref.ref(crew)  # so that there is no reference cycle for the collector
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = Lock()
        self._running: Any = None
        self._is_over = False
        self.thread: threading.Thread | None = None

    def put(self, feed: Any) -> None:
        """Make the thread run a feed after the earlier ones."""
        with self._lock:
            is_over = self._is_over
            if not is_over:
                self._waiting.put(feed)
            if self.thread is None and not is_over:
                self.thread = threading.Thread(target=self._run, args=(self._crew(),), daemon=True)
                self.thread.start()
        if is_over:  # the pool was closed meanwhile
            feed.end(terminated())

    def close(self, then: Callable[[], object]) -> bool:
        """Make the thread finish its feeds, call `then` and exit. Returns whether there is a thread."""
        with self._lock:
            self._is_over = True
            if self.thread is not None:
                self._waiting.put(then)
            return self.thread is not None

    def stop(self) -> None:
        """Make the thread exit soon: the pool is terminated. Feeds that it has not run end with an error."""
        with self._lock:
            self._is_over = True
        self._waiting.put(None)
        running = self._running
        if running is not None:
            running.end(terminated())

    def join(self) -> None:
        """Wait for the thread, which exits after close()."""
        if self.thread is not None:
            self.thread.join()

    def _run(self, crew: Crew) -> None:
        while True:
            feed = self._waiting.get()
            if feed is None or not hasattr(feed, "run"):
                break
            self._running = feed
            if crew.is_terminated:
                feed.end(terminated())
            else:
                feed.run(crew)
            self._running = feed = None
        if feed is not None:
            feed()
