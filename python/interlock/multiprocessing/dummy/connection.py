"""The drop-in for `multiprocessing.dummy.connection`: pipes and listeners that use the engine's queues."""

from __future__ import annotations

import multiprocessing.dummy.connection as _std

from interlock._passthrough import mirror
from interlock._subinterpreter import in_subinterpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__replaces__: tuple[str, ...] = ()

if not in_subinterpreter():
    from interlock.queue import Queue

    class Listener(_std.Listener):
        """Accepts connections from other threads, which pass its `address` to `Client()`."""

        def __init__(self, address: Any = None, family: Any = None, backlog: int = 1) -> None:
            """Make a listener that lets at most `backlog` connections wait until it accepts them."""
            self._backlog_queue: Any = Queue(backlog)

    def Client(address: Any) -> _std.Connection:
        """Connect to a listener. Blocks while its backlog is full."""
        incoming: Queue[Any] = Queue()
        outgoing: Queue[Any] = Queue()
        address.put((outgoing, incoming))
        return _std.Connection(incoming, outgoing)

    def Pipe(duplex: bool = True) -> tuple[_std.Connection, _std.Connection]:
        """Return the two ends of a pipe; both can send and receive."""
        a: Queue[Any] = Queue()
        b: Queue[Any] = Queue()
        return _std.Connection(a, b), _std.Connection(b, a)

    for _object in (Client, Listener, Pipe):
        _object.__module__ = "multiprocessing.dummy.connection"
    __replaces__ = ("Client", "Listener", "Pipe", "Queue")

mirror(__name__, _std, own=__replaces__)
