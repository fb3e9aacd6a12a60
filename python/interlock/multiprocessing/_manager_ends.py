"""When the process of a manager ends, and what it leaves.

A manager without an address of the program's has its socket in a directory of its own. The process that starts the
manager makes the directory, and removes it when the manager is shut down, or when the manager object goes. If that
process is gone, the manager's process ends as soon as nobody is connected to it, and removes the directory.
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
"""The bytes that the path of a socket may have."""
_PATIENCE = 0.5
"""A manager without a parent ends if nobody has been connected to it for so many seconds."""

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
    with contextlib.suppress(OSError):  # the manager has removed it
        os.unlink(address)
    with contextlib.suppress(OSError):  # or the program keeps something there
        os.rmdir(os.path.dirname(address))


def begin(address: str, initializer: Callable[..., object] | None, initargs: Any) -> None:
    """Begin in the process of a manager, which will listen at this address."""
    _clients.__init__()  # type: ignore[misc]  # a forked process has what its parent had
    at_exit_after_children_end(_clients, functools.partial(_remove, address))
    if initializer is not None:
        initializer(*initargs)  # while there is one thread: it may fork
    threading.Thread(target=_end_after_parent, name="ManagerEndThread", daemon=True).start()


class _Clients:
    """The connections to the manager in this process."""

    def __init__(self) -> None:
        self.connections: set[Any] = set()
        self.count = 0  # of all that there have been
        self.is_orphaned = False


_clients = _Clients()


def connected(conn: Any) -> None:
    """Somebody has connected to the manager in this process."""
    _clients.count += 1
    _clients.connections.add(conn)


def disconnected(conn: Any) -> None:
    """This connection is closed."""
    _clients.connections.discard(conn)
    if _clients.is_orphaned and not _clients.connections:
        _wait_for_others()


def _end_after_parent() -> None:
    parent: Any = process.parent_process()
    if parent is None:
        return
    parent.join()
    _clients.is_orphaned = True
    if not _clients.connections:  # otherwise the last one that goes comes by
        _wait_for_others()


def _wait_for_others() -> None:
    timer = threading.Timer(_PATIENCE, _end_if_idle, (_clients.count,))
    timer.daemon = True
    timer.start()


def _end_if_idle(count: int) -> None:
    if _clients.connections or _clients.count != count:
        return
    server: Any = getattr(process.current_process(), "_manager_server", None)
    if server is None:  # it has not begun yet
        _wait_for_others()
        return
    memory: Any = getattr(server, "shared_memory_context", None)
    if memory is not None:
        memory.unlink()
    server.stop_event.set()
