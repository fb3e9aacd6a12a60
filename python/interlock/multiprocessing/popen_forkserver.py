"""The drop-in for `multiprocessing.popen_forkserver`: starts a child through the fork server."""

from __future__ import annotations

import io
import multiprocessing.popen_forkserver as _std
import os
import select
import socket
from multiprocessing import spawn
from multiprocessing.context import set_spawning_popen

from interlock._installed import installed
from interlock._lifecycle import when_gone
from interlock._originals import originals
from interlock._passthrough import mirror
from interlock.multiprocessing import _fork_server, _interrupts, _life, forkserver
from interlock.multiprocessing._pickling import reducer_of
from interlock.multiprocessing.popen_fork import Watched
from interlock.threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from typing import Any

__replaces__ = ("Popen",)

_Standard: Any = originals(_std, "Popen").Popen
_TRIES = 3


class Popen(Watched):
    """A child process, forked by the server."""

    method = "forkserver"
    DupFd = _std._DupFd
    returncode: int | None
    _channel: socket.socket

    def __init__(self, process_obj: BaseProcess) -> None:
        self._fds: list[int] = []
        self._lock = Lock()
        super().__init__(process_obj)

    def __new__(cls, process_obj: BaseProcess) -> Any:
        """Return an object of this class or, if that is not possible, of the standard class."""
        return super().__new__(cls) if _life.is_ours_to_start() else _Standard(process_obj)

    def duplicate_for_child(self, fd: int) -> int:
        """Pass a descriptor to the child. Return the index by which an unpickled object finds it there."""
        self._fds.append(fd)
        return len(self._fds) - 1

    def _launch(self, process_obj: Any) -> None:
        data = memoryview(_pickled(self, process_obj))
        for _ in range(_TRIES):
            if self._ask(data):
                return
            if forkserver.ends_if_preload_fails():
                break
        error = EOFError("unexpected EOF")
        if forkserver.ends_if_preload_fails():
            error.add_note("Forkserver process may have crashed during module preloading. Check stderr.")
        raise error

    def _ask(self, data: memoryview) -> bool:
        """Ask the server for a child. Returns False if the server or the spare ended before it took the request."""
        server = forkserver._forkserver
        server.ensure_running()
        assert server.channel is not None
        self._channel = channel = server.channel
        link, childs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with childs:
                descriptors = [childs.fileno(), channel.fileno(), _life.tracker(), *self._fds]
                if len(descriptors) > _fork_server.MOST_DESCRIPTORS:
                    raise ValueError("too many fds")
                _fork_server.send(channel, [data[: _fork_server.CHUNK]], descriptors)
            for at in range(_fork_server.CHUNK, len(data), _fork_server.CHUNK):
                link.send(data[at : at + _fork_server.CHUNK], socket.MSG_NOSIGNAL)
            message, pidfds = _fork_server.receive(link, _fork_server.NUMBER.size, 1)
        except (BrokenPipeError, ConnectionResetError):
            message = b""
        except BaseException:
            link.close()
            raise
        if not message:
            link.close()
            return False
        (self.pid,) = _fork_server.NUMBER.unpack(message)
        self._link = link.detach()
        _life.hold(self._link)
        if pidfds:
            _life.watch(self, pidfds[0], self._link)
        else:  # no descriptor was free for it. The exit code comes by the link, so that shows the end, too
            self.sentinel = self._link
            self._watched, self._has_pidfd = True, False
            self.finalizer = when_gone(self, _life.let_go, self._link)
        return True

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code, or None if the process still runs; without ``WNOHANG``, wait for it."""
        if self.returncode is None:
            if not _life.ended_within(self.sentinel, 0 if flag == os.WNOHANG else None):
                return None
            with self._lock:  # the message with the code arrives only once
                if self.returncode is None:
                    self.returncode = self._code()
                    self._announce_end(self.returncode)
        return self.returncode

    def _code(self) -> int:
        """Wait for the exit code. The child has sent it, or the server sends it; if the server is gone, it is 255."""
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        if not forkserver.hung_up(self._channel):
            poll.register(self._channel, 0)
            poll.poll()
        message = _look(self._link) if _life.ended_within(self._link, 0) else b""
        code: int = _fork_server.NUMBER.unpack(message)[0] if message else 255
        return code


def _look(link: int) -> bytes:
    """Return the next message, and leave it in the socket: several threads may wait for a process at a time."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, link)
    try:
        return end.recv(_fork_server.NUMBER.size, socket.MSG_PEEK)
    finally:
        end.detach()


def _pickled(popen: Any, process_obj: Any) -> bytes:
    """Return a request: its head, the preparation, the name and the process object."""
    data = spawn.get_preparation_data(process_obj._name)
    del data["name"]  # so that the preparation is mostly the same
    if "interlock" in data:
        data["interlock"] = installed()  # the server compares, and installs the difference
    head = _fork_server.HEAD
    buffer = io.BytesIO(bytes(head.size))
    buffer.seek(head.size)
    set_spawning_popen(popen)
    try:
        dump = reducer_of(_std).dump
        dump(data, buffer)
        first = buffer.tell() - head.size
        dump(process_obj._name, buffer)
        dump(process_obj, buffer)
    finally:
        set_spawning_popen(None)
    size = buffer.tell() - head.size
    head.pack_into(buffer.getbuffer(), 0, size, first, _interrupts.are_held())
    return buffer.getvalue()


Popen.__module__ = "multiprocessing.popen_forkserver"

mirror(__name__, _std, own=__replaces__)
