"""The errors of calls in worker processes: exceptions of the calls, deaths of workers, broken pools, time limits.

The thread that asks for a result makes the error from the engine's data. For futures with callbacks, the manager
thread of the pool does.
"""

from __future__ import annotations

import traceback
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool, _RemoteTraceback
from types import SimpleNamespace

from interlock._owner_died import describe
from interlock._task_error_classes import TaskTimeoutError, WorkerDiedError
from interlock._worker_process.transport import load_exception, result_lost
from interlock.concurrent.futures._call_description import call_text, payload_place, payload_text
from interlock.concurrent.futures._death_facts import bury

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interlock.concurrent.futures._base import Future

__all__ = [
    "POOL_IS_BROKEN",
    "Death",
    "answer",
    "broken",
    "broken_message",
    "failed",
    "not_pickled",
    "worker_died",
]

_BROKEN = "A process in the process pool was terminated abruptly while the future was running or pending."
"""The message of a broken pool's futures in the standard library of every version; programs look for it."""
POOL_IS_BROKEN = "A child process terminated abruptly, the process pool is not usable anymore"
"""The message of `submit()` of a broken pool there."""


class Death:
    """The death of a worker, from the engine's data. `payload` contains the pickle of the call that the worker ran."""

    def __init__(self, told: Any, payload: Any = None) -> None:
        self.pid, self.exitcode, self.name, self.was_ready, self.was_running, self.refusal = told
        self.payload = payload or None
        self.submitted_at: str | None = None
        self.task: str | None = None


def answer(kind: str, data: Any, payload: Any = None, strictly: bool = False) -> BaseException:
    """Return the error of a call that has no result. `kind` and `data` come from the engine.

    `strictly`: if an exception of the call can't be unpickled, raise that error: a signal handler may have raised it.
    """
    if kind == "unreadable":
        return data if isinstance(data, KeyboardInterrupt) else result_lost(data)
    if kind == "failed":
        return load_exception(data, strictly=strictly)
    return _error_of(kind, Death(data, payload) if kind in ("died", "broken") else data, payload)


def failed(future: Future[Any], error: BaseException) -> Future[Any]:
    """Complete the future of a call that no worker will get."""
    future.set_running_or_notify_cancel()
    future.set_exception(error)
    return future


def not_pickled(error: BaseException) -> BaseException:
    """Return the error of a call that can't be pickled, with the cause that the standard library gives it."""
    text = "".join(traceback.format_exception(error))
    error.__cause__ = _RemoteTraceback(f'\n"""\n{text}"""')  # type: ignore[arg-type]
    return error


def broken_message(told: Any) -> str:
    """Return the message of `submit()` for an executor that broke by this death."""
    return str(broken(Death(told), POOL_IS_BROKEN))


def _error_of(kind: str, data: Any, payload: Any) -> BaseException:
    if kind == "died":
        return worker_died(data)
    if kind == "broken":
        return broken(data)
    if kind == "timed-out":
        return TaskTimeoutError(
            f"{_task(payload) or 'the task'} ran for longer than its timeout, and its worker was ended"
        )
    if kind == "stopped":
        return CancelledError(
            f"{_task(payload) or 'the task'} was cancelled while it ran, and its worker was ended"
        )
    if kind == "not-sent":
        return MemoryError(f"{_task(payload) or 'the task'} or its result could not be passed on: {data}")
    if kind == "of-parent":
        return MemoryError(
            "the result stayed in the process that forked this one: there was no room to share it"
        )
    raise AssertionError(f"a call can't end as {kind!r}")


def worker_died(death: Death) -> WorkerDiedError:
    """Return the error of the task that a worker ran when it died."""
    return _error(death, None)


def broken(death: Death, first_line: str = _BROKEN) -> BrokenProcessPool:
    """Return the error of a pool that broke with a worker. After `first_line`, it describes the worker's death."""
    error = _error(death, first_line)
    if death.refusal is not None:
        error.__cause__ = load_exception(death.refusal)
    elif error.exitcode:
        words = f"Process {death.pid} terminated abruptly with exit code {error.exitcode}"
        error.__cause__ = _RemoteTraceback(f"\n'''\n{words}'''")  # type: ignore[arg-type]
    return error


def _error(death: Death, first_line: str | None) -> WorkerDiedError:
    known = bury(death.pid, death.exitcode)
    payload = getattr(death, "payload", None)
    facts: dict[str, Any] = {
        "pid": death.pid,
        "process_name": death.name or None,
        "exitcode": death.exitcode,
        "task": getattr(death, "task", None) or (_task(payload) if death.was_running else None),
        "submitted_at": getattr(death, "submitted_at", None)
        or (_place(payload) if death.was_running else None),
        **known._asdict(),
    }
    lines = [] if first_line is None else [first_line]
    return WorkerDiedError("\n".join(lines + _told(death, facts)), **facts)


def _place(payload: Any) -> str | None:
    """Return where a call was submitted, if its pickle says so."""
    return payload_place(payload) if isinstance(payload, bytes) else None


def _task(payload: Any) -> str | None:
    """Describe a call, given as a pickle, as a name and arguments, or as a description."""
    if not payload:
        return None
    if isinstance(payload, str):
        return payload
    if type(payload) is tuple:
        name, args = payload
        return call_text(SimpleNamespace(_interlock_name=name), args)
    return payload_text(payload)


def _told(death: Death, facts: dict[str, Any]) -> list[str]:
    """Return sentences that say how a worker died."""
    where = f", submitted at {facts['submitted_at']}" if facts["submitted_at"] else ""
    if death.refusal is not None:
        when = "could not be initialized"
    elif not death.was_ready:
        when = "died before it was ready for tasks"
    elif death.was_running:
        when = f"died while it ran {facts['task'] or 'a task'}{where}"
    else:
        when = "died while it was idle"
    told = f"worker {describe(death.pid, death.name, facts['exitcode'])} {when}"
    if facts["out_of_memory"]:
        told += "; out of memory: the kernel has killed a process because memory was short"
    if facts["peak_memory"] is not None:
        told += f"; it had at most {facts['peak_memory'] / (1 << 20):,.0f} MiB of memory"
    if facts["last_words"]:
        return [told, "Its last words:", facts["last_words"]]
    return [told]
