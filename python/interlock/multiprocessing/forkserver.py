"""The drop-in for `multiprocessing.forkserver`: the client's side of the fork server."""

from __future__ import annotations

import contextlib
import multiprocessing.forkserver as _std
import os
import select
import socket
import sys
from multiprocessing import process, reduction, spawn, util

from interlock._installed import installed
from interlock._lifecycle import at_exit_after_children_end
from interlock._originals import originals
from interlock._passthrough import mirror
from interlock.multiprocessing import _interrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__replaces__ = ("_forkserver", "ensure_running")

_original: Any = originals(_std, "ForkServer")
_reduction: Any = reduction
shared: Any = _std._forkserver
"""The standard object. It keeps the list of modules to preload, and the descriptors that a child inherits."""

_COMMAND = """\
# from multiprocessing.forkserver import main
import sys
root = {root!r}
lacking = root not in sys.path
if lacking:
    sys.path.append(root)
try:
    from interlock.multiprocessing._fork_server import main
    from interlock.multiprocessing.forkserver import preload
    if {modules!r}:
        from interlock._install import join_as_fork_server
        join_as_fork_server({modules!r})
finally:
    if lacking:
        sys.path.remove(root)
main({channel}, lambda: preload({setup}), {held})
"""


class ForkServer(_original.ForkServer):  # type: ignore[misc]
    """Starts the server when it is needed, and sends it requests."""

    _forkserver_pid: int | None
    _forkserver_alive_fd: int | None

    def __init__(self) -> None:
        super().__init__()
        self.channel: socket.socket | None = None

    @property
    def _preload_modules(self) -> list[str]:
        modules: list[str] = shared._preload_modules
        return modules

    @_preload_modules.setter
    def _preload_modules(self, modules: list[str]) -> None:
        pass  # set by the constructor: see `shared`

    @property
    def _inherited_fds(self) -> list[int] | None:
        inherited: list[int] | None = shared._inherited_fds
        return inherited

    @_inherited_fds.setter
    def _inherited_fds(self, inherited: list[int] | None) -> None:
        if inherited is not None:  # not set by the constructor
            shared._inherited_fds = inherited

    def set_forkserver_preload(self, *args: Any, **kwargs: Any) -> None:
        """Set which modules the server imports when it starts."""
        shared.set_forkserver_preload(*args, **kwargs)

    def get_inherited_fds(self) -> list[int] | None:
        """Return the descriptors that this child of the server has received; None in any other process."""
        inherited: list[int] | None = shared.get_inherited_fds()
        return inherited

    def adopt(self, channel: int) -> None:
        """Take over the parent's channel, in a child of the server."""
        self.channel = socket.socket(fileno=channel)
        self._forkserver_alive_fd = channel
        self._forkserver_pid = None

    def ensure_running(self) -> None:
        """Start the server unless it runs. A child process uses its parent's server."""
        with self._lock:
            if self.channel is not None and not self._is_gone(self.channel):
                return
            self._close()
            self._launch()

    def _is_gone(self, channel: socket.socket) -> bool:
        if self._forkserver_pid is not None:
            try:
                if os.waitpid(self._forkserver_pid, os.WNOHANG)[0]:
                    self._forkserver_pid = None
                    return True
            except ChildProcessError:
                self._forkserver_pid = None  # in a forked child: the server is our parent's
        return hung_up(channel)

    def _close(self) -> None:
        if self.channel is not None:
            self.channel.close()
        self.channel = self._forkserver_alive_fd = None
        if self._forkserver_pid is not None:
            # In a forked child the server is the parent's; or the program has waited for it.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._forkserver_pid, 0)
            self._forkserver_pid = None

    def _stop_unlocked(self) -> None:
        self._close()

    def _launch(self) -> None:
        with contextlib.ExitStack() as kept, contextlib.ExitStack() as passed:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            kept.callback(ours.close)
            passed.callback(theirs.close)
            setup, write = os.pipe()
            passed.callback(os.close, setup)
            kept.callback(os.close, write)
            command = _COMMAND.format(
                root=os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                channel=theirs.fileno(),
                setup=setup,
                modules=installed(),
                held=_interrupts.are_held(),
            )
            executable = spawn.get_executable()
            flags = util._args_from_interpreter_flags()  # type: ignore[attr-defined]
            line = [executable, *flags, "-c", command]
            content = _setup()
            numbers = [theirs.fileno(), setup]
            self._forkserver_pid = util.spawnv_passfds(executable, line, numbers)  # type: ignore[arg-type]
            kept.pop_all()
        self.channel = ours
        self._forkserver_alive_fd = ours.fileno()
        at_exit_after_children_end(self, ours.close)  # an open socket would cause a warning
        try:
            with open(write, "wb") as file:
                file.write(content)
        except BrokenPipeError:
            pass  # the server has ended; the caller will notice


def hung_up(channel: socket.socket) -> bool:
    """Whether the other side is closed in all processes."""
    poll = select.poll()
    try:
        poll.register(channel, 0)
    except ValueError:
        return True  # closed
    return bool(poll.poll(0))


def _setup() -> bytes:
    """Return the modules that the server has to import, and the arguments and paths for that."""
    data: dict[str, Any] = {}
    if shared._preload_modules:
        data = spawn.get_preparation_data("ignore")
        names = ("sys_argv", "sys_path", "init_main_from_path", "init_main_from_name")
        data = {name: data[name] for name in names if name in data}
    return bytes(
        _reduction.ForkingPickler.dumps(
            (shared._preload_modules, getattr(shared, "_preload_on_error", "ignore"), data)
        )
    )


def ends_if_preload_fails() -> bool:
    """Whether the server ends if it can't import what the program wants (from 3.15 on)."""
    return bool(shared._preload_modules) and getattr(shared, "_preload_on_error", "") == "fail"


def preload(setup: int) -> None:
    """Import the program's modules in the server, with the program's arguments and paths."""
    with open(setup, "rb") as file:
        modules, on_error, data = _reduction.pickle.load(file)
    if not modules:
        return
    sys.argv[:] = data["sys_argv"]
    sys.path[:] = data["sys_path"]
    if "__main__" in modules:
        process.current_process()._inheriting = True  # type: ignore[attr-defined]
        try:
            if "init_main_from_name" in data:
                spawn._fixup_main_from_name(data["init_main_from_name"])  # type: ignore[attr-defined]
            elif "init_main_from_path" in data:
                spawn.import_main_path(data["init_main_from_path"])
        except (Exception, SystemExit) as error:
            _failed(on_error, f"__main__ from {data.get('init_main_from_path')!r}", error)
        finally:
            del process.current_process()._inheriting  # type: ignore[attr-defined]
    for name in modules:
        try:
            __import__(name)
        except ImportError as error:
            _failed(on_error, f"module {name!r}", error)
    util._flush_std_streams()  # type: ignore[attr-defined]


def _failed(on_error: str, what: str, error: BaseException) -> None:
    """Treat an error as the program has chosen (from 3.15 on; before that, ignore it)."""
    if on_error == "fail":
        raise error
    if on_error == "warn":
        import warnings

        warnings.warn(f"Failed to preload {what}: {error}", ImportWarning, stacklevel=3)


_forkserver = ForkServer()
ensure_running = _forkserver.ensure_running

mirror(__name__, _std, own=__replaces__)
