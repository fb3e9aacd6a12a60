"""`Popen` and the functions that use it: waiting, signals, and what programs do to them."""

from __future__ import annotations

import contextlib
import gc
import inspect
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.commands.conftest import counts

UNTIL_TOLD = [sys.executable, "-S", "-c", "import sys; sys.stdin.read(); sys.exit(7)"]


@contextlib.contextmanager
def held(commands: Any, **how: Any) -> Iterator[Any]:
    """A command that ends with 7 when its standard input is closed."""
    with commands.Popen(UNTIL_TOLD, stdin=commands.PIPE, **how) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_wait_sleeps_until_the_process_has_ended(ours: Any) -> None:
    """It does not look every now and then: that would be ten times in this time."""
    with held(ours) as process:
        threading.Timer(
            0.6, process.stdin.close
        ).start()  # sleep: how often a thread wakes meanwhile is the subject
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        assert process.wait(timeout=100) == 7
        assert resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before < 9


def test_a_wait_ends_with_the_process(ours: Any) -> None:
    delays = []
    for _ in range(9):
        with held(ours) as process:
            killed: list[float] = []

            def kill(process: Any = process, killed: list[float] = killed) -> None:
                killed.append(time.monotonic())
                os.kill(process.pid, signal.SIGKILL)

            threading.Timer(0.02, kill).start()  # sleep: so that the wait has begun, which need not be
            assert process.wait(timeout=100) == -signal.SIGKILL
            delays.append(time.monotonic() - killed[0])
    assert min(delays) < 0.05


def test_a_wait_that_is_too_short_says_so(commands: Any) -> None:
    with held(commands) as process:
        for seconds in (0, 0.01, -1):
            with pytest.raises(subprocess.TimeoutExpired) as caught:
                process.wait(timeout=seconds)
            assert (caught.value.cmd, caught.value.timeout) == (UNTIL_TOLD, seconds)
            assert process.returncode is None
            assert process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=float("inf")) == 7
        assert (process.wait(timeout=0), process.poll(), process.wait()) == (7, 7, 7)


def test_many_threads_wait_for_one_process(commands: Any) -> None:
    with held(commands) as process:
        codes: list[int] = []
        waits: list[dict[str, float]] = [{}, {"timeout": 100}, {"timeout": 100}, {"timeout": 100}]
        threads = [
            threading.Thread(target=lambda how=how: codes.append(process.wait(**how))) for how in waits
        ]
        for thread in threads:
            thread.start()
        process.stdin.close()
        for thread in threads:
            thread.join(100)
        assert codes == [7] * 4


@pytest.mark.parametrize("how", ["terminate", "kill", "send_signal"])
def test_signals_reach_the_process(commands: Any, how: str) -> None:
    with held(commands) as process:
        number = {"terminate": signal.SIGTERM, "kill": signal.SIGKILL, "send_signal": signal.SIGUSR1}[how]
        getattr(process, how)(*[number] * (how == "send_signal"))
        assert process.wait(timeout=100) == -number
        getattr(process, how)(*[number] * (how == "send_signal"))  # to nobody


def test_a_wrong_signal_is_refused_as_by_the_standard_class(commands: Any) -> None:
    with held(commands) as process:
        with pytest.raises(OSError, match="Invalid argument"):
            process.send_signal(1000)
        with pytest.raises(TypeError, match="integer"):
            process.send_signal("TERM")
        process.send_signal(0)


def test_a_signal_is_audited_as_that_of_os_kill(commands: Any) -> None:
    get = "from interlock import subprocess" if commands is not subprocess else "import subprocess"
    program = f"""if True:
        import sys
        {get}
        seen = []
        sys.addaudithook(lambda event, args: event == "os.kill" and seen.append(args))
        process = subprocess.Popen(["sleep", "100"])
        process.terminate()
        assert seen == [(process.pid, 15)] and process.wait() == -15, seen
    """
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_process_that_somebody_else_waited_for_ends_with_0(commands: Any) -> None:
    for look in ("wait", "wait timed", "poll", "kill"):
        process = commands.Popen(["false"])
        os.waitpid(process.pid, 0)
        if look == "kill":
            process.kill()
        elif look == "poll":
            process.poll()
        else:
            process.wait(100 if "timed" in look else None)
        assert process.returncode == 0


def test_a_process_ends_with_0_where_sigchld_is_ignored(commands: Any) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert commands.Popen(["false"]).wait(timeout=100) == 0
        assert commands.run(["false"]).returncode == 0
    finally:
        signal.signal(signal.SIGCHLD, before)


# In a pid namespace of its own: the number of the next pid is the whole system's otherwise.
SAME_PID = """\
import os, signal, subprocess
from pathlib import Path
import interlock.subprocess
{install}
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGUSR1}})
first = {module}.Popen(["true"])
os.waitpid(first.pid, 0)
Path("/proc/sys/kernel/ns_last_pid").write_text(str(first.pid - 1))
pid = os.fork()
if pid == 0:
    signal.sigwait({{signal.SIGUSR1}})
    os._exit(7)
assert pid == first.pid, (pid, first.pid)
first.kill()
first.terminate()
os.kill(pid, signal.SIGUSR1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
first.returncode = 0
"""


@pytest.mark.parametrize(
    ("install", "module"),
    [("", "interlock.subprocess"), ("interlock.install()", "subprocess")],
    ids=["import", "install"],
)
def test_a_signal_does_not_hit_another_process_with_the_same_pid(install: str, module: str) -> None:
    alone = ["unshare", "--pid", "--fork", "--mount-proc"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*alone, "true"], stderr=subprocess.DEVNULL).returncode
    ):
        pytest.skip("this process may not make a pid namespace")
    script = SAME_PID.format(install=install, module=module)
    done = subprocess.run([*alone, sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


def test_a_forked_child_does_not_wait_for_its_sibling(commands: Any) -> None:
    limit = None if sys.version_info >= (3, 15) else 100  # 3.15 waits for the descriptor first, with a limit
    with held(commands) as process:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = 0 if (process.wait(timeout=limit), process.returncode) == (0, 0) else 2
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        process.stdin.close()
        assert process.wait(timeout=100) == 7


def test_descriptors_that_the_program_closes_are_not_missed(ours: Any) -> None:
    with held(ours) as process:
        (number,) = [
            int(name)
            for name in os.listdir("/proc/self/fd")
            if os.path.exists(f"/proc/self/fdinfo/{name}")
            and f"\nPid:\t{process.pid}\n" in Path(f"/proc/self/fdinfo/{name}").read_text()
        ]
        os.close(number)
        other = os.open("/dev/null", os.O_RDONLY)
        os.dup2(other, number)
        process.terminate()
        assert process.wait(timeout=100) == -signal.SIGTERM
    del process
    gc.collect()
    os.fstat(number)  # it is the program's
    os.close(number)
    if other != number:
        os.close(other)


def test_a_program_can_set_the_return_code(commands: Any) -> None:
    with held(commands) as process:
        process.returncode = 5
        assert (process.wait(timeout=1), process.poll(), process.wait()) == (5, 5, 5)
        process.kill()
        process.returncode = None
        process.stdin.close()
        assert process.wait(timeout=100) == 7


def test_a_process_that_an_event_loop_has_reaped_holds_no_descriptor(commands: Any) -> None:
    before = counts()[0]
    process = commands.Popen(["true"])
    os.waitpid(process.pid, 0)
    process.returncode = 0  # as asyncio does
    assert counts()[0] == before
    assert (process.wait(timeout=1), vars(process)["returncode"]) == (0, 0)
    with pytest.raises(AttributeError, match="returncode"):
        commands.Popen.__new__(commands.Popen).returncode  # noqa: B018


def test_what_a_program_replaces_is_used(commands: Any) -> None:
    class Patient(commands.Popen):  # type: ignore[misc,name-defined]
        def _try_wait(self, flags: int) -> tuple[int, int]:
            tries.append(flags)
            return super()._try_wait(flags)  # type: ignore[no-any-return]

    tries: list[int] = []
    process = Patient(["true"])
    assert process.wait(timeout=100) == 0
    assert tries
    with held(commands) as process, mock.patch("os.kill") as kill:
        process.terminate()
        kill.assert_called_once_with(process.pid, signal.SIGTERM)
        assert process.poll() is None


def test_functions_use_the_popen_of_their_module(commands: Any) -> None:
    with mock.patch.object(commands, "Popen") as popen:
        popen.return_value.__enter__.return_value.communicate.return_value = "out", "err"
        popen.return_value.__enter__.return_value.poll.return_value = 0
        popen.return_value.__enter__.return_value.wait.return_value = 0
        done = commands.run(["no such command"])
        assert (done.stdout, done.stderr) == ("out", "err")
        assert commands.check_output(["no such command"]) == "out"
        assert commands.getoutput("no such command") == "out"
        assert commands.call(["no such command"]) == commands.check_call(["no such command"]) == 0
        assert popen.call_count == 5
    with mock.patch.object(commands, "run") as run:
        run.return_value.stdout = "another"
        assert commands.check_output(["true"]) == "another"


def test_mocks_that_know_the_parameters_check_the_calls(commands: Any) -> None:
    """A call with a positional argument and one with the name are the same to them, and a misspelt name is refused."""
    parameters = list(inspect.signature(commands.Popen).parameters)
    assert parameters[:3] == ["args", "bufsize", "executable"]
    assert list(inspect.signature(commands.Popen.__init__).parameters) == ["self", *parameters]
    with mock.patch.object(commands, "Popen", autospec=True) as popen:
        commands.Popen(["true"], stdout=commands.PIPE)
        popen.assert_called_once_with(args=["true"], stdout=commands.PIPE)
        with pytest.raises(TypeError, match="standard_output"):
            commands.Popen(["true"], standard_output=commands.PIPE)


def test_a_running_process_that_is_forgotten_holds_no_descriptor(commands: Any) -> None:
    before = counts()[0]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        process = commands.Popen(["sleep", "100"])
        pid = process.pid
        del process
        gc.collect()
    assert [one.category for one in told] == [ResourceWarning]
    assert counts()[0] == before
    os.kill(pid, signal.SIGKILL)
    while pid in (one.pid for one in subprocess._active):  # type: ignore[attr-defined]
        commands.run(["true"])  # looks after those that were forgotten


def test_ctrl_c_ends_a_wait(commands: Any) -> None:
    with held(commands) as process:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            process.wait(timeout=100)
        assert process.returncode is None
        process.stdin.close()
        assert process.wait(timeout=100) == 7


def test_a_warning_names_the_line_of_the_program(commands: Any) -> None:
    get = "from interlock import subprocess" if commands is not subprocess else "import subprocess"
    program = f"{get}\nsubprocess.run(['true'], text=True)\nsubprocess.Popen(['true'], text=True).wait()"
    command = [sys.executable, "-X", "warn_default_encoding", "-c", program]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "<string>:2: EncodingWarning" in said
    assert "<string>:3: EncodingWarning" in said


def test_it_is_a_standard_popen(ours: Any) -> None:
    from interlock import subprocess as named

    assert issubclass(ours.Popen, subprocess.Popen)
    assert ours.Popen is named.Popen
    assert (ours.Popen.__name__, ours.Popen.__module__) == ("Popen", "subprocess")
    with ours.Popen(["true"]) as process:
        assert repr(process) == "<Popen: returncode: None args: ['true']>"


def test_replaced_clocks_are_asked(commands: Any) -> None:
    """As mock and freezegun replace them: the clock of the module, and how it sleeps."""
    times = iter(range(0, 10**6, 100))
    with held(commands) as process:
        with mock.patch("subprocess._time", side_effect=times), pytest.raises(commands.TimeoutExpired):
            process.wait(50)
        if sys.version_info >= (3, 15):
            return  # the standard method does not sleep
        for name in ("time.sleep", "time.monotonic"):
            with (
                mock.patch(name, side_effect=getattr(time, name[5:])) as replaced,
                contextlib.suppress(commands.TimeoutExpired),
            ):
                process.wait(0.001)
            assert replaced.called or name == "time.monotonic"  # the module has that by another name


def test_the_return_code_can_be_deleted(commands: Any) -> None:
    process = commands.Popen(["true"])
    assert process.wait() == 0
    del process.returncode
    assert not hasattr(process, "returncode")
    with pytest.raises(AttributeError):
        del process.returncode
    process.returncode = 5
    assert process.returncode == 5


def test_a_class_with_a_return_code(commands: Any) -> None:
    """As a default for a type hint. It has nothing left of a process that has ended."""

    class Hinted:
        returncode: Any = None

    class First(Hinted, commands.Popen):  # type: ignore[misc, name-defined]
        pass

    class Second(commands.Popen):  # type: ignore[misc, name-defined]
        returncode = None

    before = counts()
    for kind in (First, Second):
        processes = [kind(["sh", "-c", "exit 3"]) for _ in range(5)]
        assert [one.wait(60) for one in processes] == [3] * 5
        assert [one.returncode for one in processes] == [3] * 5
        assert kind.returncode is None
        assert counts() == before
        del processes[0].returncode
        assert processes[0].returncode is None
        processes[0].returncode = 3
