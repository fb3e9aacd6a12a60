"""Managers, whose proxies talk to them through shared memory.

A proxy connects to its manager as the standard library's proxy does: over the manager's address, with the
authentication key. When the connection has become the proxy's own, the proxy asks over it whether the manager belongs
to its family of processes. If so, both continue over a pipe of `Pipe()`. If not (the manager is on another machine,
say), they continue over the connection.
"""

from __future__ import annotations

import contextlib
import os
import signal
from multiprocessing import connection, context, managers, process

from interlock._originals import originals
from interlock.multiprocessing import _manager_ends
from interlock.multiprocessing._connections import Connection, Pipe, ends_of
from interlock.multiprocessing._family import SERIALIZER, hand, home, known
from interlock.multiprocessing._locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import multiprocessing.managers as _std
    from typing import Any

    Standard = connection.Connection[Any, Any]
else:
    _names_of_ours = {"BaseManager", "SharedMemoryManager", "SyncManager"}
    _std = originals(managers, *_names_of_ours.intersection(dir(managers)))
    Standard = originals(connection, "Connection").Connection

__all__ = ["BaseManager", "ManagerDiedError", "SyncManager"]

_OURS = "#interlock"
"""Replaces an object's id in a request to the connection itself. A standard manager does not know this id."""


class ManagerDiedError(
    EOFError, BrokenPipeError, ConnectionRefusedError, ConnectionResetError, FileNotFoundError
):
    """The process of a manager has ended, and its objects with it.

    Code that catches any of the standard errors for that catches this one, too. Its `errno` is that of the standard
    error, which is its cause.
    """

    def __str__(self) -> str:
        return str(self.args[0])


_ENDED = EOFError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError, FileNotFoundError


class _Known:
    """A manager whose process is known here: this process has started it, or both belong to one family."""

    _began: bytes | None = None

    def __init__(self, name: str, pid: int) -> None:
        self.text = f"the manager {name} (process {pid})"
        self._pid = pid
        with contextlib.suppress(OSError):
            state = _state_of(pid)
            self._began = state and state[0]

    def is_gone(self) -> bool:
        """Whether the process has ended, or is about to end: its connections are closed a moment earlier."""
        try:
            state = _state_of(self._pid)
        except OSError:
            return False  # no descriptor is left to read the state
        return state is None or state[1] or self._began not in (None, state[0])


def _state_of(pid: int) -> tuple[bytes, bool] | None:
    """Return when a process started, and whether it is ending; None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        with open(f"/proc/{pid}/status", "rb") as file:
            status = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    has_ended = fields[0] in (b"Z", b"X") or bool(int(fields[6]) & _EXITING)
    # When one thread ends the process, SIGKILL becomes pending for each other thread.
    pending = int(status.partition(b"\nSigPnd:")[2].partition(b"\n")[0].strip() or b"0", 16)
    return fields[19], has_ended or bool(pending >> (signal.SIGKILL - 1) & 1)


_EXITING = 4
"""The kernel's flag ``PF_EXITING``: the process runs no more code, but may not have closed its descriptors yet."""
_managers: dict[Any, _Known] = {}
"""Managers by their addresses."""


def _died(manager: str, cause: Exception) -> ManagerDiedError:
    """Return the `ManagerDiedError` for this standard error."""
    is_gone = isinstance(cause, FileNotFoundError)
    error = ManagerDiedError(f"{manager} has ended" + ", or its socket was removed" * is_gone)
    error.errno = getattr(cause, "errno", None)
    return error


class _Upgraded(Standard):
    """A standard connection that may continue over a pipe."""

    _pipe: Connection | None = None

    @classmethod
    def of(cls, conn: Any) -> Any:
        """Take over the descriptor of a standard connection."""
        descriptor, conn._handle = conn._handle, None
        return cls(descriptor)

    def close(self) -> None:
        """Close the connection."""
        if self._pipe is not None:
            self._pipe.close()
        super().close()

    def send(self, obj: Any) -> None:
        """Send a (picklable) object."""
        if self._pipe is None:
            super().send(obj)
        else:
            self._pipe.send(obj)


class _Served(_Upgraded):
    """The manager's side."""

    def close(self) -> None:
        """Close the connection."""
        super().close()
        _manager_ends.disconnected(self)

    def recv(self) -> Any:
        """Receive a (picklable) object."""
        while self._pipe is None:
            request = super().recv()
            if not (isinstance(request, tuple) and request[0] == _OURS):
                return request
            _, function, args, _ = request
            answer = getattr(self, function)(*args) if function in ("_places", "_go_on") else None
            Standard.send(self, ("#RETURN", answer))  # over the connection on which the request came
        return self._pipe.recv()

    def _places(self) -> tuple[str, int, dict[int, int]]:
        return process.current_process().name, os.getpid(), {family.inode: family.place for family in known()}

    def _go_on(self, inode: int, ends: tuple[int, int]) -> None:
        family = next(family for family in known() if family.inode == inode)
        pipe = Connection()
        pipe._interlock_open(family, self.fileno(), ends)
        self._pipe = pipe


class _Asking(_Upgraded):
    """The proxy's side."""

    _is_own = False
    _is_behind = False  # a signal handler ended the last call, whose answer is still to come
    _manager: _Known | None = None  # None: the process is not known, and may outlive the connection
    _address: tuple[Any, ...] = ()

    def send(self, obj: Any) -> None:
        """Send a (picklable) object."""
        if self._is_behind:
            self._begin_again()
        if self._pipe is None:
            self._is_own = obj[1] == "accept_connection"
        try:
            super().send(obj)
        except (BrokenPipeError, ConnectionResetError) as error:
            self._ended(error)
            raise

    def recv(self) -> Any:
        """Receive a (picklable) object."""
        self._is_behind = True
        try:
            reply = super().recv() if self._pipe is None else self._pipe.recv()
            self._is_behind = False
            if self._is_own:
                self._is_own = False
                if reply == ("#RETURN", None):
                    self._go_on()
            return reply
        except (EOFError, ConnectionResetError) as error:
            self._is_behind = False
            self._ended(error)
            raise

    def _begin_again(self) -> None:
        """Continue over a new connection, because the manager is still busy with the call of the old one."""
        new = _client(*self._address)
        _std.dispatch(new, None, "accept_connection", (process.current_process().name,))  # type: ignore[attr-defined]
        self.close()
        self._handle, new._handle = new._handle, None
        self._pipe, new._pipe = new._pipe, None
        self._is_behind = False

    def _ended(self, cause: Exception) -> None:
        """Raise `ManagerDiedError` if the manager's process has ended, and not just the connection."""
        if self._manager is not None and self._manager.is_gone():
            raise _died(self._manager.text, cause) from cause

    def _go_on(self) -> None:
        if not known():
            return
        answer = self._ask("_places")
        if answer is None:
            return
        name, pid, places = answer
        family = home()
        place = places.get(family.inode)
        if place is None:
            return
        self._manager = _managers[self._address[0]] = _Known(name, pid)
        ours, theirs = Pipe()
        with theirs:
            handles = [handle for end in theirs._interlock_handles() for handle in end or ()]
            for handle in handles:
                handle.hand(place)
            self._ask("_go_on", family.inode, ends_of(theirs, [handle.number for handle in handles]))
        self._pipe = ours

    def _ask(self, function: str, *args: Any) -> Any:
        super().send((_OURS, function, args, {}))
        kind, result = super().recv()
        return result if kind == "#RETURN" else None


class _Listener(connection.Listener):
    def accept(self) -> Any:
        served = _Served.of(super().accept())
        _manager_ends.connected(served)
        return served


def _client(address: Any, family: str | None = None, authkey: bytes | None = None) -> Any:
    try:
        client = _Asking.of(connection.Client(address, family, authkey))
    except _ENDED as error:
        manager = _managers.get(address)
        if manager is None:
            is_local = isinstance(address, (str, bytes))
            if is_local and isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
                raise _died(f"the manager at {address!r}", error) from error  # no process listens there
        elif manager.is_gone():
            raise _died(manager.text, error) from error
        raise
    client._address = (address, family, authkey)
    client._manager = _managers.get(address)
    return client


class _Serializer(str):
    """The name of the pair of `_Listener` and `_client`. It brings this module and the family to a child process.

    A proxy that is pickled otherwise may arrive where there is no Interlock, on another machine for instance. So its
    pickle must be loadable by the standard library: there the name is "pickle".
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        popen = context.get_spawning_popen()
        if popen is None:
            return getattr, (context.BaseContext, SERIALIZER, "pickle")
        return _serializer, (*hand(_anchor()._interlock_handle(), popen), {**_managers})


def _serializer(*given: Any) -> _Serializer:
    _managers.update(given[-1])
    return _SERIALIZER


_SERIALIZER = _Serializer("interlock")
"""`_family.SERIALIZER` refers to this object."""
_std.listener_client[_SERIALIZER] = (_Listener, _client)  # type: ignore[attr-defined]
_anchors: list[Lock] = []


def _anchor() -> Lock:
    """Return an object that brings a process into the family when it is handed over."""
    if not _anchors:
        _anchors.append(Lock(ctx=context._default_context.get_context("spawn")))
    return _anchors[0]


_StandardManager = _std.BaseManager  # later, that name in the module may be our class


class BaseManager(_StandardManager):
    """A manager of shared objects.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.managers.BaseManager. Its proxies talk to
    it through shared memory if its process and theirs belong to one family.
    """

    _address: Any
    _process: Any
    _serializer: str
    _state: Any

    def __init__(
        self,
        address: Any = None,
        authkey: Any = None,
        serializer: str = "pickle",
        ctx: Any = None,
        *,
        shutdown_timeout: float = 1.0,
    ) -> None:
        name = _SERIALIZER if serializer == "pickle" else serializer
        # Not by super(): `SharedMemoryManager` calls this `__init__` by name, and is derived from the standard class.
        _StandardManager.__init__(self, address, authkey, name, ctx, shutdown_timeout=shutdown_timeout)

    def start(self, initializer: Any = None, initargs: Any = ()) -> None:
        """Spawn a server process for this manager object.

        If the program has given no address, the process ends when its parent is gone and no process is connected to it.
        """
        home()  # so that a forked server is in the family
        std: Any = _std
        address = None
        if self._address is None and self._state.value == std.State.INITIAL:
            if initializer is None or callable(initializer):
                address = self._address = _manager_ends.new_address()
        try:
            if address is None:
                super().start(initializer, initargs)
            else:
                super().start(_manager_ends.begin, (address, initializer, initargs))
        except BaseException:
            if address is not None:
                self._address = None
                _manager_ends.forget(address)
            raise
        _managers[self._address] = _Known(self._process.name, self._process.pid)

    def connect(self) -> None:
        """Connect manager object to the server process."""
        try:
            super().connect()
        except ManagerDiedError as error:
            if self._address in _managers or error.__cause__ is None:
                raise
            raise error.__cause__ from None  # it is not known that there has been a manager

    @staticmethod
    def _finalize_manager(process: Any, address: Any, *args: Any) -> None:
        _StandardManager._finalize_manager(process, address, *args)  # type: ignore[attr-defined]
        _managers.pop(address, None)
        _manager_ends.forget(address)


# The standard class comes first, so that types which a program registers with `BaseManager` do not hide its types.
class SyncManager(_std.SyncManager, BaseManager):
    """A manager of the types of `multiprocessing.Manager()`.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.managers.SyncManager.
    """


if hasattr(_std, "SharedMemoryManager"):  # missing if the system has no shared memory

    class SharedMemoryManager(_std.SharedMemoryManager, BaseManager):
        """A manager of named shared memory.

        See https://docs.python.org/3/library/multiprocessing.shared_memory.html#multiprocessing.managers.SharedMemoryManager.
        """

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)  # calls the `__init__` of the module's `BaseManager` by name
            if self._serializer == "pickle":
                self._serializer = _SERIALIZER
                self._Listener, self._Client = _Listener, _client

    __all__ += ["SharedMemoryManager"]
