"""`communicate()` with the engine in place of a selector.

The details of the standard function differ from version to version: when it flushes, what it does with input that is
left from the last call, how it decodes. It asks a selector which pipe is ready, and then moves a few kilobytes.
`communicate` runs that same function with an `_EngineSelector`, which moves all bytes itself and never reports that a
pipe is ready.
"""

from __future__ import annotations

import io
import subprocess as _std
from contextlib import nullcontext, suppress
from types import FunctionType

from interlock._interlock import Exchange, monotonic
from interlock._originals import originals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["communicate", "is_movable", "read_all", "read_both", "read_text"]

_original: Any = originals(_std, "Popen").Popen

_LONGEST = 1e9
_STREAMS = frozenset({type(None), io.BufferedReader, io.BufferedWriter, io.FileIO, io.TextIOWrapper})
_BYTES = frozenset({type(None), bytes, bytearray, str})
_OF_ASCII = frozenset({"utf-8", "utf8", "ascii", "us-ascii", "latin-1", "latin1", "iso-8859-1"})
"""Encodings that decode ASCII bytes to the same text. The interpreter knows them without the codec registry."""


def is_movable(popen: Any, data: Any) -> bool:
    """Whether the pipes of a `Popen` are files, and the input is contiguous bytes, or text."""
    return (
        type(popen.stdin) in _STREAMS
        and type(popen.stdout) in _STREAMS
        and type(popen.stderr) in _STREAMS
        and _are_bytes(data)
        and _are_bytes(popen._input)
    )


def _are_bytes(data: Any) -> bool:
    kind = type(data)
    return kind in _BYTES or (kind is memoryview and data.itemsize == 1 and data.c_contiguous)


def communicate(function: FunctionType, popen: Any, *args: Any) -> tuple[Any, Any]:
    """Call the standard `_communicate`, with the engine in place of its selector."""
    names = _Names(
        __builtins__=function.__globals__["__builtins__"],
        _PopenSelector=lambda: _EngineSelector(popen),
        _communicate_io_posix=_move,
    )
    ours = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    return ours(popen, *args)  # type: ignore[no-any-return]


class _Names(dict[str, "Any"]):
    """The globals of a function of the standard module, some of them replaced."""

    def __missing__(self, name: str) -> Any:
        return vars(_std)[name]


class _EngineSelector:
    """Moves the bytes of the registered pipes, and closes each pipe that has ended."""

    def __init__(self, popen: Any) -> None:
        self.popen = popen
        self._engine = Exchange()
        self._files: dict[int, Any] = {}
        self.texts: dict[Any, str] = {}
        """Streams that were read to their ends, whose data is already text."""

    def __enter__(self) -> _EngineSelector:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get_map(self) -> dict[int, Any]:
        return self._files

    def register(self, file: Any, events: int, text: bool = False) -> None:
        popen = self.popen
        if file is popen.stdin:
            data = memoryview(popen._input).cast("B")
            place = self._engine.write(file.fileno(), data, popen._input_offset)
        else:
            place = self._engine.read(file.fileno(), b"", False, text)
        self._files[place] = file

    def select(self, timeout: float | None = None) -> tuple[()]:
        """Return when all pipes have ended or the time is over. No pipe is left to be read or written."""
        end = None if timeout is None or timeout > _LONGEST else monotonic() + timeout
        try:
            while self._files:
                ended = self._engine.run(None if end is None else end - monotonic())
                for place, _ in ended:
                    text = self._engine.take_text(place) if self._is_read(place) else None
                    if text is None:
                        self._keep(place)
                    else:
                        self.texts[self._files[place]] = text
                    self._engine.remove(place)
                    _close(self._files.pop(place))
                if not ended:
                    break
        finally:
            for place in self._files:
                self._keep(place)
        return ()

    def _keep(self, place: int) -> None:
        """Store in the `Popen` what a further call of `communicate()` would need."""
        file = self._files[place]
        if file is self.popen.stdin:
            self.popen._input_offset = self._engine.written(place)
        else:
            data = self._engine.take(place)
            if data:
                self.popen._fileobj2output[file].append(data)

    def _is_read(self, place: int) -> bool:
        return self._files[place] is not self.popen.stdin

    def keep_texts(self) -> None:
        """Store all text in the `Popen`, as bytes."""
        for file, text in self.texts.items():
            self.popen._fileobj2output[file].append(text.encode("ascii"))
        self.texts.clear()


_MAY_BREAK = "_communicate_io_posix" in vars(_std)
"""Whether the standard function has no error for what a program has written to an ended command, before the input."""


def _close(file: Any) -> None:
    with suppress(BrokenPipeError) if _MAY_BREAK else nullcontext():
        file.close()


def _move(
    selector: _EngineSelector, stdin: Any, view: Any, offset: int, *rest: Any, **how: Any
) -> tuple[int, bool]:
    """Replace `_communicate_io_posix` of Python 3.15. Return how much was written, and whether all is done."""
    end = rest[1] if len(rest) > 1 else how["endtime"]
    left = None if end is None else end - monotonic()
    if left is None or left > 0:
        selector.select(left)
    return (selector.popen._input_offset if stdin else offset), not selector.get_map()


def read_all(stream: io.BufferedReader) -> bytes:
    """Read a pipe to its end, including the data that its object has already buffered."""
    first = stream.read1(65536)
    if not first:
        return io.BufferedReader.read(stream)  # not the replacement by `read_text`
    engine = Exchange()
    place = engine.read(stream.fileno(), first, False)
    engine.run(None)
    return engine.take(place)


def read_text(stream: io.TextIOWrapper) -> str:
    """Read a pipe as text to its end. The stream decodes the bytes that the engine reads."""
    buffer: Any = stream.buffer
    if type(buffer) is not io.BufferedReader or vars(buffer):
        return stream.read()
    # The stream asks its buffer for the whole rest in one call.
    vars(buffer)["read"] = lambda: read_all(buffer)
    try:
        return stream.read()
    finally:
        vars(buffer).clear()


class _Outputs(dict["Any", "list[bytes]"]):
    """What a `Popen` has read, for the next call of `communicate()`. Text becomes bytes only if there is one."""

    def keep(self, texts: dict[Any, str]) -> None:
        self._texts = texts
        for stream in texts:
            del self[stream]

    def __missing__(self, stream: Any) -> list[bytes]:
        pieces = self[stream] = [self._texts[stream].encode("ascii")]
        return pieces


def read_both(popen: Any) -> tuple[Any, Any]:
    """Read the outputs of a `Popen` to their ends and wait for it, as the standard function does without input."""
    selector = _EngineSelector(popen)
    output = popen._fileobj2output = _Outputs()
    streams = popen.stdout, popen.stderr
    for stream in streams:
        if stream:
            output[stream] = []
    is_text = bool(popen.text_mode) and type(popen)._translate_newlines is _original._translate_newlines
    for stream in output:
        if not stream.closed:
            selector.register(stream, 0, is_text and stream.encoding.lower() in _OF_ASCII)
    try:
        selector.select()
        popen.wait()
    except BaseException:
        selector.keep_texts()
        raise
    output.keep(selector.texts)
    return tuple(_read(popen, stream, output, selector.texts) for stream in streams)


def _read(popen: Any, stream: Any, output: dict[Any, list[bytes]], texts: dict[Any, str]) -> Any:
    if stream is None:
        return None
    if stream in texts:
        return texts[stream]
    data = b"".join(output[stream])
    return popen._translate_newlines(data, stream.encoding, stream.errors) if popen.text_mode else data
