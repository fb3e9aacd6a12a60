"""The process behind the start method `forkserver`: single-threaded, with the program's modules imported.

It keeps one spare, a fork of itself that waits for a request. So a start costs the caller a message, and the fork for
the next start happens meanwhile. Nothing runs in the server between two forks, so a child is the same as one that had
been forked for the request.

* *Channel*: a pair of sockets. One end, with all clients, takes requests; the spare reads the other. No name leads to
  it, so no other user can reach it. Its end (all clients are gone) ends the server and the spare.
* *Control*: a pair of sockets. The spare tells the server that it has become somebody's child, and gives it a copy of
  the *link*.
* *Link*: a pair of sockets between a child and its parent. The child sends its pid and pidfd, at the end its exit
  code. The server sends the exit code of a child that could not. Its end tells the child that the parent is gone.

A spare that dies is not replaced before the next request, so that no loop of forks can follow.
"""

from __future__ import annotations

import array
import atexit
import io
import os
import pickle
import select
import signal
import socket
import struct
import sys
from multiprocessing import forkserver, process, resource_tracker, spawn, util

from interlock.multiprocessing import _life
from interlock.multiprocessing import forkserver as ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

__all__ = ["CHUNK", "MOST_DESCRIPTORS", "NUMBER", "main", "receive", "send"]

CHUNK = 65536
"""The longest message on a link or on the channel."""

MOST_DESCRIPTORS = 253
"""What the kernel takes in one message."""

NUMBER = struct.Struct("q")


def send(to: socket.socket, data: Sequence[bytes | memoryview], descriptors: Sequence[int]) -> None:
    """Send one message with descriptors."""
    to.sendmsg(data, [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])


def receive(sender: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """Receive one message with at most `most` descriptors. The message is empty if the other side is gone."""
    data, ancillary, _, _ = sender.recvmsg(size, socket.CMSG_SPACE(4 * most), socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % 4])
    return data, list(descriptors)


def main(channel: int, preload: Callable[[], None]) -> None:
    """Run the server until no client is left."""
    preload()
    util._close_stdin()  # type: ignore[attr-defined]
    _Server(socket.socket(fileno=channel)).run()


class _Server:
    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._control, self._spares_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        self._links: dict[int, socket.socket] = {}
        self._spare: int | None = None
        self._wakeups, self._wakeups_in = os.pipe()
        os.set_blocking(self._wakeups, False)
        os.set_blocking(self._wakeups_in, False)
        handlers = {signal.SIGCHLD: lambda *_: None, signal.SIGINT: signal.SIG_IGN}
        self._handlers = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        signal.set_wakeup_fd(self._wakeups_in)

    def run(self) -> None:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wakeups, select.POLLIN)
        while True:
            # The spare reads the channel; without one, a request is the reason to fork one.
            poll.register(self._channel, select.POLLIN if self._spare is None else 0)
            ready = dict(poll.poll())
            state = ready.get(self._channel.fileno(), 0)
            if state & select.POLLHUP:
                sys.exit()
            if self._wakeups in ready:
                os.read(self._wakeups, 65536)
                self._reap()
            elif self._control.fileno() in ready:
                self._hear()
            if state & select.POLLIN and self._spare is None:
                self._fork()

    def _hear(self) -> None:
        """Take note of each spare that has become a child, and fork the next."""
        while True:
            try:
                message, descriptors = receive(self._control, NUMBER.size, 1)
            except BlockingIOError:
                return
            (pid,) = NUMBER.unpack(message)
            self._links[pid] = socket.socket(fileno=descriptors[0])
            if pid == self._spare:
                self._spare = None
                self._fork()

    def _fork(self) -> None:
        try:
            pid = os.fork()
        except OSError:
            if self._spare is None:
                _refuse(self._channel)
            return
        if pid == 0:
            self._become_spare()
        self._spare = pid

    def _reap(self) -> None:
        ended = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            ended.append((pid, os.waitstatus_to_exitcode(status)))
        self._hear()  # they have said so before they ended
        for pid, code in ended:
            if pid == self._spare:
                self._spare = None
            link = self._links.pop(pid, None)
            if link is not None:
                with link:
                    _tell(link, code)

    def _become_spare(self) -> NoReturn:
        """Wait for a request, and become the process that it asks for."""
        try:
            self._control.close()
            request = self._wait_for_request()
        except OSError:
            request = None
        if request is None:
            os._exit(0)
        link, work = request
        code = 1
        try:
            self._forget_server()
            atexit._clear()
            atexit.register(util._exit_function)  # type: ignore[attr-defined]
            code = _serve(link, work)
        except Exception:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
            sys.stderr.flush()
        finally:
            atexit._run_exitfuncs()
            _tell(link, code & 0xFF)
            os._exit(code)

    def _wait_for_request(self) -> tuple[socket.socket, _Work] | None:
        pid = os.getpid()
        number = NUMBER.pack(pid)
        myself = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(self._spares_control, 0)
        if self._spares_control.fileno() in dict(poll.poll()):
            return None  # the server is gone
        data, descriptors = receive(self._channel, CHUNK, MOST_DESCRIPTORS)
        if not data:
            return None  # all clients are gone
        link = socket.socket(fileno=descriptors[0])
        send(self._spares_control, [number], descriptors[:1])
        send(link, [number], [myself])
        os.close(myself)
        return link, _Work(data, descriptors[1:])

    def _forget_server(self) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for link in (self._channel, self._spares_control, *self._links.values()):
            link.close()
        os.close(self._wakeups)
        os.close(self._wakeups_in)


class _Work:
    """A request: what to prepare, the process object, and descriptors."""

    def __init__(self, data: bytes, descriptors: list[int]) -> None:
        (self.size,) = NUMBER.unpack_from(data)
        self.data = data[NUMBER.size :]
        self.channel, self.tracker, *self.inherited = descriptors
        for descriptor in self.inherited:
            os.set_inheritable(descriptor, True)


def _refuse(channel: socket.socket) -> None:
    """Take a request and drop it: its sender learns that from the end of the link."""
    _, descriptors = receive(channel, CHUNK, MOST_DESCRIPTORS)
    for descriptor in descriptors:
        os.close(descriptor)


def _tell(link: socket.socket, code: int) -> None:
    try:
        link.send(NUMBER.pack(code))
    except OSError:
        pass  # the parent is gone


def _serve(link: socket.socket, work: _Work) -> int:
    """Become the process of a request, and return its exit code."""
    data = work.data
    while len(data) < work.size:
        more = link.recv(CHUNK)
        if not more:
            raise EOFError("the parent is gone")
        data += more
    _adopt(work)
    stream = io.BytesIO(data)
    process.current_process()._inheriting = True  # type: ignore[attr-defined]
    try:
        preparation = pickle.load(stream)
        _join(preparation.get("interlock"))
        spawn.prepare(preparation)
        started = pickle.load(stream)
    finally:
        del process.current_process()._inheriting  # type: ignore[attr-defined]
    if started.daemon:
        _life.end_with_parent(link.fileno())
    code: int = started._bootstrap(link.fileno())
    return code


def _adopt(work: _Work) -> None:
    forkserver._forkserver._inherited_fds = work.inherited  # type: ignore[attr-defined]
    resource_tracker._resource_tracker._fd = work.tracker  # type: ignore[attr-defined]
    ours._forkserver.adopt(work.channel)


def _join(modules: Any) -> None:
    """Install in this child what its parent has installed."""
    if modules is not None:
        from interlock import _install

        if _install.installed() != modules:
            _install.join_parent(modules)
