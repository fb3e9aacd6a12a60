"""Brings log records and output of worker processes to the parent.

A worker puts each record, and each complete line, into a queue before it continues. So nothing that it logged or
printed before its death is lost. Only output of Python code is relayed: a library in C, or a program that the worker
starts, writes to the descriptors that the worker has inherited.

A thread of the parent passes each record to the logger of the same name, and writes the lines, each after the worker's
name. Handlers and filters run in the parent. The worker applies the levels that the parent's loggers had when the
worker was started.
"""

from __future__ import annotations

import io
import logging
import sys
import traceback
from multiprocessing.process import parent_process
from queue import Full
from threading import Thread, current_thread, get_ident

from interlock.multiprocessing._pickling import loads
from interlock.multiprocessing._pickling import packed as dumps
from interlock.multiprocessing._queues import Queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Inlet", "Outlet"]

_MOST = 10_000
"""The most messages that may wait for the parent's thread. When there are more, workers wait."""
_LOOK_AGAIN = 1.0
"""Seconds after which a worker that waits for room checks whether its parent is still alive."""
_LONGEST = 8192
"""A longer line is sent in pieces: a progress bar may never end its line."""


class Inlet:
    """The parent's end of the relay, with its thread."""

    def __init__(self, context: Any) -> None:
        """Make a relay. `context` is the context of the workers."""
        self._queue = Queue(_MOST, ctx=context)
        self.outlet = Outlet(self._queue)
        self._thread = Thread(
            target=_show_all, args=(self._queue,), name="relay of a process pool", daemon=True
        )

    def open(self) -> None:
        """Begin to show messages. Forked workers should have been started already."""
        self._thread.start()

    def close(self) -> None:
        """Block until all messages of the workers have been shown. The workers must have ended before."""
        self._queue.put(None)
        if self._thread is not current_thread():
            self._thread.join()


class Outlet:
    """A worker's end of the relay. A forked worker inherits it; any other worker gets it when it is started."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._levels: dict[str, int] = {}
        self._disabled = 0
        self._lines: tuple[_Lines, ...] = ()
        self._is_alone = False

    def __getstate__(self) -> dict[str, Any]:
        """Include the levels of the loggers, for workers that are not forked."""
        levels = {logger.name: logger.level for logger in _loggers()}
        return {**self.__dict__, "_levels": levels, "_disabled": logging.root.manager.disable}

    def open(self, label: str) -> None:
        """Relay what this process logs and prints from now on."""
        for logger in _loggers():  # the parent's loggers apply these
            logger.handlers.clear()
            logger.filters.clear()
            logger.propagate = True
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
        logging.disable(max(self._disabled, logging.root.manager.disable))
        logging.root.addHandler(_Handler(self))
        self._lines = tuple(
            _Lines(self, label, name, number) for number, name in enumerate(("stdout", "stderr"), 1)
        )
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(lines, "utf-8", "backslashreplace", "", write_through=True)  # type: ignore[type-var]
            for lines in self._lines
        )

    def close(self) -> None:
        """Send the incomplete lines. Output after this is sent when it is flushed."""
        for lines in self._lines:
            lines.end()

    def send(self, *message: Any) -> None:
        """Put a message. Blocks while there is no room, as long as the parent lives."""
        while not self._is_alone:
            try:
                return self._queue.put(message, True, _LOOK_AGAIN)
            except Full:
                parent = parent_process()
                self._is_alone = parent is None or not parent.is_alive()
        return None


def _loggers() -> list[logging.Logger]:
    named = logging.root.manager.loggerDict.values()
    return [logging.root, *(logger for logger in named if isinstance(logger, logging.Logger))]


class _Handler(logging.Handler):
    """Sends log records to the parent."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._outlet.send("record", _pickled(record))
        except Exception:
            self.handleError(record)


def _pickled(record: logging.LogRecord) -> bytes:
    """Pickle a record. Its message and traceback become text; attributes that can't be pickled, their `repr()`."""
    state = {**record.__dict__, "msg": record.getMessage(), "args": None, "exc_info": None}
    if record.exc_info and not record.exc_text:
        state["exc_text"] = _formatter.formatException(record.exc_info)
    try:
        return dumps(state)
    except Exception:
        return dumps({name: _picklable(value) for name, value in state.items()})


_formatter = logging.Formatter()


def _picklable(value: Any) -> Any:
    try:
        dumps(value)
    except Exception:
        return repr(value)
    return value


class _Lines(io.RawIOBase):
    """The raw stream below a worker's `sys.stdout` or `sys.stderr`. Each thread has its own line."""

    def __init__(self, outlet: Outlet, label: str, name: str, number: int) -> None:
        self._outlet, self._label, self._name, self._number = outlet, label, name, number
        self._begun: dict[int, bytes] = {}
        self._has_ended = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def write(self, data: Any) -> int:
        thread = get_ident()
        whole, end, rest = (self._begun.pop(thread, b"") + data).rpartition(b"\n")
        if len(rest) > _LONGEST:
            whole, end, rest = whole + end + rest, b"\n", b""
        if rest:
            self._begun[thread] = rest
        if end:
            self._send(whole)
        return len(data)

    def flush(self) -> None:
        if self._has_ended:
            self._send_rest()

    def end(self) -> None:
        """Send the incomplete lines now, and from now on at each flush: there may be no other chance."""
        self._has_ended = True
        self._send_rest()

    def _send_rest(self) -> None:
        while self._begun:
            self._send(self._begun.popitem()[1])

    def _send(self, lines: bytes) -> None:
        self._outlet.send(self._name, self._label, lines.decode("utf-8", "backslashreplace"))


def _show_all(queue: Queue) -> None:
    """Run the parent's thread."""
    while (message := queue.get()) is not None:
        try:
            _show(*message)
        except Exception:  # raised by a handler or filter, or the stream is closed
            if logging.raiseExceptions and sys.__stderr__ is not None:
                traceback.print_exc(file=sys.__stderr__)


def _show(kind: str, *data: Any) -> None:
    if kind == "record":
        record = logging.makeLogRecord(loads(data[0]))
        logging.getLogger(record.name).handle(record)
        return
    stream = getattr(sys, kind)
    if stream is not None:
        label, lines = data
        stream.write("".join(f"[{label}] {line}\n" for line in lines.split("\n")))
        stream.flush()
