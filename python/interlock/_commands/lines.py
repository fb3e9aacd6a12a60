"""Lines of a command's output, as they arrive."""

from __future__ import annotations

import codecs
import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["Lines"]


class Lines:
    """Splits bytes that arrive in pieces into lines; they are text if the stream has an encoding.

    A line is complete when its line break has arrived, or the stream has ended. It is returned without the line break.
    """

    def __init__(self, stream: Any) -> None:
        self._decoder: Any = None
        if isinstance(stream, io.TextIOWrapper):
            decoder = codecs.getincrementaldecoder(stream.encoding)(stream.errors or "strict")
            self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._end: Any = b"\n" if self._decoder is None else "\n"
        self._pieces: list[Any] = []  # of the incomplete line

    def more(self, data: bytes) -> Iterator[Any]:
        """Yield the lines that these bytes complete."""
        *complete, rest = self._decoded(data, final=False).split(self._end)
        for line in complete:
            self._pieces.append(line)
            yield self._take()
        if rest:
            self._pieces.append(rest)

    def last(self) -> Iterator[Any]:
        """Yield the lines that the end of the stream completes."""
        yield from self.more(b"") if self._decoder is None else ()
        rest = self._decoded(b"", final=True)
        if rest:
            self._pieces.append(rest)
        if self._pieces:
            yield from self._take().split(self._end)

    def _decoded(self, data: bytes, *, final: bool) -> Any:
        return data if self._decoder is None else self._decoder.decode(data, final=final)

    def _take(self) -> Any:
        line = self._end[:0].join(self._pieces)
        self._pieces.clear()
        return line
