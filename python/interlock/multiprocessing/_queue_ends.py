"""The two ends of a queue, for programs that look inside for the standard library's connections."""

from __future__ import annotations

import os
import threading

from interlock.multiprocessing._pickling import QUEUES, dumps, load_bytes

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
    """The end from which objects come, as a `Connection`. `fileno()` can be waited for by `select` and the like."""

    readable, writable = True, False
    _signal: _Signal | None = None

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Whether there is an object; blocks until there is, for at most `timeout` seconds (None: without limit)."""
        self._check()
        if self._queue._interlock_is_standard():  # by now
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
        """An object was removed by this process, or there was none to remove."""
        if self._signal is not None:
            self._signal.look_again()


class Writer(_End):
    """The end into which objects go, as a `Connection`."""

    readable, writable = False, True

    def send(self, obj: object) -> None:
        """Put an object. Blocks while there is no room."""
        self._check()
        self._queue.put(obj)

    def send_bytes(self, buf: Any) -> None:
        """Put the object whose pickle this is. Blocks while there is no room."""
        self.send(load_bytes(buf, QUEUES))


class _Signal:
    """A descriptor that is readable while there is an object: a thread waits for the next one."""

    def __init__(self, queue: Queue) -> None:
        self.pid = os.getpid()
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._queue = queue
        self._wait()

    def _wait(self) -> None:
        threading.Thread(target=self._tell, name="QueueReaderThread", daemon=True).start()

    def _tell(self) -> None:
        if self._queue._interlock_poll(None):
            os.eventfd_write(self.descriptor, 1)

    def look_again(self) -> None:
        """Make the descriptor unreadable if there is no object, until there is one."""
        if self._queue._interlock_is_empty():
            try:
                os.eventfd_read(self.descriptor)
            except BlockingIOError:
                return  # a thread waits
            self._wait()
