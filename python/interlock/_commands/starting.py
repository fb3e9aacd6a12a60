"""The start of a command by the engine, if its arguments are plain.

PROTOCOL.md says what plain arguments are, and what the engine does. In all other cases the standard code starts the
command.
"""

from __future__ import annotations

import _posixsubprocess
import functools
import os
import subprocess as _std
import sys
from contextlib import suppress

from interlock._interlock import ProgramStart
from interlock._originals import is_original, originals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["is_started"]

_original: Any = originals(_std, "Popen").Popen
_names = vars(_std)
_Environment = type(os.environ)

_COUNT = 23
"""The number of arguments of the standard `_execute_child`."""

_COLLECTIONS = frozenset({tuple, list})
_TEXTS = frozenset({str, bytes})
_LOW = frozenset({0, 1, 2})


def _parts() -> tuple[Any, ...]:
    """Return the functions that the standard code would call, and the engine does not."""
    return (
        _original._execute_child,
        _names.get("_fork_exec"),
        _names.get("_USE_VFORK", True),
        _posixsubprocess.fork_exec,
        os.fsencode,
        os.get_exec_path,
        os.posix_spawn,
        os.pipe,
        os.read,
        os.close,
    )


_usual = _parts()
_posix_spawn = _original._posix_spawn
_names_environ = "environ" in _posix_spawn.__code__.co_names  # before 3.13
_is_possible = functools.cache(ProgramStart.is_possible)
_is_usual = (
    is_original(_original._execute_child)
    and is_original(_posix_spawn)
    and _names.get("_fork_exec") is _posixsubprocess.fork_exec
    and _names.get("_USE_VFORK", True) is True
    and not sys.flags.bytes_warning  # searching the variables for PATH could issue a warning
    and not hasattr(sys, "getandroidapilevel")  # Android has the shell in another place
)


def is_started(popen: Any, given: tuple[Any, ...], name: str) -> bool:
    """Start the command of a `Popen`, with the arguments of its `_execute_child`, and keep its process as `name`.

    Returns False if nothing was started, because the standard code has to do it. Raises what the standard code raises.
    Blocks until the command's program is executed.
    """
    if (
        not _is_usual
        or len(given) != _COUNT
        or _parts() != _usual
        or type(popen)._posix_spawn is not _posix_spawn
        or sys.is_finalizing()
    ):
        return False
    args, executable, function, close_fds, pass_fds, cwd, env, _, _, shell, *pipes = given[:16]
    restore_signals, gid, gids, uid, umask, start_new_session, process_group = given[16:]
    # What other types mean as flags depends on the version.
    if not (
        function is gid is gids is uid is None
        and umask == process_group == -1
        and (env is None or type(env) is dict)
        and type(pass_fds) in _COLLECTIONS
        and type(restore_signals) is type(start_new_session) is bool
    ):
        return False
    words = _words(args, executable, shell)
    if words is None:
        return False
    args, executable = words
    program = executable if type(executable) in _TEXTS else _text_of(executable)
    if program is None:
        return False
    is_path = (b"/" if type(program) is bytes else "/") in program
    path = None if is_path else _search_path(env)
    if path is None and not is_path:
        return False
    spawns = is_path and _would_spawn(close_fds, pass_fds, cwd, pipes, start_new_session)
    if spawns and not (args and args[0] and (env is None or all(env))):
        return False  # that function raises the right error
    start = ProgramStart.prepare(
        (args, program, path),
        (cwd, env),
        pipes,
        pass_fds if close_fds else None,
        (restore_signals, start_new_session),
    )
    if start is None or not _is_possible():  # checked last: the first check starts a process
        return False
    sys.audit("subprocess.Popen", executable, args, cwd, env)
    if spawns:
        executable = program  # the event and errors of that function contain no path objects
        sys.audit("os.posix_spawn", executable, args, os.environ if env is None and _names_environ else env)
    return _is_run(popen, start, pipes, name, {"directory": cwd, "execution": executable})


def _words(args: Any, executable: Any, shell: Any) -> tuple[list[Any], Any] | None:
    """Return the arguments and the program as the standard code would build them. None if they are not plain."""
    kind = type(args)
    if kind in _TEXTS:
        args = [args]
    elif kind is list or kind is tuple:
        args = list(args)
    elif isinstance(args, os.PathLike) and not shell:
        args = [args]
    else:
        return None
    if shell:
        args = ["/bin/sh", "-c", *args]
        if executable:
            args[0] = executable
    if executable is None and args:
        executable = args[0]
    return args, executable


def _text_of(program: Any) -> Any:
    """Return the string or the bytes of a path. None if these are not plain."""
    try:
        text = os.fspath(program)
    except Exception:  # the standard code will raise it, too
        return None
    return text if type(text) in _TEXTS else None


def _search_path(env: dict[Any, Any] | None) -> str | None:
    """Return the directories in which programs are looked up. None if the variable is not plain."""
    variables = os.environ if env is None else env
    kind = type(variables)
    if kind is not dict and kind is not _Environment:
        return None
    if kind is dict and b"PATH" in variables:
        return None
    path = variables.get("PATH", os.defpath)
    return path if type(path) is str else None


def _would_spawn(close_fds: Any, pass_fds: Any, cwd: Any, pipes: Any, start_new_session: Any) -> bool:
    """Whether the standard code would call `os.posix_spawn`, which has an audit event of its own."""
    return bool(
        _names.get("_USE_POSIX_SPAWN")
        and (not close_fds or _names.get("_HAVE_POSIX_SPAWN_CLOSEFROM"))
        and not pass_fds
        and cwd is None
        and not start_new_session
        and _LOW.isdisjoint((pipes[0], pipes[3], pipes[5]))
    )


def _is_run(popen: Any, start: ProgramStart, pipes: list[int], name: str, files: dict[str, Any]) -> bool:
    answer = start.run(popen, name)
    if answer is None:
        return False
    pid, failed, error = answer
    if failed == "files":
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
        return False  # the standard code will meet the same error, and raise it with the right message
    popen._close_pipe_fds(*pipes)
    if failed is None:
        return True
    with suppress(ChildProcessError):
        found, status = os.waitpid(pid, 0)
        if found == pid:
            popen._handle_exitstatus(status)
        else:
            popen.returncode = sys.maxsize
    raise OSError(error, os.strerror(error), files[failed])
