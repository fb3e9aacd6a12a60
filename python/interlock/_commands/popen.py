"""`Popen`: the standard class, but it refers to processes by descriptors, and the engine moves the bytes of pipes.

If the arguments are plain, the engine starts the process. Otherwise the standard library's own code does; it also reaps
all processes. We replace how a thread waits for the process and for its pipes, and how a signal is sent. If a program
has replaced a part of the standard code that would be bypassed, the standard code runs.
"""

from __future__ import annotations

import contextlib
import io
import operator
import os
import signal
import subprocess as _std
import sys
import time
from types import BuiltinFunctionType

from interlock._commands.awaiting import ended
from interlock._commands.exchange import communicate, is_movable, read_all, read_both, read_text
from interlock._commands.starting import is_started
from interlock._interlock import ChildProcess
from interlock._originals import is_original, originals, standing_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

__all__ = ["Popen", "descriptor_of"]

_original: Any = originals(_std, "Popen").Popen

_NO_PIPES = (-1, -1, -1, -1, -1, -1)

_PROCESS = "_interlock_process"
"""The attribute with the descriptor of a process, from its start until it is reaped."""

_TREE = "_interlock_tree"
"""The attribute with the tree of a command, if `kill_tree` is set."""

_waitpid, _kill = os.waitpid, os.kill


class Popen(_original):  # type: ignore[misc]
    """Execute a child program in a new process, as `subprocess.Popen` does with the same arguments.

    `wait()` with a timeout returns as soon as the process has ended: it sleeps until the kernel reports the end.
    `communicate()` moves large blocks, in and out at once. A signal reaches this process or none, never a later process
    with the same pid.

    As long as the object exists and the process has not been waited for, it holds one descriptor more than the standard
    class. If it can't get one (an old kernel, a sandbox, a full table of descriptors), the standard code runs.

    Args:
        kill_tree: whether the command's whole tree of processes ends when the command is killed (as `run()` does when
            its time is over), when a ``with`` block ends with an exception, and when this program ends before it has
            waited for the command. `kill()` then blocks until these processes have ended. The command gets an
            additional environment variable, by which its descendants are recognized.

    The other arguments are those of the standard class.
    Follows https://docs.python.org/3/library/subprocess.html#subprocess.Popen.
    """

    def __init__(self, *args: Any, kill_tree: bool = False, **kwargs: Any) -> None:
        if kill_tree:
            from interlock._commands.tree import Tree  # only programs that have trees need what it imports

            tree = self.__dict__[_TREE] = Tree()
            try:
                super().__init__(*args, **kwargs)
            except BaseException:
                tree.forget()
                raise
        else:
            super().__init__(*args, **kwargs)

    # So `inspect.signature` and the mocks that check calls by it see the standard parameters.
    __init__.__wrapped__ = _original.__init__  # type: ignore[attr-defined]

    @property
    def returncode(self) -> Any:
        """The exit code, or minus the number of the signal that ended the process; None as long as it is unknown."""
        try:
            return self.__dict__["returncode"]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'returncode'") from None

    @returncode.setter
    def returncode(self, code: Any, _process: str = _PROCESS, _tree: str = _TREE) -> None:
        # Event loops reap processes by themselves and set this. So does the standard code when the interpreter ends,
        # and there are no globals any more.
        attributes = self.__dict__
        attributes["returncode"] = code
        if code is not None:
            attributes.pop(_process, None)
            if _tree in attributes:
                attributes[_tree].forget()

    @returncode.deleter
    def returncode(self) -> None:
        try:
            del self.__dict__["returncode"]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'returncode'") from None

    def __init_subclass__(cls, **how: Any) -> None:
        super().__init_subclass__(**how)
        found = next(vars(base)["returncode"] for base in cls.__mro__ if "returncode" in vars(base))
        if not hasattr(type(found), "__get__"):
            cls.returncode = _Returncode(found)  # type: ignore[method-assign, assignment]

    def _get_handles(self, stdin: Any, stdout: Any, stderr: Any) -> Any:
        if stdin is None and stdout is None and stderr is None:
            return _NO_PIPES  # faster than the standard function
        if self.pipesize > 0 or not (_is_plain(stdin) and _is_plain(stdout) and _is_plain(stderr)):
            return super()._get_handles(stdin, stdout, stderr)
        numbers: list[int] = []
        try:
            for what in (stdin, stdout, stderr):
                numbers += (-1, -1) if what is None else os.pipe()
        except BaseException:
            for number in numbers:
                if number != -1:
                    os.close(number)
            raise
        return tuple(numbers)

    def _close_pipe_fds(self, *numbers: int) -> None:
        if "_devnull" in self.__dict__:
            super()._close_pipe_fds(*numbers)
            return
        if numbers == _NO_PIPES:  # faster, as above
            self._closed_child_pipe_fds = True
            return
        error = None
        for child, ours in zip((5, 3, 0), (4, 2, 1), strict=True):
            if numbers[child] != -1 and numbers[ours] != -1:
                try:
                    os.close(numbers[child])
                except OSError as raised:
                    error = raised
        if error is not None:
            raise error
        self._closed_child_pipe_fds = True

    def _execute_child(self, *args: Any, **kwargs: Any) -> None:
        tree = self.__dict__.get(_TREE)
        if tree is not None:
            # args, executable, preexec_fn, close_fds, pass_fds, cwd, env, …
            args = (*args[:6], tree.environment(args[6]), *args[7:])
        if kwargs or not is_started(self, args, _PROCESS):
            super()._execute_child(*args, **kwargs)
            process = ChildProcess.open(self.pid)
            if process is not None:
                self.__dict__[_PROCESS] = process
        if tree is not None:
            tree.begin(self.pid)

    def __exit__(self, exc_type: Any, value: Any, traceback: Any) -> None:
        tree = self.__dict__.get(_TREE)
        if exc_type is None or tree is None or not tree.is_own():
            super().__exit__(exc_type, value, traceback)
            return
        # What happens here hides the block's own exception only if it is Ctrl-C, and does not keep the rest from
        # being done.
        if exc_type is KeyboardInterrupt:
            try:
                super().__exit__(exc_type, value, traceback)
            finally:
                with contextlib.suppress(OSError):
                    self.kill()
                    self.wait()
        else:
            try:
                with contextlib.suppress(OSError):
                    self.kill()
            finally:
                super().__exit__(exc_type, value, traceback)

    def __del__(self, *args: Any, _std: Any = _original.__del__, _name: str = _PROCESS) -> None:
        # The standard class keeps the objects of running processes in a list; these need no descriptor.
        self.__dict__.pop(_name, None)
        _std(self, *args)

    def _wait(self, timeout: float | None) -> int:
        if timeout is not None and timeout > 0 and self.returncode is None:
            process = self.__dict__.get(_PROCESS)
            if process is not None and _reaps_as_usual(self, process) and _has_usual_clocks():
                if not process.wait(min(timeout, _LONGEST)):
                    raise _std.TimeoutExpired(self.args, timeout)
                timeout = max(timeout, 1)  # the process has ended: it is reaped at once
        return super()._wait(timeout)  # type: ignore[no-any-return]

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
        """Send `input`, read both outputs to their ends, and wait for the process.

        As in the standard class, but faster. Returns the data read from ``stdout`` and from ``stderr``, None for a
        stream that is not a pipe. Raises `TimeoutExpired` after `timeout` seconds, with the data read until then.
        Blocks until the pipes are closed and the process has ended; Ctrl-C ends the wait.
        """
        if timeout is None and self.stdin is None and not self._communication_started and _is_usual():
            out, err = self.stdout, self.stderr
            only = err if out is None else out
            read = _READS.get(type(only)) if out is None or err is None else None
            # For a pipe that does not block, the standard function returns what is available; it refuses a closed pipe.
            if read is not None and not only.closed and os.get_blocking(only.fileno()):
                data = read(only)
                only.close()
                self.wait()
                return (data, None) if err is None else (None, data)
        return super().communicate(input, timeout)  # type: ignore[no-any-return]

    def _communicate(self, input: Any, endtime: float | None, orig_timeout: float | None) -> tuple[Any, Any]:
        # The standard selector refuses longer times, and no number, with errors of its own.
        if (
            _is_usual()
            and is_movable(self, input)
            and (orig_timeout is None or orig_timeout < _LONGEST_OF_SELECTOR)
        ):
            if (
                self.stdin is None
                and endtime is None
                and not self._communication_started
                and _exchanges_as_usual(type(self))
            ):
                return read_both(self)
            return communicate(_original._communicate, self, input, endtime, orig_timeout)
        return super()._communicate(input, endtime, orig_timeout)  # type: ignore[no-any-return]

    async def wait_async(self) -> int:
        """Wait for the process in a task of asyncio, and return its return code, as ``await process`` does.

        The event loop watches the process; no thread waits, unless there is no descriptor. Any number of tasks may wait
        for one process. Cancelling a task does not affect the process. `asyncio.timeout()` limits the wait. This does
        not read pipes: a command that fills a pipe waits for its reader.
        """
        if self.poll() is None:
            await ended(self, descriptor_of(self))
        return self.wait()  # type: ignore[no-any-return]

    def __await__(self) -> Generator[Any, Any, int]:
        return self.wait_async().__await__()

    def send_signal(self, sig: int) -> None:
        """Send a signal to the process, if it has not ended. Does not block, except for SIGKILL to a tree."""
        if sig == signal.SIGKILL and _TREE in self.__dict__:
            try:
                self.__dict__[_TREE].end()
            finally:  # the process gets it even if the tree can't be looked at
                _send(self, sig)
        else:
            _send(self, sig)


def _send(popen: Any, sig: int) -> None:
    """Send a signal to the process alone."""
    process = popen.__dict__.get(_PROCESS)
    if process is None or os.kill is not _kill or not _reaps_as_usual(popen, process):
        super(Popen, popen).send_signal(sig)
        return
    popen.poll()
    if popen.returncode is not None:
        return
    number = operator.index(sig)
    if not 0 <= number < signal.NSIG:
        super(Popen, popen).send_signal(sig)  # raises the error for it
        return
    sys.audit("os.kill", popen.pid, number)
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(process.fileno(), number)


def kill_at_once(popen: Any) -> None:
    """Kill a process, and those of its tree that are found at the first look. Does not wait for them."""
    if has_tree(popen):
        with contextlib.suppress(OSError):  # `kill()` says so
            vars(popen)[_TREE].strike()
    else:
        popen.kill()


def has_tree(popen: Any) -> bool:
    """Whether `kill()` waits for a tree."""
    return _TREE in getattr(popen, "__dict__", ())  # of any class, if a program has replaced `Popen`


class _Returncode:
    """`returncode` of a class that has a value of that name, as a type hint with a default. It hides the property."""

    def __init__(self, value: Any, _hidden: Any = Popen.returncode) -> None:
        self._value = value
        self._hidden = _hidden

    def __get__(self, popen: Any, kind: Any = None) -> Any:
        return self._value if popen is None else popen.__dict__.get("returncode", self._value)

    def __set__(self, popen: Any, code: Any) -> None:
        self._hidden.__set__(popen, code)

    def __delete__(self, popen: Any) -> None:
        self._hidden.__delete__(popen)


def descriptor_of(popen: Any) -> int:
    """Return the descriptor of a process, or -1 if it has none."""
    process = popen.__dict__.get(_PROCESS)
    return -1 if process is None or not _reaps_as_usual(popen, process) else process.fileno()


def _is_plain(what: Any) -> bool:
    """Whether a stream is None or PIPE."""
    return what is None or (type(what) is int and what == _std.PIPE)


_READS: dict[Any, Any] = {io.BufferedReader: read_all, io.TextIOWrapper: read_text}

_LONGEST = 1e9
"""A longer time in seconds counts as unlimited."""

_LONGEST_OF_SELECTOR = 2e6

_METHODS = tuple(
    (name, vars(_original)[name]) for name in ("_try_wait", "_remaining_time") if name in vars(_original)
)


def _reaps_as_usual(popen: Any, process: ChildProcess) -> bool:
    """Whether the descriptor refers to this object's process, and the functions that wait for it are unchanged."""
    kind = type(popen)
    return (
        os.waitpid is _waitpid
        and popen.pid == process.pid
        and process.fileno() >= 0
        and all(getattr(kind, name) is function for name, function in _METHODS)
    )


_clock, _sleep, _monotonic = vars(_std).get("_time"), time.sleep, time.monotonic
_are_standard_clocks = all(type(what) is BuiltinFunctionType for what in (_clock, _sleep, _monotonic))


def _has_usual_clocks() -> bool:
    """Whether the functions by which the standard `wait()` reads the time and sleeps are unchanged."""
    return (
        _are_standard_clocks
        and vars(_std).get("_time") is _clock
        and time.sleep is _sleep
        and time.monotonic is _monotonic
    )


_EXCHANGING = tuple(
    (name, vars(_original)[name])
    for name in ("_check_timeout", "_remaining_time", "_save_input")
    if name in vars(_original)  # in 3.15, a function of the module computes the time
)


def _exchanges_as_usual(kind: Any) -> bool:
    """Whether the methods that the standard `_communicate` always calls are unchanged."""
    return all(getattr(kind, name) is function for name, function in _EXCHANGING)


_selector = vars(_std).get("_PopenSelector")
_select = getattr(_selector, "select", None)
_read, _write = os.read, os.write
_is_standard = is_original(_original._communicate) and is_original(_original.communicate)


def _is_usual() -> bool:
    """Whether the functions that read and write pipes are unchanged."""
    return (
        _is_standard
        and os.read is _read
        and os.write is _write
        and vars(_std).get("_PopenSelector") is _selector
        and getattr(_selector, "select", None) is _select
    )


# The standard functions issue warnings at the first caller in another file.
Popen.__init__.__code__ = standing_at(
    Popen.__init__.__code__,
    _original.__init__ if is_original(_original.__init__) else vars(_std)["_text_encoding"],
)
Popen.__module__ = "subprocess"
