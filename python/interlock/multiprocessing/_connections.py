"""`Pipe`: two connections between processes, whose messages go through shared memory.

Each connection has the same descriptor as a standard connection, and passes it on in the same ways. A program that
takes the descriptor, with `fileno()`, may read and write it, or make another connection of it. So if nothing was sent
before and the process has both connections, messages go through the descriptor from then on, by the standard library's
code. Otherwise the descriptor only becomes readable when there is a message.
"""

from __future__ import annotations

import io
import os
from multiprocessing import connection, context, reduction, resource_sharer

from interlock._interlock import SharedConnection, make_pipe
from interlock._originals import originals
from interlock.multiprocessing._family import adopt, hand, home, known
from interlock.multiprocessing._pickling import CONNECTIONS, dumps, has_own_loads, load_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    import multiprocessing.connection as _std
    from typing import Any

    from interlock._interlock import Family
else:
    _std = originals(connection, "Connection")

__all__ = ["Connection", "Pipe", "ends_of", "part_of", "receive_into"]


class Connection(SharedConnection, _std.Connection):
    """One of the two connections of a pipe.

    See https://docs.python.org/3/library/multiprocessing.html#multiprocessing.connection.Connection.
    """

    __del__ = SharedConnection.close
    _close = SharedConnection.close
    _send_bytes = SharedConnection.send_bytes
    _poll = SharedConnection.poll

    def __init__(self) -> None:
        """Make an unconnected object; `Pipe()` calls this."""

    def _recv_bytes(self, maxsize: int | None = None) -> io.BytesIO | None:
        message = io.BytesIO()
        message.write(self.recv_bytes(maxsize))  # `recv_bytes_into` takes the place after it as the length
        return message

    def __reduce__(self) -> tuple[Any, ...]:
        """Reduce for picklers that are not of `multiprocessing`, and so do not know the reducers registered there."""
        return _reduce(self)


class _Pickling:
    """A connection that pickles every object with the program's pickler, even objects that need no pickle."""

    def send(self, obj: object) -> None:
        """Send a (picklable) object."""
        self.send_bytes(dumps(obj, CONNECTIONS))  # type: ignore[attr-defined]

    def recv(self) -> Any:
        """Receive a (picklable) object."""
        return load_bytes(self.recv_bytes(), CONNECTIONS)  # type: ignore[attr-defined]


class _PicklingConnection(_Pickling, Connection):
    """A connection that was made while the program's pickler had its own `loads`."""


class OverDescriptor(_Pickling, _std.Connection):
    """A standard connection over the descriptor of one of ours, which closes the descriptor."""

    def _close(self) -> None:
        pass


# Its objects look like standard ones, in messages, too.
Connection.__module__ = _PicklingConnection.__module__ = _std.Connection.__module__


def part_of(buffer: Any, offset: int, size: int | None) -> bytes:
    """Return the part of a buffer that `send_bytes` selects, if its bytes are no row, or raise the standard error."""
    view = memoryview(buffer)
    if view.itemsize > 1:
        view = view.cast("B")
    if offset < 0:
        raise ValueError("offset is negative")
    if offset > view.nbytes:
        raise ValueError("buffer length < offset")
    if size is None:
        size = view.nbytes - offset
    elif size < 0:
        raise ValueError("size is negative")
    elif offset + size > view.nbytes:
        raise ValueError("buffer length < offset + size")
    # This refuses bytes that are no row, as the same step of the standard library does.
    return b"" + view[offset : offset + size]


def receive_into(conn: Connection, buffer: Any, offset: int) -> int:
    """Do what the standard `recv_bytes_into` does for a buffer that is read-only or no row of items."""
    with memoryview(buffer) as view:
        length = view.itemsize * len(view)
        if offset < 0:
            raise ValueError("negative offset")
        if offset > length:
            raise ValueError("offset too large")
        message = conn.recv_bytes()
        end = offset + len(message)
        if end > length:
            raise context.BufferTooShort(message)
        io.BytesIO(message).readinto(view[offset // view.itemsize : end // view.itemsize])
        return len(message)


def _new() -> Connection:
    return _PicklingConnection() if has_own_loads(CONNECTIONS) else Connection()


def Pipe(duplex: bool = True) -> tuple[Connection, Connection]:
    """Return a pair of connections, which are the two ends of a pipe.

    With `duplex`, both send and receive. Otherwise the first one receives, and the second one sends.
    """
    one, other = _new(), _new()
    make_pipe(home(), one, other, bool(duplex))
    return one, other


def _reduce(conn: Connection) -> tuple[Any, ...]:
    """Pickle a connection, for a process that is being started, or for a process that will ask this one for it."""
    popen = context.get_spawning_popen()
    if popen is None:
        return _take, (_Offer(conn),)
    numbers = []
    place = None
    for end in conn._interlock_handles():
        for handle in end or ():
            place, number = hand(handle, popen)
            numbers.append(number)
    descriptor = reduction.DupFd(conn._interlock_descriptor())
    return _rebuild, (place, descriptor, ends_of(conn, numbers))


reduction.ForkingPickler.register(Connection, _reduce)


def ends_of(conn: Connection, numbers: list[int]) -> tuple[int | None, int | None]:
    """Return the numbers of the two ends from the numbers of all objects: each end's is followed by its channel's."""
    reader, writer = conn._interlock_handles()
    ends = iter(numbers[::2])
    return next(ends) if reader else None, next(ends) if writer else None


def _rebuild(family: Family, descriptor: Any, ends: tuple[int | None, int | None]) -> Connection:
    return _open(family, descriptor.detach(), ends)


def _open(family: Family, descriptor: int, ends: tuple[int | None, int | None]) -> Connection:
    conn = _new()
    try:
        conn._interlock_open(family, descriptor, ends)
    finally:
        os.close(descriptor)
    return conn


class _Offer:
    """A connection in a message. The receiver asks this process for it once; until then this process keeps it."""

    def __init__(self, conn: Connection) -> None:
        handles = [handle for end in conn._interlock_handles() for handle in end or ()]
        family = handles[0].family
        ends = ends_of(conn, [handle.number for handle in handles])
        kept = _open(family, os.dup(conn._interlock_descriptor()), ends)

        def send(peer: Any, pid: int) -> None:
            place = peer.recv().get(family.inode)
            is_new = place is None
            if is_new:
                place = family.expect_child()
                family.started(place, pid)
            for handle in handles:
                handle.hand(place)
            peer.send((is_new, place, ends))
            for number in [family.descriptor] * is_new + [kept._interlock_descriptor()]:
                reduction.send_handle(peer, number, pid)

        def close() -> None:
            handles.clear()  # first: when the last handle is dropped, the other side is notified
            kept.close()

        self._ticket = resource_sharer._resource_sharer.register(send, close)  # type: ignore[attr-defined]

    def take(self) -> Connection:
        with resource_sharer._resource_sharer.get_connection(self._ticket) as peer:  # type: ignore[attr-defined]
            families = {family.inode: family for family in known()}
            peer.send({inode: family.place for inode, family in families.items()})
            is_new, place, ends = peer.recv()
            if is_new:
                family = adopt(reduction.recv_handle(peer), place)
            else:
                family = next(family for family in families.values() if family.place == place)
            return _open(family, reduction.recv_handle(peer), ends)


def _take(offer: _Offer) -> Connection:
    return offer.take()
