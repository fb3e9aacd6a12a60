"""Comments, strings and brackets of Rust."""

from __future__ import annotations

import re

_START = re.compile(
    r"//|/\*|\b[bc]?r#*\"|[bc]?\"|b?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[0-9a-fA-F_]+\}|.)|[^\\'\n])'"
)
_BLOCK = re.compile(r"/\*|\*/")
_STRING = re.compile(r"\\.|\"", re.DOTALL)
_BRACKETS = re.compile(r"[()\[\]{}]")
_NOT_NEWLINE = re.compile(r"[^\n]")


def blank(text: str) -> str:
    """The text with comments, characters and the insides of strings replaced by spaces; offsets stay."""
    pieces, at = [], 0
    while match := _START.search(text, at):
        token, end = match.group(), match.end()
        pieces.append(text[at : match.start()])
        if token == "//":
            stop = text.find("\n", end)
            stop = len(text) if stop < 0 else stop
            pieces.append(blanked(text[match.start() : stop]))
        elif token == "/*":
            stop = _block_end(text, end)
            pieces.append(blanked(text[match.start() : stop]))
        elif token.endswith('"'):
            stop = _string_end(text, token, end)
            pieces.append(" " * (len(token) - 1) + '"' + blanked(text[end : stop - 1]) + '"')
        else:
            stop = end
            pieces.append(blanked(token))
        at = stop
    return "".join(pieces) + text[at:]


def matching(code: str, at: int) -> int:
    """The offset of the bracket that closes the one at `at`, in blanked code; the end when there is none."""
    depth = 0
    for match in _BRACKETS.finditer(code, at):
        depth += 1 if match.group() in "([{" else -1
        if depth == 0:
            return match.start()
    return len(code)


def blanked(text: str) -> str:
    """As many spaces, the lines kept."""
    return _NOT_NEWLINE.sub(" ", text)


def _block_end(text: str, at: int) -> int:
    depth = 1
    for match in _BLOCK.finditer(text, at):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)


def _string_end(text: str, token: str, at: int) -> int:
    if "r" in token:
        closing = '"' + "#" * token.count("#")
        end = text.find(closing, at)
        return len(text) if end < 0 else end + len(closing)
    for match in _STRING.finditer(text, at):
        if match.group() == '"':
            return match.end()
    return len(text)
