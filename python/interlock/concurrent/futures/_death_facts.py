"""Facts about a dead worker beside its exit code: peak memory, whether memory was short, last words.

* Peak memory comes from the kernel's account of the child, which `wait4` returns. A program that is executed in the
  child (`spawn`) inherits the peak of the process that started it: unless the child's own peak is higher, it is not
  known. For a child of the fork server it is not known either, because the server gets the account.
* The kernel counts the processes that it has killed because memory was short, for each control group and in total. If
  the count has risen and SIGKILL ended a worker, we take that for the reason. The kernel may have killed another
  process: it does not say which one.
* `faulthandler` writes into an anonymous file that the parent has made.
"""

from __future__ import annotations

import os
import signal
from collections import OrderedDict
from time import sleep

from interlock._interlock import monotonic
from interlock._lifecycle import after_fork_in_child
from interlock._worker_process.last_words import LastWords
from interlock.threading import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    class Facts(NamedTuple):
        """The facts about a dead worker; None: not known."""

        exitcode: int | None
        peak_memory: int | None
        out_of_memory: bool | None
        last_words: str | None

else:
    from collections import namedtuple

    Facts = namedtuple("Facts", ["exitcode", "peak_memory", "out_of_memory", "last_words"])

__all__ = ["Facts", "LastWords", "bury", "expect", "join_and_bury", "killed_by_kernel", "watch"]

_LAST_MOMENT = 10.0
"""Seconds that the kernel may take to end a process, after it has reported the death of the process's thread."""
_NOTING = 10.0
"""Seconds that another thread may take to note the exit code that it got from the kernel."""
_KEPT = 256
"""How many dead workers' facts are kept, for tasks whose results no thread has asked for yet."""


class _Worker:
    """A worker that is alive, or whose end no thread has asked for yet."""

    def __init__(self, process: Any, words: LastWords | None) -> None:
        self.popen, self.words = getattr(process, "_popen", None), words
        self.was_joined = False
        self.waiting = RLock()  # reentrant, because a signal handler may ask, too
        """Held by the thread that waits for the process. Without a pidfd, only this lock makes other threads wait."""

    def ended(self) -> int | None:
        """Wait for the process, and return its exit code; None if it has still not ended, or the code is lost.

        If a thread of the program waits for the process at this moment, that thread gets the code from the kernel and
        is about to note it.
        """
        code: int | None = None
        if self.waiting.acquire(timeout=_LAST_MOMENT):
            try:
                code = self.popen and self.popen.wait(_LAST_MOMENT)
            finally:
                self.waiting.release()
        is_lost = getattr(self.popen, "is_lost", False) or signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
        if code is None and self.was_joined and not is_lost:
            until = monotonic() + _NOTING
            while code is None and monotonic() < until:
                sleep(0.001)  # sleep: until that thread has noted the code
                code = getattr(self.popen, "returncode", None)
        return code

    def peak_memory(self) -> int | None:
        peak: int | None = getattr(self.popen, "peak_memory", None)
        return peak

    def last_words(self) -> str | None:
        return None if self.words is None else self.words.read()

    def close(self) -> None:
        """Close the file now: frames that a debugger has inspected may keep the object alive for longer."""
        if self.words is not None:
            self.words.close()


class _Counts:
    """Counts the processes, possibly workers, that the kernel has killed because memory was short."""

    def __init__(self) -> None:
        self.seen: int | None = None
        self.unexplained = 0

    def look(self) -> None:
        now = killed_by_kernel()
        if now is not None and self.seen is not None:
            self.unexplained += max(0, now - self.seen)
        self.seen = now

    def explain(self, exitcode: int | None) -> bool | None:
        """Whether a worker with this exit code was killed because memory was short; None if that is not known."""
        if exitcode is not None and exitcode != -signal.SIGKILL:
            return False
        self.look()
        if self.seen is None or exitcode is None:
            return None
        if not self.unexplained:
            return False
        self.unexplained -= 1
        return True


_lock = RLock()
_workers: dict[int, _Worker] = {}
_facts: OrderedDict[int, Facts] = OrderedDict()
_counts = _Counts()


def expect() -> None:
    """Note how many processes the kernel has killed so far, before workers are started."""
    with _lock:
        if not _workers:
            _counts.seen = killed_by_kernel()
            _counts.unexplained = 0


def watch(process: Any, words: LastWords | None) -> None:
    """Begin to watch a worker that has just been started: a `Process`, and the file for its last words."""
    with _lock:
        _workers[process.pid] = _Worker(process, words)
        _facts.pop(process.pid, None)  # the facts of an older process with this pid


def bury(pid: int, exitcode: int | None = None) -> Facts:
    """Return the facts about a dead worker, and watch it no longer. May be called again.

    If no thread has waited for the process, which is at its end, waits a moment for it. `exitcode` is the exit code, if
    the caller knows it.
    """
    worker = _workers.get(pid)
    code = None if worker is None else worker.ended()
    exitcode = code if exitcode is None else exitcode
    with _lock:
        if worker is None or _workers.get(pid) is not worker:  # another thread has done it meanwhile
            return _facts.get(pid) or Facts(exitcode, None, None, None)
        if code is None and not worker.was_joined:
            return Facts(exitcode, None, None, worker.last_words())
        del _workers[pid]
        facts = Facts(exitcode, worker.peak_memory(), _counts.explain(exitcode), worker.last_words())
        worker.close()
        _facts[pid] = facts
        if len(_facts) > _KEPT:
            _facts.popitem(last=False)
        return facts


def join_and_bury(process: Any) -> Facts:
    """Wait for a worker's process, no matter how long it takes, and watch it no longer. Return the facts about it."""
    worker = _workers.get(process.pid)
    if worker is None:
        process.join()
    else:
        with worker.waiting:
            process.join()
        worker.was_joined = True
    return bury(process.pid)


def killed_by_kernel() -> int | None:
    """Return how many processes the kernel has killed because memory was short, or None if it does not say.

    The number is for this process's control group, or for the whole system if the group has no count.
    """
    for path in (*_of_group(), "/proc/vmstat"):
        try:
            _, found, rest = b"".join((b"\n", _content(path))).partition(b"\noom_kill ")
            if found:
                return int(rest.split(None, 1)[0])
        except (OSError, ValueError):
            continue
    return None


def _of_group() -> list[str]:
    """Return the files that may contain the count of this process's control group, for both versions of cgroups."""
    paths = []
    try:
        for line in os.fsdecode(_content("/proc/self/cgroup")).splitlines():
            _, controllers, group = line.split(":", 2)
            if not controllers:
                paths.append(f"/sys/fs/cgroup{group.rstrip('/')}/memory.events")
            elif "memory" in controllers.split(","):
                paths.append(f"/sys/fs/cgroup/memory{group.rstrip('/')}/memory.oom_control")
    except (OSError, ValueError):
        pass
    return paths


def _content(path: str) -> bytes:
    """Return the content of a file of the kernel. Making a file object would take as long as the reading itself."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(descriptor, 1 << 16)]
        while parts[-1]:
            parts.append(os.read(descriptor, 1 << 16))
    finally:
        os.close(descriptor)
    return b"".join(parts)


# In a forked child: the workers are the parent's.
after_fork_in_child(_lock._at_fork_reinit)
after_fork_in_child(_workers.clear)
after_fork_in_child(_facts.clear)
