"""How a process learns of the end of its children and of its parent, without polling.

A child's end: by a pidfd, which becomes readable when the child has ended. A pipe, as in the standard library, stays
open as long as any descendant that inherited it lives, and can't be used to send a signal to exactly that process.

The parent's end: a forked child inherits its parent's own pidfd; all children share one. A child that has to end with
its parent gets a pipe, as does a child that starts as a new program. The parent holds the write end, so the child reads
the end of the file when the parent is gone. Other children do not inherit the write end: the engine closes it at forks.
The child asks the kernel for SIGTERM at that moment (by ``O_ASYNC``, which a pidfd does not support). This needs no
thread in the child, and the signal comes when the parent process ends, unlike that of ``PR_SET_PDEATHSIG``, which comes
when the thread that started the child ends.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import select
import signal
import sys
from _thread import RLock, start_new_thread
from math import ceil

from interlock._interlock import ChildProcess, end_with_parent, keep_from_children, leave_to_children
from interlock._lifecycle import when_gone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "before_child",
    "end_with_parent",
    "ended_within",
    "ends_with_parent",
    "has_pidfd",
    "hold",
    "is_ours_to_start",
    "is_worker",
    "let_go",
    "life_pipe",
    "look_after_tracker",
    "no_child",
    "own",
    "send",
    "shall_end_with_parent",
    "tracker",
    "watch",
    "watch_by_thread",
    "watch_child",
]

hold = keep_from_children
_ENDS = "_interlock_ends_with_parent"
"""An attribute of a process object."""


def shall_end_with_parent(process: Any) -> None:
    """Give a pool's worker, before its start, the pipe that `end_with_parent` needs. Daemons get one in any case."""
    setattr(process, _ENDS, True)


def is_worker(process: Any) -> bool:
    """Whether `shall_end_with_parent` was called for a process."""
    return _ENDS in getattr(process, "__dict__", ())


def ends_with_parent(process: Any) -> bool:
    """Whether a process gets a pipe by which it ends with its parent."""
    return process.daemon or is_worker(process)


_own: list[ChildProcess] = []
"""The last one is this process, unless this is a forked child. The others stay: a child's parent is among them."""


def own() -> int:
    """Return the descriptor of this process, which its forked children inherit, or -1 if it can't be opened."""
    descriptor = _own[-1].fileno() if _own else -1  # -1 also in a child, or if the program has closed it
    if descriptor < 0:
        mine = ChildProcess.open(os.getpid())
        if mine is not None:
            _own.append(mine)
            descriptor = mine.fileno()
    return descriptor


def before_child(process: Any) -> tuple[int, int, int]:
    """Return the descriptors that a process needs which is about to be forked; -1 stands for none.

    The first one is for the child, to see the parent's end. With it come either the parent's write end of the life
    pipe, or a spare: the sentinel if no descriptor is free after the fork. What fails for want of a descriptor fails
    here, before there is a child.
    """
    life = -1 if ends_with_parent(process) else own()
    return (life, -1, os.eventfd(0)) if life >= 0 else (*life_pipe(), -1)


def no_child(life: int, parent: int, spare: int) -> None:
    """Close what `before_child` has opened: the fork has failed."""
    if parent >= 0:
        os.close(life)
        let_go(parent)
    else:
        os.close(spare)


def is_ours_to_start() -> bool:
    """Whether we start children that run a command line. A frozen program recognizes the standard lines only."""
    return has_pidfd() and not getattr(sys, "frozen", False)


@functools.cache
def has_pidfd() -> bool:
    """Whether this kernel supports pidfds (Linux 5.3), and no sandbox refuses them."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except AttributeError:
        return False
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)  # supported, but no descriptor is free now
    return True


def life_pipe() -> tuple[int, int]:
    """Return the child's read end and the parent's write end, which forked children do not keep."""
    child, parent = os.pipe()
    hold(parent)
    return child, parent


def let_go(*descriptors: int) -> None:
    for descriptor in descriptors:
        leave_to_children(descriptor)
        os.close(descriptor)


def watch(popen: Any, sentinel: int, parent: int) -> None:
    """Give a started process its sentinel; close that and the life pipe when the object is collected or closed."""
    popen.sentinel = sentinel
    popen._watched = True
    popen.finalizer = when_gone(popen, let_go, sentinel, parent)


def watch_child(popen: Any, parent: int) -> None:
    """Do what `watch` does for a child of this process. No error is raised: the child runs."""
    try:
        sentinel = os.pidfd_open(popen.pid)
    except OSError as error:
        # No descriptor is free, or the child has ended and was reaped: the program ignores SIGCHLD, or waits for any
        # child. A write end is readable when no process has the read end any more: a sentinel as in the standard
        # library.
        popen.sentinel = parent
        popen.is_lost = isinstance(error, ProcessLookupError)
        popen.finalizer = when_gone(popen, let_go, parent)
    else:
        watch(popen, sentinel, parent)


def watch_by_thread(popen: Any, spare: int) -> None:
    """Watch a child that has no pipe, and no pidfd, for the same reasons as in `watch_child`.

    The sentinel is `spare`, an eventfd that was made before the child. A thread writes to it when the child has ended.
    """
    end = _End(spare)
    popen.sentinel = spare
    popen._watched, popen._has_pidfd = True, False
    popen.finalizer = when_gone(popen, end.close)
    if not end.wait(popen.pid, os.WNOHANG):
        try:
            start_new_thread(end.wait, (popen.pid,))
        except RuntimeError:
            end.show()  # too early, but a sentinel that is never readable would be worse


class _End:
    """The end of a child, shown by an eventfd."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # Held by a thread that uses the number. The collector may call `close` on that thread meanwhile.
        self._closing: Any = RLock()

    def wait(self, pid: int, flag: int = 0) -> bool:
        """Show the end of the child as soon as there is one, and leave its exit code to others."""
        try:
            has_ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | flag) is not None
        except ChildProcessError:
            has_ended = True  # another thread has waited for it, or the program ignores SIGCHLD
        if has_ended:
            self.show()
        return has_ended

    def show(self) -> None:
        with self._closing:
            if self._descriptor >= 0:
                os.eventfd_write(self._descriptor, 1)

    def close(self) -> None:
        with self._closing:
            descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)


def ended_within(sentinel: int, timeout: float | None) -> bool:
    """Wait until the process of this sentinel has ended, at most `timeout` seconds."""
    poll = select.poll()
    poll.register(sentinel, select.POLLIN)
    if timeout is not None:
        # The standard library adds it to a time: this raises the same error for what is not a number.
        timeout = 0.0 + timeout
    return bool(poll.poll(None if timeout is None else ceil(max(timeout, 0) * 1000)))


def send(sentinel: int, sig: int) -> None:
    """Send a signal to the process of this sentinel, and never to a later process with the same pid."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(sentinel, sig)


def tracker() -> int:
    """Return the pipe to the resource tracker, without the probe that would wake the tracker at each start."""
    from multiprocessing import (
        resource_tracker,  # imports three extension modules, whose mappings each fork copies
    )

    known: Any = resource_tracker._resource_tracker
    if known._fd is not None and _is_read(known._fd):
        descriptor: int = known._fd
        return descriptor
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        return resource_tracker.getfd()  # type: ignore[return-value]
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # up to 3.13, a start unblocks SIGINT and SIGTERM


def look_after_tracker() -> None:
    """If the program's resource tracker has died, warn and start another one."""
    module: Any = sys.modules.get("multiprocessing.resource_tracker")
    if module is not None:
        descriptor = module._resource_tracker._fd
        if descriptor is not None and not _is_read(descriptor):
            module.ensure_running()


def _is_read(pipe: int) -> bool:
    """Whether any process has the read end of the pipe with this write end."""
    poll = select.poll()
    poll.register(pipe, 0)  # the kernel always reports a pipe without a reader
    return not poll.poll(0)
