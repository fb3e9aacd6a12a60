"""`run_many()`: many commands, some of them at a time, with one thread that serves all of them."""

from __future__ import annotations

import contextlib
import operator
import os
import subprocess as _std
from collections.abc import Mapping, Sized

from interlock._commands.popen import has_tree, kill_at_once
from interlock._commands.running import ManyResult, Running
from interlock._commands.starters import Starters, start
from interlock._interlock import Exchange, monotonic
from interlock._progress import bar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

__all__ = ["run_many"]

_LOOK = 0.01
"""Seconds between two checks of a process without a descriptor."""

_LONGEST = 1e9
"""A longer time in seconds counts as unlimited."""

_TEXT = ("text", "universal_newlines", "encoding", "errors")
"""Keywords of `Popen` that select text mode."""

_FEW = 4
"""How many commands the calling thread starts itself."""

_POLICIES = ("continue", "finish", "kill")


def run_many(
    commands: Iterable[Any],
    *,
    max_workers: int | None = None,
    timeout: float | None = None,
    on_failure: str = "continue",
    on_line: Callable[[int, str, Any], object] | None = None,
    progress: Any = None,
    capture_output: bool = False,
    **how: Any,
) -> list[ManyResult]:
    """Run commands, at most `max_workers` at a time, and return their results in the order of the commands.

    As soon as a command has ended, the next one is started; meanwhile the calling thread moves the bytes of all pipes.
    No thread waits for a single command. If there are more than a few commands, some threads start them, at most as
    many as there are processors.

    Args:
        commands: arguments like ``args`` of `run()`; or dictionaries with ``args``, ``input`` and any keyword of
            `Popen`, for one command. They are taken one by one, as workers become free.
        max_workers: how many run at once; as many as this process has processors if left out.
        timeout: seconds for each command. A command that is not done by then is killed.
        on_failure: what happens when a command fails. ``"continue"``: the other commands go on; the result of the
            failed one says so in ``failed`` and ``error``. ``"finish"``: no more commands are started, the running ones
            are waited for, and the failure is raised. ``"kill"``: the same, but the running commands are killed. A
            command fails if it can't be started, is not done in time, returns another code than 0, or writes output
            that is not text in its encoding.
        on_line: called with the number of the command, "stdout" or "stderr", and a line without its line break, as soon
            as the line has arrived. Both outputs are pipes then, unless a keyword says otherwise.
        progress: True or a title for a bar; or a function to call with the number of commands done and of all commands.
        capture_output: whether the results contain the output of the commands.
        how: any keywords of `Popen`, for all commands.

    Returns:
        A list of `ManyResult`, each a `CompletedProcess` with ``error`` and ``seconds``.

    Raises:
        CalledProcessError, TimeoutExpired, OSError, UnicodeDecodeError: the first failure in time, unless `on_failure`
            is "continue". Its ``results`` are the results of the commands that have ended by then, None for the others.
            (If `commands` is an iterator, commands that were not taken are not counted.)
        ValueError, TypeError: an argument or a command is wrong.

    Blocks until all commands have ended. If `on_line`, `progress`, the iterable or a signal handler (Ctrl-C) raises an
    exception, the running commands are killed and the exception is raised.
    """
    if on_failure not in _POLICIES:
        raise ValueError(f"on_failure must be one of {', '.join(_POLICIES)}, not {on_failure!r}")
    if capture_output and (how.get("stdout") is not None or how.get("stderr") is not None):
        raise ValueError("stdout and stderr arguments may not be used with capture_output.")
    workers = _workers(max_workers)
    _check_kinds(commands, on_line, progress)
    timeout = _limit(timeout)
    for name in ("stdout", "stderr"):
        if capture_output or on_line is not None:
            how.setdefault(name, _std.PIPE)
    keeps = capture_output or on_line is None
    total = len(commands) if isinstance(commands, Sized) else None
    many = _Many(how, timeout, on_line, total or 0, keeps=keeps)
    return many.run(iter(commands), workers, on_failure, bar(progress or _nobody, total))


def _workers(limit: int | None) -> int:
    """Return how many commands run at once. Raises TypeError or ValueError."""
    workers = _processors() if limit is None else operator.index(limit)
    if workers < 1:
        raise ValueError("max_workers must be at least 1")
    return workers


def _check_kinds(commands: Any, on_line: Any, progress: Any) -> None:
    """Raise TypeError for an argument that no command could be run with."""
    if isinstance(commands, (str, bytes, bytearray, os.PathLike, Mapping)):
        raise TypeError(f"commands must be several, such as a list of commands, not {commands!r}")
    if on_line is not None and not callable(on_line):
        raise TypeError(f"on_line must be a function, not {on_line!r}")
    if not (progress is None or isinstance(progress, (bool, str)) or callable(progress)):
        raise TypeError(f"progress must be True, a title or a function, not {progress!r}")


def _limit(timeout: float | None) -> float | None:
    """Return how many seconds a command has, None for any number of them."""
    if timeout is None:
        return None
    seconds = 0.0 + timeout  # raises for what is not a number
    if seconds != seconds:
        raise ValueError("timeout must be a number of seconds, not NaN")
    return seconds if seconds < _LONGEST else None


def _nobody(done: int, total: int | None) -> None:
    pass


def _processors() -> int:
    return len(os.sched_getaffinity(0))


class _Many:
    """The running commands, and the results of the ended ones."""

    def __init__(
        self,
        how: dict[str, Any],
        timeout: float | None,
        on_line: Callable[[int, str, Any], object] | None,
        total: int,
        *,
        keeps: bool,
    ) -> None:
        self._how = how
        self._timeout = timeout
        self._on_line = on_line
        self._total = total
        self._keeps = keeps
        self._engine = Exchange()
        self._alive: dict[int, Any] = {}  # the processes that have been started and not reaped
        self._running: dict[int, Running] = {}
        self._owners: dict[int, int] = {}  # the command of each file of the exchange
        self._results: dict[int, ManyResult] = {}
        self._failure: ManyResult | None = None
        self._asked: dict[int, tuple[Any, Any]] = {}  # commands that are being started, and their inputs
        self._starters: Starters | None = None
        self._doorbell = -1
        self._error: BaseException | None = None  # of the end of a process

    def run(
        self, commands: Iterator[Any], most: int, on_failure: str, show: Callable[[int], None]
    ) -> list[ManyResult]:
        """Run all commands."""
        number = shown = 0
        is_more = True
        try:
            while is_more or self._running or self._asked:
                while is_more and len(self._running) + len(self._asked) < most:
                    command = next(commands, _END)
                    is_more = command is not _END
                    if is_more:
                        self._get_starters(number, most)
                        self._start(number, command)
                        number += 1
                        is_more = not self._stops(on_failure)
                if self._running or self._asked:
                    self._go_on()
                if self._stops(on_failure):
                    is_more = False
                if shown < len(self._results):
                    shown = len(self._results)
                    show(shown)
        finally:
            self._kill()
            show(-1)
            if self._error is not None and not isinstance(self._error, Exception):
                raise self._error  # Ctrl-C while others were being killed
        if self._error is not None:
            raise self._error
        return self._answer(number, on_failure)

    def _answer(self, number: int, on_failure: str) -> list[ManyResult]:
        if self._failure is not None and on_failure != "continue":
            try:
                self._failure.check_returncode()
            except Exception as error:
                count = max(number, self._total)
                error.results = [self._results.get(one) for one in range(count)]  # type: ignore[attr-defined]
                raise
        return [self._results[one] for one in range(number)]

    def _stops(self, on_failure: str) -> bool:
        """Whether to start no more commands."""
        if self._failure is None or on_failure == "continue":
            return False
        if on_failure == "kill":
            self._kill()
        return True

    def _start(self, number: int, command: Any) -> None:
        how = self._how
        if isinstance(command, dict):
            how = {**how, **command}
            if "args" not in how:
                raise TypeError(f"command {number} is a dictionary without 'args': {command!r}")
            command = how.pop("args")
        else:
            how = dict(how)
        data = how.pop("input", None)
        if data is not None:
            if isinstance(data, str) and not any(map(how.get, _TEXT)):
                raise TypeError(
                    f"the input of command {number} is a str, but its files are not text: say text=True"
                )
            if not isinstance(data, str):
                memoryview(data)  # raises for what is not bytes, before the command runs
            how["stdin"] = _std.PIPE
        self._asked[number] = command, data
        if self._starters is not None and how.get("preexec_fn") is None:
            self._starters.ask(number, command, how)
            return
        try:
            answer = self._alive[number] = start(command, how)
        except OSError as error:
            answer = error
        self._started(number, answer)

    def _started(self, number: int, answer: Any) -> None:
        """Take a started process, or the exception of a failed start."""
        command, data = self._asked.pop(number)
        if isinstance(answer, OSError):
            self._ended(number, ManyResult(command, None, error=answer))
            return
        if isinstance(answer, BaseException):
            raise answer
        running = self._running[number] = Running(answer, self._engine, self._timeout)
        running.begin(data, self._on_line)
        self._owners |= dict.fromkeys(running.places, number)

    def _get_starters(self, number: int, most: int) -> None:
        """Make the threads that start processes, if there are enough commands to be worth it."""
        if self._starters is None and most > 1 and number >= _FEW:
            self._starters = Starters(self._alive)
            self._starters.begin(min(most, _processors()))
            self._doorbell = self._engine.watch(self._starters.doorbell)

    def _hear(self) -> None:
        """Take the processes that the threads have started."""
        starters: Any = self._starters
        self._engine.remove(self._doorbell)
        self._doorbell = self._engine.watch(starters.doorbell)
        errors = []
        for number, answer in starters.answers():  # all of them, so that no process is forgotten
            try:
                self._started(number, answer)
            except BaseException as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _go_on(self) -> None:
        """Wait for the next events, and handle them."""
        for place, has_ended in self._engine.run(self._patience()):
            if place == self._doorbell:
                self._hear()
                continue
            number = self._owners[place]
            running = self._running[number]
            self._say(number, running.told(place, has_ended=has_ended, keeps=self._keeps))
        now = monotonic()
        for number, running in tuple(self._running.items()):
            is_late = not running.has_ended() and running.is_late(now)
            if is_late:
                self._say(number, running.end(keeps=self._keeps))
            if running.process.returncode is not None and not running.places:
                del self._running[number], self._alive[number]
                self._ended(number, running.result(keeps=self._keeps, is_late=is_late))

    def _say(self, number: int, lines: list[tuple[str, Any]]) -> None:
        if self._on_line is not None:
            for name, line in lines:
                self._on_line(number, name, line)

    def _patience(self) -> float | None:
        """Return the seconds until something is due; None if nothing is."""
        soonest = min(
            (one.deadline for one in self._running.values() if one.deadline is not None), default=None
        )
        patience = None if soonest is None else max(soonest - monotonic(), 0.0)
        if all(one.places for one in self._running.values()):
            return patience
        return _LOOK if patience is None else min(patience, _LOOK)

    def _ended(self, number: int, result: ManyResult) -> None:
        self._results[number] = result
        if result.failed and self._failure is None:
            self._failure = result

    def _kill(self) -> None:
        """Kill the running commands. They get no results.

        An error, such as that of a process that may not be killed, and Ctrl-C keep no other process from being killed.
        """
        if self._starters is not None:
            starters, self._starters = self._starters, None
            self._each([starters], Starters.end, again=True)
        self._asked.clear()
        self._running.clear()
        killed = self._each(self._alive.values(), kill_at_once, again=True)
        ended = self._each(filter(has_tree, killed), lambda process: process.kill())
        ended += [process for process in killed if not has_tree(process)]
        self._each(ended, _close_and_wait)
        self._alive.clear()

    def _each(
        self, processes: Iterable[Any], function: Callable[[Any], object], *, again: bool = False
    ) -> list[Any]:
        """Call a function with each of these. Return all but those with which it failed. The first error is kept.

        With `again`, a call that Ctrl-C has ended is made once more.
        """
        left = list(processes)
        done = []
        while left:
            try:
                while left:
                    function(left[0])
                    done.append(left.pop(0))
            except BaseException as error:
                self._error = self._error or error
                if isinstance(error, Exception):
                    del left[0]
                elif not again:
                    done += left[:1]
                    del left[:1]
        return done


def _close_and_wait(process: Any) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):  # raised for bytes that were not written
                stream.close()
    process.wait()


_END = object()
