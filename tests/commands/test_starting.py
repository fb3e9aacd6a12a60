"""The start of a command by the engine. The claims are those of PROTOCOL.md."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path, PurePosixPath
from typing import Any
from unittest import mock

import pytest
from interlock._commands import starting

from tests.commands.conftest import counts

SEES = "import os, sys; print(*sorted(int(n) for n in os.listdir('/proc/self/fd')))"


class Unnamed(PurePosixPath):
    def __fspath__(self) -> Any:
        return None


FAILING: list[tuple[Any, dict[str, Any]]] = [
    (["no such command"], {}),
    (["/no/such/command"], {}),
    ([b"/no/such/command"], {}),
    (["no such command"], {"shell": False, "env": {}}),
    (["true"], {"env": {"PATH": "/no/such:/dev/null"}}),
    (["passwd"], {"env": {"PATH": "/no/such:/etc:/no/such"}}),
    (["/etc/passwd"], {}),
    (["/dev/null/x"], {}),
    (["/etc"], {}),
    ([""], {}),
    ([], {}),
    (["true"], {"cwd": "/no/such"}),
    (["true"], {"cwd": b"/etc/passwd"}),
    (["true"], {"cwd": Path("/no/such")}),
    (["no such command"], {"cwd": "/"}),
    (["x"], {"executable": "/no/such"}),
    (["x"], {"executable": "/no/such", "shell": True}),
    (["tr\0ue"], {}),
    (["true", "\0"], {}),
    (["true", "\ud800"], {}),
    (["true", 1], {}),
    ([1], {}),
    (1, {}),
    (["true"], {"env": {"A=": "b"}}),
    (["true"], {"env": {"A": "b\0"}}),
    (["true"], {"env": {"A": 1}}),
    (["true"], {"env": {"PATH": "/bin", b"PATH": b"/bin"}}),
    (["true"], {"env": 1}),
    (["true"], {"cwd": "\0"}),
    (["true"], {"cwd": 1}),
    (["true"], {"pass_fds": (-1,)}),
    (["true"], {"pass_fds": (99999,)}),
    (["true"], {"pass_fds": ("a",)}),
    (["true"], {"stdin": 99999}),
    (["true"], {"stdout": 1 << 40}),
    (Path("/no/such"), {}),
    (Path("no such command"), {}),
    ([Path("/no/such"), "x"], {}),
    (["x"], {"executable": Path("/no/such")}),
    (["x"], {"executable": Path("/no/such"), "shell": True}),
    (Path("/no/such"), {"close_fds": False}),
    (Unnamed("/no/such"), {}),
    (Path("true"), {"shell": True}),
    # These are refused by `os.posix_spawn` alone.
    *((args, {"executable": "/bin/true", "close_fds": False}) for args in ([], [""], "", [b""])),
    *((["/bin/true"], {"env": env, "close_fds": False}) for env in ({"": "1"}, {b"": b"1"})),
]


def told(commands: Any, args: Any, how: dict[str, Any]) -> Any:
    try:
        commands.Popen(args, **how).wait()
    except Exception as error:
        shown = type(error), error.args, str(error)
        return (*shown, getattr(error, "errno", None), getattr(error, "filename", None))
    return "started"


@pytest.mark.parametrize(("args", "how"), FAILING)
def test_errors_are_those_of_the_standard_class(ours: Any, args: Any, how: dict[str, Any]) -> None:
    from interlock._originals import originals

    standard = mock.Mock(Popen=originals(subprocess, "Popen").Popen)
    for more in ({}, {"stdin": subprocess.PIPE, "stderr": subprocess.DEVNULL}):
        before = counts()
        expected = told(standard, args, {**more, **how})
        assert expected != "started"
        assert told(ours, args, {**more, **how}) == expected
        assert counts() == before


SIGNALS = "SigBlk", "SigIgn", "SigCgt"


def test_a_command_has_its_signals(commands: Any) -> None:
    script = ["cat", "/proc/self/status"]
    handler = signal.signal(signal.SIGUSR1, lambda *_: None)
    ignored = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        said = [commands.check_output(script, restore_signals=restores) for restores in (True, False)]
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == blocked | {signal.SIGTERM}
    finally:
        signal.signal(signal.SIGUSR1, handler)
        signal.signal(signal.SIGUSR2, ignored)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    for restores, lines in zip((True, False), said, strict=True):
        masks = {line[:6]: int(line[7:], 16) for line in lines.decode().splitlines() if line[:6] in SIGNALS}
        assert masks["SigBlk"] == 1 << signal.SIGTERM - 1
        assert masks["SigCgt"] == 0
        assert masks["SigIgn"] >> signal.SIGUSR2 - 1 & 1
        assert masks["SigIgn"] >> signal.SIGPIPE - 1 & 1 == (not restores)


PLACES = [
    (first, second, third)
    for first in (None, 0, 1, 2)
    for second in (None, 0, 1, 2)
    for third in (None, 0, 1, 2)
]

SWAPS = """
import os, re, sys
{get}
files = [os.open(sys.argv[1 + number], os.O_RDWR | os.O_CREAT) for number in range(3)]
saved = os.dup(1)
for number, file in enumerate(files):
    os.dup2(file, number, inheritable=False)
for places in {places}:
    look = 'for n in 0 1 2; do readlink /proc/$$/fd/$n >&9 || echo none >&9; done'
    read, write = os.pipe()
    os.dup2(write, 9)
    commands.run(["/bin/sh", "-c", look], stdin=places[0], stdout=places[1], stderr=places[2], pass_fds=[9])
    os.close(write)
    os.close(9)
    os.write(saved, re.sub(rb"\\d+", b"", os.read(read, 9999)) + b"\\n")
    os.close(read)
"""


def test_descriptors_in_each_others_places(tmp_path: Path) -> None:
    said = []
    for get in ("import subprocess as commands", "from interlock import subprocess as commands"):
        program = SWAPS.format(get=get, places=PLACES)
        files = [str(tmp_path / name) for name in "abc"]
        done = subprocess.run([sys.executable, "-c", program, *files], capture_output=True, timeout=100)
        assert done.stdout.count(b"\n\n") == len(PLACES), done
        said.append(done.stdout)
    assert said[0] == said[1]


def test_inherited_descriptors(commands: Any) -> None:
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open("/dev/null")).fileno() for _ in range(5)]
        command = [sys.executable, "-I", "-S", "-c", SEES]
        for chosen in (files[1:2], files[::2], files[::-1], ()):
            seen = commands.check_output(command, pass_fds=chosen).split()
            inherited = sorted(chosen)
            assert [int(number) for number in seen if int(number) in files] == inherited
            assert len(seen) == 4 + len(inherited)  # the last one is that of the list itself
        os.set_inheritable(files[0], True)
        assert str(files[0]).encode() in commands.check_output(command, close_fds=False).split()


def test_the_descriptor_comes_with_the_process(ours: Any) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with mock.patch("interlock._commands.popen.ChildProcess") as opened:
            for _ in range(20):
                process = ours.Popen(["true"])
                own = process.__dict__["_interlock_process"]
                assert own.wait(100)
                assert own.pid == process.pid
                assert process.wait(100) == 0
            opened.open.assert_not_called()
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("name", ["os.fsencode", "os.get_exec_path", "subprocess._fork_exec"])
def test_what_a_program_has_replaced_is_called(ours: Any, name: str) -> None:
    home, attribute = name.split(".")
    if not hasattr(sys.modules[home], attribute):
        pytest.skip("this version has no such name")
    with mock.patch(name, side_effect=RuntimeError("replaced")) as replaced:
        with pytest.raises(RuntimeError, match="replaced"):
            ours.Popen(["true"])
        replaced.assert_called()


@pytest.mark.parametrize("name", ["pipe", "read", "close"])
def test_what_a_program_has_wrapped_is_called(commands: Any, name: str) -> None:
    """The standard code has a pipe for the errors of a start."""
    with mock.patch.object(os, name, wraps=getattr(os, name)) as wrapped:
        assert commands.run(["true"]).returncode == 0
        wrapped.assert_called()


@pytest.mark.parametrize("how", [{"start_new_session": "x"}, {"restore_signals": None}])
def test_what_is_no_bool_means_what_it_does_in_this_version(commands: Any, how: dict[str, Any]) -> None:
    if sys.version_info < (3, 12):
        with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
            commands.Popen(["true"], **how)
    else:
        assert commands.run(["true"], **how).returncode == 0


AUDIT = """
import sys
from pathlib import Path
{get}
seen = []
sys.addaudithook(lambda event, args: event in ("subprocess.Popen", "os.posix_spawn") and seen.append((event, args)))
commands.run(["true", "x"])
commands.run("true")
commands.run(["/bin/true"])
commands.run([b"/bin/true"], close_fds=False, env={{"A": "b"}})
commands.run(["/bin/true"], stdin=commands.DEVNULL, capture_output=True)
commands.run(["/bin/true"], cwd="/", env={{"A": "b"}})
commands.run("true x", shell=True, cwd=b"/")
commands.run("true x", shell=True, executable="/bin/bash", start_new_session=True)
commands.run(Path("/bin/true"))
commands.run([Path("true"), Path("x")])
print([(e, [dict(a) if "nviron" in str(type(a)) else a for a in args]) for e, args in seen])
"""


def test_audit_events_are_those_of_the_standard_class() -> None:
    said = []
    for get in ("import subprocess as commands", "from interlock import subprocess as commands"):
        command = [sys.executable, "-c", AUDIT.format(get=get)]
        said.append(subprocess.run(command, capture_output=True, check=True).stdout)
    assert said[0] == said[1]
    assert said[0].count(b"subprocess.Popen") == 10


def test_other_threads_run_while_a_process_is_started(ours: Any, tmp_path: Path) -> None:
    """The program's file has a lease: a process that opens it waits until another thread has given that back."""
    program = str(shutil.copy("/bin/true", tmp_path / "program"))
    file = os.open(program, os.O_RDONLY)
    handler = signal.signal(signal.SIGIO, signal.SIG_IGN)
    steps: list[str] = []

    def give_back() -> None:
        while fcntl.fcntl(file, fcntl.F_GETLEASE) == fcntl.F_WRLCK:
            os.sched_yield()
        steps.append("given back")
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)

    thread = threading.Thread(target=give_back)
    try:
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError:
            pytest.skip("this file system has no leases")
        thread.start()
        with ours.Popen([program]) as process:
            steps.append("started")
            assert process.wait(100) == 0
        thread.join(100)
        assert steps == ["given back", "started"]
    finally:
        signal.signal(signal.SIGIO, handler)
        os.close(file)


def mappings() -> int:
    return Path("/proc/self/maps").read_text().count("\n")


def test_a_start_leaves_nothing(commands: Any) -> None:
    commands.run(["true"])
    before = counts(), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    maps = mappings()
    for _ in range(50):
        commands.run(["true"], capture_output=True)
        with pytest.raises(FileNotFoundError):
            commands.run(["no such command"], capture_output=True)
    assert (counts(), signal.pthread_sigmask(signal.SIG_BLOCK, ())) == before
    assert mappings() < maps + 50


REFUSES = """
import ctypes, struct
from interlock import subprocess
if {later}:
    subprocess.run(["true"], check=True)
# A filter for system calls: some are answered by an error, every other call is let through.
steps = [(0x20, 0, 0, 0)]
for number in {refused}:
    steps += [(0x15, 0, 1, number), (0x06, 0, 0, 0x50000 | {error})]
steps += [(0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter, 0, 0):
    print("skipped")
else:
    from interlock._commands import starting
    process = subprocess.run(["echo", "hello"], capture_output=True, check=True)
    assert process.stdout == b"hello\\n" and starting._is_possible() is {possible}
    print("refused")
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the filter has the numbers of one machine")
@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(("refused", "error"), [(("clone", "clone3"), 1), (("clone3",), 38), (("clone",), 1)])
def test_a_sandbox_that_refuses(later: bool, refused: tuple[str, ...], error: int) -> None:
    """Where one call is left, the engine has the program started by that."""
    numbers = tuple({"clone": 56, "clone3": 435}[name] for name in refused)
    possible = later or len(refused) == 1
    how = {"later": later, "refused": numbers, "error": error, "possible": possible}
    program = [sys.executable, "-c", REFUSES.format(**how)]
    said = subprocess.run(program, capture_output=True, text=True, timeout=100)
    if said.stdout == "skipped\n":
        pytest.skip("this process may not set a filter")
    assert said.stdout == "refused\n", said.stderr


def test_the_engine_starts_what_is_plain(ours: Any) -> None:
    """Or else all these tests would try the standard code."""
    plain: list[tuple[Any, dict[str, Any]]] = [
        (["true"], {}),
        ("true", {}),
        ([b"true", Path("x")], {"cwd": Path("/"), "env": {"A": b"b"}}),
        ("exit 0", {"shell": True}),
        (Path("true"), {}),
        (Path("/bin/true"), {}),
        ([Path("true"), "x"], {}),
        (["x"], {"executable": Path("/bin/true")}),
        (["x"], {"executable": Path("/bin/true"), "shell": True}),
        (("true",), {"start_new_session": True, "close_fds": False}),
    ]
    with (
        mock.patch.object(starting._original, "_execute_child", None),
        mock.patch.object(starting, "_usual", (None, *starting._usual[1:])),
    ):
        for args, how in plain:
            assert ours.run(args, **how).returncode == 0
            assert ours.run(args, capture_output=True, **how).stdout == b""
