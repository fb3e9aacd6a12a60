"""When the process of a manager ends, and what it leaves.

A manager without an address of the program's has its socket in a directory of its own. The process that starts the
manager makes the directory, and removes it when the manager is shut down, or when the manager object goes. If that
process is gone, the manager's process ends as soon as nobody is connected to it, and removes the directory.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from multiprocessing import process, util

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["begin", "connected", "forget", "new_address"]

_LONGEST = 107
"""The bytes that the path of a socket may have."""
_STEP = 0.1
_STEPS = 5
"""A manager without a parent ends if nobody was connected at so many looks, so many seconds apart."""

connected: set[Any] = set()
"""The connections that a manager in this process serves."""
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
    util.Finalize(None, _remove, (address,), exitpriority=-100)
    threading.Thread(target=_end_after_parent, name="ManagerEndThread", daemon=True).start()
    if initializer is not None:
        initializer(*initargs)


def _end_after_parent() -> None:
    parent: Any = process.parent_process()
    if parent is None:
        return
    parent.join()
    looks = 0
    while looks < _STEPS:
        time.sleep(_STEP)  # sleep: how long nobody was connected is what counts
        looks = 0 if connected else looks + 1
    server: Any = getattr(process.current_process(), "_manager_server", None)
    if server is None:
        return  # it has not begun, and will fail when it tells its parent that it has
    memory: Any = getattr(server, "shared_memory_context", None)
    if memory is not None:
        memory.unlink()
    server.stop_event.set()
