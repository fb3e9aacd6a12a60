"""The two ends of a queue, for programs that look inside for the standard library's connections."""

from __future__ import annotations

import os
from _thread import allocate_lock
from contextlib import suppress

from interlock._interlock import SharedQueue
from interlock.multiprocessing._pickling import QUEUES, dumps, load_bytes
from interlock.multiprocessing._watching import Watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interlock.multiprocessing._queues import Queue

__all__ = ["Reader", "Writer"]


class _End:
    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.closed = False

    def _check(self) -> None:
        if self.closed or self._queue._closed:
            raise OSError("handle is closed")

    def close(self) -> None:
        """Close this end, in this process."""
        self.closed = True


class Reader(_End):
    """The receiving end, as a `Connection`. `select` and the like can wait for its `fileno()`."""

    readable, writable = True, False
    _signal: _Signal | None = None

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Whether there is an object; blocks until there is, for at most `timeout` seconds (None: without limit)."""
        self._check()
        if self._queue._interlock_is_standard():  # it may have become standard
            return self._queue._reader.poll(timeout)  # type: ignore[no-any-return]
        if self._queue._interlock_poll(timeout):
            return True
        self.got()
        return False

    def recv(self) -> Any:
        """Block until there is an object; remove it and return it."""
        self._check()
        return self._queue.get()

    def recv_bytes(self) -> bytes:
        """Block until there is an object; remove it and return its pickle."""
        return dumps(self.recv(), QUEUES)

    def fileno(self) -> int:
        """Return a descriptor that is readable while there is an object."""
        self._check()
        if self._queue._interlock_is_standard():
            return self._queue._reader.fileno()  # type: ignore[no-any-return]
        if self._signal is None or self._signal.pid != os.getpid():
            self._signal = _Signal(self._queue)
            self._queue._interlock_watch()
        return self._signal.descriptor

    def got(self) -> None:
        """Note that this process has removed an object, or found none to remove."""
        if self._signal is not None and self._signal.pid == os.getpid():
            self._signal.look_again()

    def close(self) -> None:
        """Close this end, in this process, and its descriptor, if there is one."""
        super().close()
        self.close_descriptor()

    def close_descriptor(self) -> None:
        """Close the descriptor, if there is one. Never blocks."""
        signal, self._signal = self._signal, None
        if signal is not None:
            signal.close()


class Writer(_End):
    """The sending end, as a `Connection`."""

    readable, writable = False, True

    def send(self, obj: object) -> None:
        """Put an object. Blocks while there is no room."""
        self._check()
        self._queue.put(obj)

    def send_bytes(self, buf: Any) -> None:
        """Put the object whose pickle this is. Blocks while there is no room."""
        self.send(load_bytes(buf, QUEUES))


class _Signal:
    """A descriptor that is readable while there is an object. It is closed when the reader is, or is collected."""

    pid = 0  # until the descriptor is made

    def __init__(self, queue: Queue) -> None:
        self._line = _Line(queue)
        self.pid = os.getpid()

    @property
    def descriptor(self) -> int:
        return self._line.descriptor

    def look_again(self) -> None:
        """Make the descriptor unreadable if there is no object, until there is one."""
        self._line.look_again()

    def close(self) -> None:
        """Close the descriptor, but not the copy that a forked child has. Never blocks: the collector may call this."""
        if self.pid == os.getpid():
            self._line.end()

    __del__ = close


class _Line:
    """The object that the watching thread (`_watching`) holds. It refers to neither the signal nor the program's queue.

    Either the thread watches the queue, or the descriptor is readable.
    """

    is_put = False

    def __init__(self, queue: Queue) -> None:
        handle = queue._interlock_handle()
        self.queue = SharedQueue()
        self.queue._interlock_open(handle.family, handle.number)
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = allocate_lock()
        self._is_rung = self._has_ended = False
        try:
            self._watcher = Watcher.add(self)
        except RuntimeError:  # no thread can be started
            os.close(self.descriptor)
            raise

    def is_gone(self) -> bool:
        return self._has_ended

    def tell(self) -> None:
        with self._lock:
            # Another thread or process may have taken the object meanwhile.
            if not self._has_ended and self.queue._interlock_poll(0):
                os.eventfd_write(self.descriptor, 1)
                self._is_rung = True
            is_rung = self._is_rung
        self._after(not is_rung)

    def look_again(self) -> None:
        with self._lock:
            is_over = self._is_rung and not self._has_ended and self.queue._interlock_is_empty()
            if is_over:
                self._is_rung = False
                with suppress(BlockingIOError):  # the program has read it
                    os.eventfd_read(self.descriptor)
        self._after(is_over)

    def _after(self, watches: bool) -> None:
        if self._has_ended:
            self._close()
        elif watches:
            self._watcher = Watcher.add(self)

    def end(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._watcher.look()
            self._close()

    def _close(self) -> None:
        # If another thread holds the lock, it calls this after it has released the lock.
        if self._lock.acquire(False):
            descriptor, self.descriptor = self.descriptor, -1
            self._lock.release()
            if descriptor >= 0:
                os.close(descriptor)
