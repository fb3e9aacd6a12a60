"""A command of `run_many()` while it runs, and its result."""

from __future__ import annotations

import contextlib
import subprocess as _std

from interlock._commands.lines import Lines
from interlock._commands.popen import descriptor_of
from interlock._interlock import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interlock._interlock import Exchange

__all__ = ["ManyResult", "Running"]


class ManyResult(_std.CompletedProcess):  # type: ignore[type-arg]
    """The result of one command of `run_many()`.

    It is a `subprocess.CompletedProcess`. ``error`` is None, or an error beside the code: the `OSError` of a command
    that could not be started, whose ``returncode`` is None; the `TimeoutExpired` of a command that was killed; or the
    `UnicodeDecodeError` of output that is not text in the encoding, which is left as bytes then. ``seconds`` is how
    long the command ran.
    """

    def __init__(
        self,
        args: Any,
        returncode: Any,
        stdout: Any = None,
        stderr: Any = None,
        *,
        error: Exception | None = None,
        seconds: float = 0.0,
    ) -> None:
        super().__init__(args, returncode, stdout, stderr)
        self.error = error
        self.seconds = seconds

    @property
    def failed(self) -> bool:
        """Whether the command returned another code than 0, or has an ``error``."""
        return self.error is not None or bool(self.returncode)

    def check_returncode(self) -> None:
        """Raise ``error``, or `CalledProcessError` for another code than 0. Otherwise do nothing."""
        if self.error is not None:
            raise self.error
        super().check_returncode()


class Running:
    """A process whose pipes are served by an exchange."""

    def __init__(self, process: Any, engine: Exchange, timeout: float | None) -> None:
        self.process = process
        self._engine = engine
        self._timeout = timeout
        self._began = monotonic()
        self.deadline = None if timeout is None else self._began + timeout
        self.places: dict[int, str] = {}  # the names of the files, by their numbers in the exchange
        self._data: dict[str, list[bytes]] = {}
        self._lines: dict[str, Lines] = {}
        self._error: Exception | None = None

    def begin(self, data: Any, on_line: Callable[..., object] | None) -> None:
        """Add the pipes and the process to the exchange."""
        process = self.process
        if process.stdin is not None:
            self._send(data)
        for name in ("stdout", "stderr"):
            stream = getattr(process, name)
            if stream is not None:
                place = self._engine.read(stream.fileno(), b"", on_line is not None)
                self.places[place] = name
                self._data[name] = []
                if on_line is not None:
                    self._lines[name] = Lines(stream)
        number = descriptor_of(process)
        if number >= 0:
            self.places[self._engine.watch(number)] = "process"

    def _send(self, data: Any) -> None:
        stdin = self.process.stdin
        if isinstance(data, str):
            data = data.encode(stdin.encoding, stdin.errors)
        if not data:
            with contextlib.suppress(BrokenPipeError):
                stdin.close()
            return
        place = self._engine.write(stdin.fileno(), memoryview(data).cast("B"), 0)
        self.places[place] = "stdin"

    def told(self, place: int, *, has_ended: bool, keeps: bool) -> list[tuple[str, Any]]:
        """Take the data that has arrived from a file. Return the lines, each with the name of its stream."""
        name = self.places[place]
        found: list[tuple[str, Any]] = []
        if name in self._data:
            data = self._engine.take(place)
            if keeps and data:
                self._data[name].append(data)
            if name in self._lines:
                try:
                    found += [(name, line) for line in self._lines[name].more(data)]
                    if has_ended:
                        found += [(name, line) for line in self._lines[name].last()]
                except UnicodeDecodeError as error:  # so there are no more lines
                    del self._lines[name]
                    self._error = error
        if has_ended:
            self._forget(place)
        return found

    def _forget(self, place: int) -> None:
        self._engine.remove(place)
        stream = getattr(self.process, self.places.pop(place), None)
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def has_ended(self) -> bool:
        """Whether all pipes were read to their ends and the process has ended. Reaps the process."""
        return not self.places and self.process.poll() is not None

    def is_late(self, now: float) -> bool:
        return self.deadline is not None and now >= self.deadline

    def end(self, *, keeps: bool) -> list[tuple[str, Any]]:
        """Kill the process, and take the rest of its output. Return the lines, as `told()` does."""
        self.process.kill()
        found = []
        for place in tuple(self.places):
            found += self.told(place, has_ended=True, keeps=keeps)
        self.process.wait()
        return found

    def result(self, *, keeps: bool, is_late: bool) -> ManyResult:
        """Return the result of the command, which has ended."""
        process = self.process
        raw = {name: b"".join(pieces) for name, pieces in self._data.items()} if keeps else {}
        out, err = (self._decoded(name, raw) for name in ("stdout", "stderr"))
        if is_late:
            self._error = _std.TimeoutExpired(
                process.args, self._timeout or 0.0, raw.get("stdout"), raw.get("stderr")
            )
        seconds = monotonic() - self._began
        return ManyResult(process.args, process.returncode, out, err, error=self._error, seconds=seconds)

    def _decoded(self, name: str, raw: dict[str, bytes]) -> Any:
        if name not in raw or not self.process.text_mode:
            return raw.get(name)
        stream = getattr(self.process, name)
        try:
            return self.process._translate_newlines(raw[name], stream.encoding, stream.errors)
        except UnicodeDecodeError as error:
            self._error = error
            return raw[name]
