"""`communicate()`: what is read and written, in whatever form, and what ends it early."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import selectors
import signal
import subprocess
import sys
import threading
from typing import Any
from unittest import mock

import pytest

PYTHON = [sys.executable, "-S", "-c"]
LARGE = bytes(range(256)) * 40_000


def echo(commands: Any, **how: Any) -> Any:
    return commands.Popen(["cat"], stdin=commands.PIPE, stdout=commands.PIPE, **how)


@pytest.mark.parametrize("size", [0, 1, 4096, 65_536, 65_537, 3_000_000])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_goes_in_comes_out(commands: Any, size: int, kind: type) -> None:
    data = (LARGE * 2)[:size]
    done = commands.run(["cat"], input=kind(data), capture_output=True)
    assert (done.stdout, done.stderr, done.returncode) == (data, b"", 0)
    assert type(done.stdout) is bytes


def test_both_outputs_at_once(commands: Any) -> None:
    code = "import os\nfor n in range(300): os.write(1, b'o' * 9999); os.write(2, b'e' * 7777)"
    for how in ({}, {"timeout": 100}):
        done = commands.run([*PYTHON, code], capture_output=True, **how)
        assert (done.stdout, done.stderr) == (b"o" * 9999 * 300, b"e" * 7777 * 300)
    done = commands.run([*PYTHON, code], stdout=commands.PIPE, stderr=commands.STDOUT)
    assert len(done.stdout) == (9999 + 7777) * 300
    assert done.stderr is None


def test_one_output_alone(commands: Any) -> None:
    assert commands.check_output(["head", "-c", "3000000", "/dev/zero"]) == bytes(3_000_000)
    done = commands.run(["sh", "-c", "echo a >&2"], stderr=commands.PIPE)
    assert (done.stdout, done.stderr) == (None, b"a\n")
    assert commands.check_output(["true"]) == b""


def test_what_was_read_before_stays_in_its_place(commands: Any) -> None:
    for size in (10, 100_000):
        with commands.Popen(
            ["sh", "-c", f"echo first; head -c {size} /dev/zero"], stdout=commands.PIPE
        ) as process:
            assert process.stdout.readline() == b"first\n"
            assert process.communicate() == (bytes(size), None)


@pytest.mark.parametrize(
    "how", [{"text": True}, {"encoding": "utf-16"}, {"encoding": "ascii", "errors": "replace"}]
)
def test_text_is_decoded_as_by_the_standard_module(commands: Any, how: dict[str, Any]) -> None:
    encoding = how.get("encoding", "utf-8")
    text = "one\r\ntwo\rthree\nfour\n" + "é" * 40_000 + "\n"
    if encoding == "ascii":
        raw, wanted = text.encode(), text.replace("\r\n", "\n").replace("\r", "\n").replace("é", "\ufffd" * 2)
    else:
        raw, wanted = text.encode(encoding), text.replace("\r\n", "\n").replace("\r", "\n")
    code = f"import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()); sys.stderr.buffer.write({b'x'!r})"
    done = commands.run([*PYTHON, code], input=raw, capture_output=True)
    assert done.stdout == raw
    with subprocess.Popen(["cat"], stdin=-1, stdout=-1) as source:
        assert source.stdin
        assert source.stdout
        thread = threading.Thread(target=lambda: (source.stdin.write(raw), source.stdin.close()))  # type: ignore[union-attr]
        thread.start()
        assert commands.run(["cat"], stdin=source.stdout, capture_output=True, **how).stdout == wanted
        thread.join()


def test_text_goes_in(commands: Any) -> None:
    done = commands.run(["cat"], input="é\nz" * 50_000, capture_output=True, encoding="utf-8")
    assert done.stdout == "é\nz" * 50_000


def test_bytes_that_are_no_text_raise_as_in_the_standard_module(commands: Any) -> None:
    with pytest.raises(UnicodeDecodeError):
        commands.run(["printf", r"\377"], capture_output=True, encoding="utf-8")
    with pytest.raises(TypeError):
        commands.run(["cat"], input="text", capture_output=True)


def test_a_command_that_does_not_read_is_no_error(commands: Any) -> None:
    done = commands.run(["true"], input=LARGE, capture_output=True)
    assert (done.stdout, done.returncode) == (b"", 0)
    done = commands.run(["head", "-c", "5"], input=LARGE, capture_output=True)
    assert done.stdout == LARGE[:5]


def test_the_time_is_over_and_then_it_goes_on(commands: Any) -> None:
    code = "import sys; print('a', flush=True); print('b', file=sys.stderr, flush=True); sys.stdin.read(); print('c')"
    with commands.Popen([*PYTHON, code], stdin=-1, stdout=-1, stderr=-1) as process:
        out, err = b"", b""
        while (out, err) != (b"a\n", b"b\n"):
            with pytest.raises(subprocess.TimeoutExpired) as caught:
                held_open(process, 0.05)
            out, err = caught.value.stdout or b"", caught.value.stderr or b""
            assert (caught.value.cmd, caught.value.timeout) == ([*PYTHON, code], 0.05)
        process.kill()
        assert process.communicate() == (b"a\n", b"b\n")


def held_open(process: Any, timeout: float) -> None:
    """Communicate with a process whose standard input stays open: it is another one's now."""
    stdin, process.stdin = process.stdin, None
    try:
        process.communicate(timeout=timeout)
    finally:
        process.stdin = stdin


def test_run_gives_what_was_read_when_the_time_is_over(commands: Any) -> None:
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        commands.run(["sh", "-c", "echo out; echo err >&2; exec sleep 100"], capture_output=True, timeout=1)
    assert (caught.value.stdout, caught.value.stderr) == (b"out\n", b"err\n")


def test_an_exception_of_a_signal_handler_loses_nothing(commands: Any) -> None:
    class Alarm(Exception):
        pass

    def raises(*_: object) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, raises)
    read, write = os.pipe()
    try:
        code = f"import os, sys; os.write(1, b'a' * 100_000); os.read({read}, 1); os.write(1, b'b' * 100_000)"
        with commands.Popen([*PYTHON, code], stdout=-1, stderr=-1, pass_fds=[read]) as process:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(Alarm):
                process.communicate(timeout=100)
            os.write(write, b"x")
            assert process.communicate(timeout=100) == (b"a" * 100_000 + b"b" * 100_000, b"")
    finally:
        signal.signal(signal.SIGALRM, before)
        os.close(read)
        os.close(write)


def test_ctrl_c_ends_it(commands: Any) -> None:
    with echo(commands, stderr=commands.PIPE) as process:
        stdin, process.stdin = process.stdin, None
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            process.communicate(timeout=100)
        stdin.close()
        assert process.communicate() == (b"", b"")


def test_input_after_the_beginning_is_refused(commands: Any) -> None:
    with echo(commands) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            held_open(process, 0.01)
        with pytest.raises(ValueError, match="Cannot send input after starting communication"):
            process.communicate(b"more")
        process.kill()


def test_streams_that_the_program_has_put_there_are_used(commands: Any) -> None:
    class Told(io.BytesIO):
        def fileno(self) -> int:
            raise OSError("no file")

    with echo(commands) as process:
        process.stdin.close()
        process.stdout.close()
        process.stdin, process.stdout = None, Told(b"told")
        assert process.communicate() == (b"told", None)


def test_errors_of_the_kernel_have_their_number(commands: Any) -> None:
    ours, theirs = os.openpty()
    with commands.Popen(["echo", "hi"], stdout=theirs, stderr=-1) as process:
        os.close(theirs)
        process.stdout = os.fdopen(ours, "rb")
        with pytest.raises(OSError, match="Input/output error") as caught:
            process.communicate()
    assert caught.value.errno == errno.EIO
    with commands.Popen(["true"], stdin=-1, stdout=-1) as process:
        process.stdin.close()
        process.stdin = os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb", buffering=0)
        with pytest.raises(OSError, match="No space left") as caught:
            process.communicate(b"x")
    assert caught.value.errno == errno.ENOSPC


def test_a_pipe_that_does_not_block_is_read_as_far_as_it_goes(commands: Any) -> None:
    with commands.Popen(["sh", "-c", "echo a; read line"], stdin=-1, stdout=-1) as process:
        stdin, process.stdin = process.stdin, None
        select.select([process.stdout], [], [])
        os.set_blocking(process.stdout.fileno(), False)
        wait, process.wait = process.wait, lambda *_: None  # it has not ended
        assert process.communicate() == (b"a\n", None)
        process.wait = wait
        stdin.close()


def test_a_pipe_that_the_program_has_closed_is_not_read(commands: Any) -> None:
    with commands.Popen(["echo", "a"], stdout=-1, stderr=-1) as process:
        process.stderr.close()
        assert process.communicate() == (b"a\n", b"")
    with commands.Popen(["true"], stdout=-1) as process:
        process.stdout.close()
        with pytest.raises(ValueError, match="closed file"):
            process.communicate()


def test_all_streams_are_closed_at_the_end(commands: Any) -> None:
    with commands.Popen(["cat"], stdin=-1, stdout=-1, stderr=-1) as process:
        assert process.communicate(b"x") == (b"x", b"")
        assert process.stdin.closed
        assert process.stdout.closed
        assert process.stderr.closed
    with commands.Popen(["cat"], stdin=-1, stdout=-1, bufsize=0) as process:
        assert process.communicate(LARGE) == (LARGE, None)


def test_a_grandchild_that_has_the_pipe_is_waited_for(commands: Any) -> None:
    done = commands.run(["sh", "-c", "(sleep 0.3; echo late) & echo early"], capture_output=True, timeout=100)
    assert done.stdout == b"early\nlate\n"


@pytest.mark.parametrize("how", [{}, {"text": True}, {"encoding": "utf-16"}])
def test_a_second_call_returns_the_same(commands: Any, how: dict[str, Any]) -> None:
    code = "import sys; sys.stdout.write('ox' * 50_000); sys.stderr.write('ey' * 40_000)"
    process = commands.Popen([*PYTHON, code], stdout=commands.PIPE, stderr=commands.PIPE, **how)
    first = process.communicate()
    assert [len(text) for text in first] == ([50_000, 40_000] if "encoding" in how else [100_000, 80_000])
    assert process.communicate() == first
    assert process.communicate(timeout=60) == first
    assert [len(b"".join(process._fileobj2output[file])) for file in (process.stdout, process.stderr)] == [
        100_000,
        80_000,
    ]


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), 1e20, 10**30])
def test_times_that_the_selector_refuses(commands: Any, timeout: float) -> None:
    with commands.Popen(["true"], stdout=commands.PIPE) as process:
        with pytest.raises((ValueError, OverflowError)):
            process.communicate(timeout=timeout)
        process.wait()
        assert process.communicate() == (b"", None)


def test_what_an_ended_command_has_not_taken(commands: Any) -> None:
    """The program has written it before; it was not flushed."""
    with commands.Popen(["true"], stdin=commands.PIPE, stdout=commands.PIPE) as process:
        process.stdin.write(b"abc")
        process.wait()
        if sys.version_info >= (3, 15):
            assert process.communicate(b"input") == (b"", None)
            return
        with pytest.raises(BrokenPipeError):
            process.communicate(b"input")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def test_a_replaced_selector_is_asked(commands: Any) -> None:
    with (
        mock.patch.object(selectors.PollSelector, "select", side_effect=RuntimeError("replaced")),
        pytest.raises(RuntimeError, match="replaced"),
    ):
        commands.run(["true"], capture_output=True)
