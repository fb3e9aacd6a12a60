"""The end of a manager's process, and the removal of its socket.

If the program gives no address, the manager's socket is in a directory of its own. The process that starts the manager
makes the directory, and removes it when the manager is shut down, or when the manager object is collected. If that
process is gone, the manager's process ends as soon as no process is connected to it, and removes the directory.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from multiprocessing import process

from interlock._lifecycle import at_exit_after_children_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["begin", "connected", "disconnected", "forget", "new_address"]

_LONGEST = 107
"""The most bytes that the path of a socket may have."""
_PATIENCE = 0.5
"""A manager whose parent is gone ends if no process has been connected to it for this many seconds."""

_made: set[str] = set()
"""The addresses whose directories this process has made."""


def new_address() -> str | None:
    """Make a directory for a socket and return the socket's path, or None if that would be too long."""
    import tempfile  # only programs with managers need it

    directory = tempfile.mkdtemp(prefix="pymp-")
    address = os.path.join(directory, "listener")
    if len(os.fsencode(address)) > _LONGEST:
        os.rmdir(directory)
        return None
    _made.add(address)
    return address


def forget(address: Any) -> None:
    """Remove the directory of this address, if this process has made it. The manager has ended."""
    if address in _made:
        _made.discard(address)
        _remove(address)


def _remove(address: str) -> None:
    with contextlib.suppress(OSError):  # the manager has already removed it
        os.unlink(address)
    with contextlib.suppress(OSError):  # also if the program keeps files there
        os.rmdir(os.path.dirname(address))


def begin(address: str, initializer: Callable[..., object] | None, initargs: Any) -> None:
    """Prepare the process of a manager, which will listen at this address."""
    _clients.__init__()  # type: ignore[misc]  # a forked process inherits its parent's connections
    at_exit_after_children_end(_clients, functools.partial(_remove, address))
    if initializer is not None:
        initializer(*initargs)  # while there is only one thread, as it may fork
    threading.Thread(target=_end_after_parent, name="ManagerEndThread", daemon=True).start()


class _Clients:
    """The connections to the manager in this process."""

    def __init__(self) -> None:
        self.connections: set[Any] = set()
        self.count = 0  # of all connections so far
        self.is_orphaned = False


_clients = _Clients()


def connected(conn: Any) -> None:
    """Note a new connection to the manager in this process."""
    _clients.count += 1
    _clients.connections.add(conn)


def disconnected(conn: Any) -> None:
    """Note that this connection is closed."""
    _clients.connections.discard(conn)
    if _clients.is_orphaned and not _clients.connections:
        _wait_for_others()


def _end_after_parent() -> None:
    parent: Any = process.parent_process()
    if parent is None:
        return
    parent.join()
    _clients.is_orphaned = True
    if not _clients.connections:  # otherwise `disconnected` does this for the last connection
        _wait_for_others()


def _wait_for_others() -> None:
    timer = threading.Timer(_PATIENCE, _end_if_idle, (_clients.count,))
    timer.daemon = True
    timer.start()


def _end_if_idle(count: int) -> None:
    if _clients.connections or _clients.count != count:
        return
    server: Any = getattr(process.current_process(), "_manager_server", None)
    if server is None:  # the server has not started yet
        _wait_for_others()
        return
    memory: Any = getattr(server, "shared_memory_context", None)
    if memory is not None:
        memory.unlink()
    server.stop_event.set()
