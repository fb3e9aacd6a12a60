"""The process behind the start method `forkserver`: single-threaded, with the program's modules imported.

It keeps one spare, a fork of itself that waits for a request. So a start costs the caller only a message, and the fork
for the next start happens in the meantime. No program code runs in the server between two forks, so the spare is the
same as a child that is forked for the request.

* *Channel*: a pair of sockets. All clients share one end and send requests; the spare reads the other. The channel has
  no name, so no other user can reach it. When all clients are gone, the server and the spare end.
* *Control*: a pair of sockets. The spare tells the server that it has become the child of a client, and sends it a copy
  of the *link*.
* *Link*: a pair of sockets between a child and its parent. The child sends its pid and pidfd, at the end its exit code.
  If the child could not, the server sends its exit code.
  When the link is closed, the child knows that the parent is gone.

A request says what to prepare in the child (paths, arguments, keys), and whether the child starts with SIGINT blocked.
It also holds the process object. (The server and the spare ignore SIGINT.) The preparation is mostly the same for all
children, so the server prepares itself like the last child. A child prepares itself again only if its request differs.

A spare that dies is not replaced before the next request, so that no loop of forks can follow.
"""

from __future__ import annotations

import array
import contextlib
import io
import os
import select
import signal
import socket
import struct
import sys
from multiprocessing import process, reduction, resource_tracker, spawn, util

from interlock._installed import install_exactly
from interlock._lifecycle import begin_child, run_exit_handlers
from interlock.multiprocessing import _life, popen_fork
from interlock.multiprocessing import forkserver as ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

__all__ = ["CHUNK", "HEAD", "MOST_DESCRIPTORS", "NUMBER", "main", "receive", "send"]

CHUNK = 32768
"""The longest message on a link, on the channel or on the control."""

MOST_DESCRIPTORS = 253
"""The most descriptors that the kernel accepts in one message."""

_pickle: Any = reduction.pickle  # type: ignore[attr-defined]
NUMBER = struct.Struct("q")
HEAD = struct.Struct("qq?")
"""The head of a request: the lengths of the rest and of its first part, the preparation; whether SIGINT is blocked."""

_MAIN = ("init_main_from_name", "init_main_from_path")
"""The entries that import the main module, which may run code of the program."""


def send(to: socket.socket, data: Sequence[bytes | memoryview], descriptors: Sequence[int]) -> None:
    """Send one message with descriptors."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    to.sendmsg(data, rights, socket.MSG_NOSIGNAL)


def receive(sender: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """Receive one message with at most `most` descriptors. The message is empty if the other side is gone."""
    data, ancillary, _, _ = sender.recvmsg(size, socket.CMSG_SPACE(4 * most), socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % 4])
    return data, list(descriptors)


def main(channel: int, preload: Callable[[], None], interrupts_are_held: bool) -> None:
    """Run the server until no client is left."""
    preload()
    util._close_stdin()  # type: ignore[attr-defined]
    server = _Server(socket.socket(fileno=channel))
    if interrupts_are_held:  # the client has blocked SIGINT, for the process that it starts
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    server.run()


class _Server:
    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._control, self._spares_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        self._links: dict[int, socket.socket] = {}
        popen_fork.prepare_stdin()
        self._spare: int | None = None
        self._ahead = _Ahead(b"")  # the preparation of the last child
        self._wakeups, self._wakeups_in = os.pipe()
        os.set_blocking(self._wakeups, False)
        os.set_blocking(self._wakeups_in, False)
        handlers: dict[int, Any] = {signal.SIGCHLD: lambda *_: None, signal.SIGINT: signal.SIG_IGN}
        self._handlers = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        signal.set_wakeup_fd(self._wakeups_in)

    def run(self) -> NoReturn:
        """Serve until no client is left."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wakeups, select.POLLIN)
        while True:
            self._serve_next(poll)

    def _serve_next(self, poll: select.poll) -> None:
        # The spare reads the channel; without one, a request is the reason to fork one.
        poll.register(self._channel, select.POLLIN if self._spare is None else 0)
        ready = dict(poll.poll())
        state = ready.get(self._channel.fileno(), 0)
        if state & select.POLLHUP:
            for link in (self._channel, self._control, self._spares_control, *self._links.values()):
                link.close()  # otherwise the interpreter would warn at its end
            sys.exit()
        if self._wakeups in ready:
            os.read(self._wakeups, 65536)
            self._reap()
        elif self._control.fileno() in ready:
            self._hear()
        if state & select.POLLIN and self._spare is None:
            self._fork(asked=True)

    def _hear(self) -> None:
        """Take note of each spare that has become a child, and fork the next."""
        while True:
            try:
                message, descriptors = receive(self._control, CHUNK, 1)
            except BlockingIOError:
                return
            (pid,) = NUMBER.unpack_from(message)
            if len(message) > NUMBER.size:
                self._ahead = _Ahead(message[NUMBER.size :])
            self._links[pid] = socket.socket(fileno=descriptors[0])
            self._spare = None
            self._fork(asked=False)

    def _fork(self, *, asked: bool) -> None:
        try:
            pid = os.fork()
        except OSError:
            if asked:
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
        self._hear()  # ended children may have reported their start just before
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
            if work.interrupts_are_held:
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            self._forget_server()
            begin_child(util)
            code = _serve(link, work, self._ahead)
        except Exception:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        finally:
            run_exit_handlers(util, process)
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
        work = _Work(link, data, descriptors[1:])
        news = work.short_preparation()
        # Sent first: if this fails (the server has been killed), the parent tries again.
        send(self._spares_control, [number, b"" if news == self._ahead.asked else news], descriptors[:1])
        send(link, [number], [myself])
        os.close(myself)
        return link, work

    def _forget_server(self) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for link in (self._channel, self._spares_control, *self._links.values()):
            link.close()
        os.close(self._wakeups)
        os.close(self._wakeups_in)


class _Work:
    """A request: what to prepare, the process object, descriptors, and whether SIGINT is blocked."""

    def __init__(self, link: socket.socket, data: bytes, descriptors: list[int]) -> None:
        self._size, self._first, self.interrupts_are_held = HEAD.unpack_from(data)
        self._link = link
        self._data = data[HEAD.size :]
        self.channel, self.tracker, *self.inherited = descriptors
        for descriptor in self.inherited:
            os.set_inheritable(descriptor, True)

    def short_preparation(self) -> bytes:
        """Return the preparation, if it fits into a message."""
        return self._data[: self._first] if self._first <= min(len(self._data), CHUNK - NUMBER.size) else b""

    def read(self) -> tuple[bytes, bytes]:
        """Return the preparation and the process object. Blocks until everything has arrived."""
        while len(self._data) < self._size:
            more = self._link.recv(CHUNK)
            if not more:
                raise EOFError("the parent is gone")
            self._data += more
        return self._data[: self._first], self._data[self._first :]


class _Ahead:
    """The preparation that the server has done before a child gets its request."""

    def __init__(self, preparation: bytes) -> None:
        self.asked = self.preparation = preparation
        self.data: dict[str, Any] = {}
        if preparation:
            try:
                self.data = _pickle.loads(preparation)
                if self.data["log_to_stderr"] or "log_level" in self.data:
                    raise ValueError("logging is prepared once")
                spawn.prepare({name: data for name, data in self.data.items() if name not in _MAIN})
            except Exception:
                self.preparation = b""

    def finish(self, preparation: bytes) -> None:
        """Do the preparation of a request, as far as it differs."""
        if not preparation or preparation != self.preparation:
            self.data = _pickle.loads(preparation)
            _join(self.data.get("interlock"))
            spawn.prepare(self.data)
        elif "init_main_from_name" in self.data:
            spawn._fixup_main_from_name(self.data["init_main_from_name"])  # type: ignore[attr-defined]
        elif "init_main_from_path" in self.data:
            spawn._fixup_main_from_path(self.data["init_main_from_path"])  # type: ignore[attr-defined]


def _refuse(channel: socket.socket) -> None:
    """Receive a request and drop it. The closed link tells the sender."""
    _, descriptors = receive(channel, CHUNK, MOST_DESCRIPTORS)
    for descriptor in descriptors:
        os.close(descriptor)


def _tell(link: socket.socket, code: int) -> None:
    with contextlib.suppress(OSError):  # the parent is gone
        link.send(NUMBER.pack(code), socket.MSG_NOSIGNAL)


def _serve(link: socket.socket, work: _Work, ahead: _Ahead) -> int:
    """Become the process of a request, and return its exit code."""
    preparation, started_pickle = work.read()
    _adopt(work)
    current: Any = process.current_process()
    current._inheriting = True
    try:
        ahead.finish(preparation)
        stream = io.BytesIO(started_pickle)
        current.name = _pickle.load(stream)
        started = _pickle.load(stream)
    finally:
        del current._inheriting
    if started.daemon:
        _life.end_with_parent(link.fileno())
    util._close_stdin = popen_fork.replace_stdin  # type: ignore[attr-defined]
    code: int = started._bootstrap(link.fileno())
    return code


def _adopt(work: _Work) -> None:
    ours.shared._inherited_fds = work.inherited
    resource_tracker._resource_tracker._fd = work.tracker  # type: ignore[attr-defined]
    ours._forkserver.adopt(work.channel)


def _join(modules: Any) -> None:
    """Install in this child what its parent has installed."""
    if modules is not None:
        install_exactly(modules)
