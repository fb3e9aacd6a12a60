"""The errors of tasks in worker processes that have no result, and raised no exception either.

`concurrent.futures._process_errors` writes their messages.
"""

from __future__ import annotations

import signal
from concurrent.futures.process import BrokenProcessPool

__all__ = ["TaskTimeoutError", "TransportError", "WorkerDiedError"]


class WorkerDiedError(BrokenProcessPool):
    """The worker process that ran a task died.

    Unless the pool was told to break (`on_worker_death="break"`), this concerns one task: other tasks run, and another
    worker has taken the place of the dead one. Attributes, each None if it is not known:

    * `pid`, `process_name`, `exitcode`: of the worker, as `Process` has them (a signal is a negative number);
    * `signal`: the name of that signal, such as ``"SIGKILL"``;
    * `task`: the call that it ran, such as ``"resize('a.png', width=100)"``; None if it ran none;
    * `submitted_at`: the file and line where the call was submitted;
    * `peak_memory`: the process's peak memory, in bytes;
    * `out_of_memory`: whether the kernel ended it because memory was short, as the kernel's counters have it;
    * `last_words`: what `faulthandler` wrote when it crashed.
    """

    __module__ = "interlock"

    def __init__(
        self,
        message: str = "",
        *,
        pid: int | None = None,
        process_name: str | None = None,
        exitcode: int | None = None,
        task: str | None = None,
        submitted_at: str | None = None,
        peak_memory: int | None = None,
        out_of_memory: bool | None = None,
        last_words: str | None = None,
    ) -> None:
        super().__init__(message)
        self.pid, self.process_name, self.exitcode = pid, process_name, exitcode
        self.task, self.submitted_at = task, submitted_at
        self.peak_memory, self.out_of_memory, self.last_words = peak_memory, out_of_memory, last_words

    @property
    def signal(self) -> str | None:
        """The name of the signal that ended the worker."""
        if self.exitcode is None or self.exitcode >= 0:
            return None
        try:
            return signal.Signals(-self.exitcode).name
        except ValueError:
            return f"signal {-self.exitcode}"


class TaskTimeoutError(TimeoutError):
    """A task ran for longer than its `timeout`. Its worker process was ended and replaced; a thread runs on.

    As it is a `TimeoutError`, programs catch it like the timeouts of other pools. `result(timeout=…)` raises a plain
    TimeoutError if the result has not arrived yet, not this subclass.
    """

    __module__ = "interlock"


class TransportError(BrokenProcessPool):
    """A task could not be unpickled by the worker, or its result not by this process. Its `__cause__` says why.

    This concerns one task; the pool continues. The standard library's pool breaks in that case, with
    `BrokenProcessPool`; programs that catch `BrokenProcessPool` also catch this error.
    """

    __module__ = "interlock"
