"""The drop-in for `multiprocessing.shared_memory`: the same blocks, tracked once, on every version.

When a family of processes ends, its resource tracker unlinks the blocks that no process has unlinked. In the standard
library each process that attaches to a block has it tracked. So an unrelated process that only reads the block removes
it when it ends, with a warning. Here only the creator has the block tracked, and processes that attach with
``track=True``. We do not wake the tracker to check that it is alive, and a name that is made up here is tracked before
it exists.
"""

from __future__ import annotations

import _posixshmem  # type: ignore[import-not-found]
import mmap
import multiprocessing.shared_memory as _std
import os
from multiprocessing import resource_tracker

from interlock._originals import originals
from interlock._passthrough import mirror

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__replaces__ = ("SharedMemory",)

_original: Any = originals(_std, "SharedMemory")
_tracker: Any = resource_tracker._resource_tracker

_KIND = "shared_memory"
_FORGET = f"REGISTER:{{0}}:{_KIND}\nUNREGISTER:{{0}}:{_KIND}\n"
"""Makes the tracker forget a name, even one that it does not know: two lines in one write, which stay together."""


class SharedMemory(_original.SharedMemory):  # type: ignore[misc]
    """A block of memory with a name, which other processes can attach to."""

    _track: bool | None = None

    def __init__(
        self, name: str | None = None, create: bool = False, size: int = 0, *, track: bool | None = None
    ) -> None:
        """Create a block, or attach to an existing one.

        The creator has the block tracked unless ``track`` is false. A process that attaches has it tracked only if
        ``track`` is true.
        """
        if not size >= 0:
            raise ValueError("'size' must be a positive integer")
        if create:
            self._flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
            if size == 0:
                raise ValueError("'size' must be a positive number different from zero")
        if name is None and not self._flags & os.O_EXCL:
            raise ValueError("'name' can only be None if create=True")
        tracked = create if track is None else track
        self._track = track
        if name is None:
            self._make(tracked=tracked)
        else:
            self._name = "/" + name if self._prepend_leading_slash else name
            self._fd = _posixshmem.shm_open(self._name, self._flags, mode=self._mode)
            if tracked:
                _register(self._name)
            elif track is None:
                _expect_to_forget(self._name)
        try:
            if create:
                os.ftruncate(self._fd, size)
            # A length of 0 maps the whole file.
            self._mmap = memory = mmap.mmap(self._fd, size if create else 0)
        except OSError:
            if create:
                self.unlink()
            elif tracked:
                _forget(self._name)
            raise
        self._size = len(memory)
        self._buf = memoryview(memory)

    def _make(self, *, tracked: bool) -> None:
        """Create a block under a new name."""
        while True:
            name = f"{_std._SHM_NAME_PREFIX}{os.urandom(4).hex()}"  # type: ignore[attr-defined]
            if tracked:
                _register(name)
            try:
                self._fd = _posixshmem.shm_open(name, self._flags, mode=self._mode)
            except BaseException as error:
                if tracked:
                    _forget(name)
                if not isinstance(error, FileExistsError):
                    raise
            else:
                self._name = name
                return

    def unlink(self) -> None:
        """Remove the block's name, once for all processes. The memory goes when the last process has closed it."""
        if self._name:
            _posixshmem.shm_unlink(self._name)
            if self._track is not False:
                _forget(self._name)


def _register(name: str) -> None:
    _expected.pop(name, None)
    _registered.add(name)
    if not _write(f"REGISTER:{name}:{_KIND}\n", name):
        resource_tracker.register(name, _KIND)


def _forget(name: str) -> None:
    _expected.pop(name, None)
    _registered.discard(name)
    # Without a tracker there is nothing to forget: a process that has registered something has one.
    if _tracker._fd is not None and not _write(_FORGET.format(name), name):
        resource_tracker.unregister(name, _KIND)


def _write(message: str, name: str) -> bool:
    """Send a message to the tracker.

    Returns False if there is no tracker, if only the tracker's own function can send the name, or if the program has
    replaced the functions: some programs keep all blocks from the tracker that way.
    """
    tracker = _tracker._fd
    if tracker is None or ":" in name or "\n" in name or len(message) > 512:
        return False
    if resource_tracker.register != _tracker.register or resource_tracker.unregister != _tracker.unregister:
        return False
    if _KIND not in vars(resource_tracker)["_CLEANUP_FUNCS"]:
        return False
    try:
        os.write(tracker, message.encode("ascii"))
    except (OSError, UnicodeEncodeError):
        return False  # if the tracker has died, its own function starts another one
    return True


_registered: set[str] = set()
"""Names of blocks that this process has had tracked, and not forgotten."""
_MOST = 4096
_expected: dict[str, None] = {}
"""Names of blocks that this process has attached to without the tracker: the last ones."""
_send = _tracker._send


def _expect_to_forget(name: str) -> None:
    """Expect that the program calls `unregister()` for a block to which it attaches.

    Programs do so because the standard library's tracker would remove the block. Here the tracker does not know the
    name, and would print a traceback.
    """
    if name in _registered:
        return
    if _tracker._send == _send:
        _tracker._send = _send_but_expected
    _expected[name] = None
    if len(_expected) > _MOST:
        del _expected[next(iter(_expected))]


def _send_but_expected(command: str, name: str, kind: str) -> None:
    if command == "UNREGISTER" and kind == _KIND and name in _expected:
        del _expected[name]
    else:
        _send(command, name, kind)


SharedMemory.__module__ = (
    __name__  # a child finds the class of a pickled object here, even if nothing is installed
)

mirror(__name__, _std, own=__replaces__)
