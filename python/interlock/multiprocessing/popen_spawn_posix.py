"""The drop-in for `multiprocessing.popen_spawn_posix`: starts a child as a fresh interpreter."""

from __future__ import annotations

import contextlib
import io
import multiprocessing.popen_spawn_posix as _std
import os
from multiprocessing import spawn, util
from multiprocessing.context import set_spawning_popen

from interlock._originals import originals
from interlock._passthrough import mirror
from interlock.multiprocessing import _life
from interlock.multiprocessing._pickling import reducer_of
from interlock.multiprocessing._spawned import program
from interlock.multiprocessing.popen_fork import Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from typing import Any

__replaces__ = ("Popen",)

_Standard: Any = originals(_std, "Popen").Popen
_STANDARD = "from multiprocessing.spawn import spawn_main; spawn_main("


class Popen(Watched):
    """A child process, started as a fresh interpreter."""

    method = "spawn"
    DupFd = _std._DupFd

    def __new__(cls, process_obj: BaseProcess) -> Any:
        """Return an object of this class or, if that is not possible, of the standard class."""
        return super().__new__(cls) if _life.is_ours_to_start() else _Standard(process_obj)

    def __init__(self, process_obj: BaseProcess) -> None:
        self._fds: list[int] = []
        super().__init__(process_obj)

    def duplicate_for_child(self, fd: int) -> int:
        """Pass a descriptor to the child. Return the number by which an unpickled object finds it there."""
        self._fds.append(fd)
        return fd

    @property
    def peak_memory(self) -> int | None:
        """The peak memory of the ended process in bytes, or None if that is not known.

        The kernel's peak of the child includes the memory of this process when it started the child. So only a higher
        peak is the child's own.
        """
        import resource

        peak = super().peak_memory
        ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return peak if peak is not None and peak > ours else None

    def _launch(self, process_obj: Any) -> None:
        if not _is_standard(spawn.get_command_line(tracker_fd=0, pipe_handle=0)):
            _Standard._launch(self, process_obj)  # the program has set its own command line
            return
        tracker = _life.tracker()
        preparation = spawn.get_preparation_data(process_obj._name)
        buffer = io.BytesIO()
        set_spawning_popen(self)
        try:
            dump = reducer_of(_std).dump
            dump(preparation, buffer)
            dump(process_obj, buffer)
        finally:
            set_spawning_popen(None)
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as childs:
            read, write = os.pipe()
            childs.callback(os.close, read)
            ours.callback(os.close, write)
            life, parent = _life.life_pipe()
            childs.callback(os.close, life)
            ours.callback(_life.let_go, parent)
            line = _command_line(read, life, tracker, os.getpid() if process_obj.daemon else 0)
            self._fds += [tracker, read, life]
            self.pid = util.spawnv_passfds(spawn.get_executable(), line, self._fds)  # type: ignore[arg-type]
            ours.pop_all()
        _life.watch_child(self, parent)
        with open(write, "wb") as file:
            file.write(buffer.getbuffer())


def _command_line(data: int, life: int, tracker: int, parent: int) -> list[Any]:
    line = spawn.get_command_line(tracker_fd=tracker, pipe_handle=data)
    ours = program(data, life, tracker, parent)
    return [f"# {part}\n{ours}" if _is_program(part) else part for part in line]


def _is_standard(line: list[Any]) -> bool:
    return any(map(_is_program, line))


def _is_program(part: Any) -> bool:
    return isinstance(part, str) and part.startswith(_STANDARD)  # the interpreter's file is bytes


Popen.__module__ = "multiprocessing.popen_spawn_posix"

mirror(__name__, _std, own=__replaces__)
