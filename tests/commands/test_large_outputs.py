"""Outputs that are larger than a pipe: into what they are read, as bytes and as text."""

from __future__ import annotations

import fcntl
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PYTHON = [sys.executable, "-S", "-c"]
SIZES = [65_535, 65_536, 65_537, 262_144, 1_048_575, 1_048_577, 5_000_000]
"""On both sides of where the object that is read into becomes another one."""

ODD = ["é", "\r", "\r\n", "\0", "\N{SNOWMAN}"]
LINE = "one line of plain text\n"


def text_of(size: int) -> str:
    return (LINE * (size // len(LINE) + 1))[:size]


@pytest.fixture
def shown(commands: Any, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that runs a command which writes these bytes, and returns what it has read of them."""

    def run(data: bytes, **how: Any) -> Any:
        (tmp_path / "data").write_bytes(data)
        return commands.run(["cat", tmp_path / "data"], stdout=commands.PIPE, check=True, **how).stdout

    return run


@pytest.mark.parametrize("size", [0, 1, *SIZES])
@pytest.mark.parametrize("both", [False, True])
def test_large_outputs_are_whole(shown: Any, size: int, both: bool) -> None:
    text = text_of(size)
    how = {"stderr": -1} if both else {}
    assert shown(text.encode(), **how) == text.encode()
    assert shown(text.encode(), encoding="utf-8", **how) == text
    assert shown(text.encode("utf-16"), encoding="utf-16", **how) == text


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("odd", ODD)
def test_what_is_not_ascii_is_decoded(shown: Any, odd: str, both: bool) -> None:
    how = {"stderr": -1} if both else {}
    for size in (0, 65_530, 300_000, 2_000_000):
        text = text_of(size) + odd + text_of(100_000)
        wanted = text.replace("\r\n", "\n").replace("\r", "\n")
        assert shown(text.encode(), encoding="utf-8", **how) == wanted
        last = text_of(size) + odd
        wanted = last.replace("\r\n", "\n").replace("\r", "\n")
        assert shown(last.encode(), encoding="UTF-8", **how) == wanted


def test_what_is_no_text_after_a_long_time_raises(shown: Any) -> None:
    data = text_of(1_000_000).encode() + b"\xff"
    for how in ({}, {"stderr": -1}):
        with pytest.raises(UnicodeDecodeError):
            shown(data, encoding="ascii", **how)
        assert shown(data, encoding="ascii", errors="ignore", **how) == text_of(1_000_000)
        assert shown(data, encoding="latin-1", **how) == text_of(1_000_000) + "ÿ"


def test_text_that_was_read_before_stays_in_its_place(commands: Any) -> None:
    code = "import os; os.write(1, 'é\\nü'.encode()[:-1]); input(); os.write(1, 'ü'.encode()[1:] + b'x' * 200_000)"
    with commands.Popen([*PYTHON, code], stdin=-1, stdout=-1, encoding="utf-8") as process:
        assert process.stdout.readline() == "é\n"
        process.stdin.write("\n")
        process.stdin.close()
        process.stdin = None
        assert process.communicate() == ("ü" + "x" * 200_000, None)
        assert process.stdout.closed


class Called(Exception):
    pass


ENDS_ONE = """
import os, signal, time
os.write(1, {data!r} * 40_000)
os.close(1)
time.sleep(0.2)
os.write(2, b"e")
os.kill(os.getppid(), signal.SIGUSR1)
time.sleep(100)
"""


@pytest.mark.parametrize("how", [{}, {"encoding": "utf-8"}])
def test_an_output_that_has_ended_is_not_lost(commands: Any, how: dict[str, Any]) -> None:
    """C311: it was read as text before a handler ends the wait for the other one."""

    def raises(*_: object) -> None:
        raise Called

    before = signal.signal(signal.SIGUSR1, raises)
    try:
        code = ENDS_ONE.format(data=LINE.encode())
        with commands.Popen([*PYTHON, code], stdout=-1, stderr=-1, **how) as process:
            with pytest.raises(Called):
                process.communicate()
            process.kill()
            out, err = process.communicate()
    finally:
        signal.signal(signal.SIGUSR1, before)
    wanted = (LINE * 40_000, "e")
    assert (out, err) == (wanted if how else tuple(text.encode() for text in wanted))


def test_a_class_that_decodes_otherwise_is_asked(commands: Any) -> None:
    class Loud(commands.Popen):  # type: ignore[misc,name-defined]
        def _translate_newlines(self, data: bytes, encoding: str, errors: str) -> str:
            return data.decode(encoding, errors).upper()

    with Loud(["head", "-c", "300000", "/dev/zero"], stdout=-1, stderr=-1, text=True) as process:
        assert process.communicate() == ("\0" * 300_000, "")
    with Loud(["sh", "-c", "yes | head -c 300000"], stdout=-1, stderr=-1, text=True) as process:
        assert process.communicate() == ("Y\n" * 150_000, "")


def test_a_pipe_of_a_chosen_size_keeps_it(ours: Any) -> None:
    code = f"import fcntl, os; os.write(1, bytes(3_000_000)); os.write(2, b'%d' % fcntl.fcntl(1, {fcntl.F_GETPIPE_SZ}))"
    for size in (4096, 131_072):
        done = ours.Popen([*PYTHON, code], stdout=-1, stderr=-1, pipesize=size).communicate()
        assert (len(done[0]), int(done[1])) == (3_000_000, size)
    done = ours.Popen([*PYTHON, code], stdout=-1, stderr=-1).communicate()
    assert len(done[0]) == 3_000_000
    assert int(done[1]) in (65_536, 262_144)  # wider, if the kernel lets it
