"""A program under ``interlock run`` ends as on plain Python: status, signal, traceback."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Launcher

EXITS = {
    "none": ("raise SystemExit", 0),
    "zero": ("import sys; sys.exit(0)", 0),
    "number": ("import sys; sys.exit(7)", 7),
    "large": ("import sys; sys.exit(258)", 2),
    "message": ("import sys; sys.exit('a message')", 1),
    "object": ("raise SystemExit(('a', 1))", 1),
    "false": ("raise SystemExit(False)", 0),
    "in a function": ("def f():\n raise SystemExit(4)\nf()", 4),
    "os._exit": ("import os; os._exit(9)", 9),
    "exception": ("1/0", 1),
    "caught": ("try:\n 1/0\nexcept ZeroDivisionError:\n print('caught')", 0),
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
}


@pytest.mark.parametrize("name", EXITS)
def test_exit_statuses(launcher: Launcher, name: str) -> None:
    code, status = EXITS[name]
    launcher.write("script.py", code)
    for program in (["script.py"], ["-m", "script"], ["-c", code]):
        assert launcher.same(*program).status == status
    assert launcher.same("-", stdin=code).status == status


ERRORS = {
    "plain": "1/0",
    "nested": "def f(n):\n    return 1 / n\n\n\ndef g():\n    f(0)\n\n\ng()",
    "chained": "try:\n    {}['key']\nexcept KeyError as e:\n    raise ValueError('from') from e",
    "context": "try:\n    {}['key']\nexcept KeyError:\n    raise ValueError('during')",
    "group": "raise ExceptionGroup('group', [ValueError(1), TypeError(2)])",
    "notes": "e = ValueError('x')\ne.add_note('a note')\nraise e",
    "syntax": "x = = 1",
    "indentation": "if 1:\nx",
    "suggestion": "import sys\nsys.exot",
    "name": "absnt = 1\nprint(absent)",
    "recursion": "import sys\nsys.tracebacklimit = 3\ndef f(): f()\nf()",
    "base exception": "class Own(BaseException): pass\nraise Own('own')",
    "generator exit": "raise GeneratorExit",
    "no message": "raise RuntimeError",
    "eval": "eval('1/0')",
    "thread": "import threading\nt = threading.Thread(target=lambda: 1/0, name='t')\nt.start()\nt.join()",
    "import": "import absent_module",
    "beside": "import beside",
    "atexit": "import atexit\natexit.register(print, 'at exit')\n1/0",
}


@pytest.mark.parametrize("name", [n for n in ERRORS if n != "thread"])
def test_tracebacks_have_the_same_text(launcher: Launcher, name: str) -> None:
    launcher.write("script.py", ERRORS[name])
    launcher.write("beside.py", "def f():\n    raise ValueError('beside')\nf()")
    launcher.write("folder/__main__.py", ERRORS[name])
    launcher.write("folder/beside.py", "1/0")
    for program in (["script.py"], ["-m", "script"], ["-c", ERRORS[name]], ["folder"]):
        done = launcher.same(*program)
        assert done.status == 1
        assert "interlock" not in done.err.replace(str(launcher.folder), "")
    launcher.same("-", stdin=ERRORS[name])


def test_an_exception_in_a_thread_does_not_end_the_program(launcher: Launcher) -> None:
    done = launcher.interlock("run", "-c", ERRORS["thread"] + "\nprint('alive')")
    assert (done.status, done.out) == (0, "alive\n")
    assert "Exception in thread t" in done.err
    assert done.err.endswith("ZeroDivisionError: division by zero\n")


def test_a_program_that_is_not_there(launcher: Launcher) -> None:
    launcher.write("folder/other.py", "")
    launcher.write("pkg/__init__.py", "")
    for program, status in ((["absent.py"], 2), (["-m", "absent"], 1), (["folder"], 1), (["-m", "pkg"], 1)):
        assert launcher.same(*program).status == status


HOOKS = {
    "own": "sys.excepthook = lambda t, v, tb: print('hook', t.__name__, tb.tb_lineno, tb is v.__traceback__)",
    "failing": "def hook(*a):\n    raise KeyError('in the hook')\nsys.excepthook = hook",
    "exiting": "def hook(*a):\n    sys.exit(5)\nsys.excepthook = hook",
    "last": "import atexit\natexit.register(lambda: print(sys.last_value, sys.last_traceback.tb_lineno))",
    "restored": "import atexit\natexit.register(lambda: print(sys.excepthook is sys.__excepthook__))",
}


@pytest.mark.parametrize("name", HOOKS)
def test_the_programs_excepthook_is_asked(launcher: Launcher, name: str) -> None:
    launcher.write("script.py", f"import sys\n{HOOKS[name]}\nraise ValueError('uncaught')\n")
    done = launcher.same("script.py")
    assert done.status == (5 if name == "exiting" else 1)


def test_keyboard_interrupt_ends_by_the_signal(launcher: Launcher) -> None:
    code = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass"
    launcher.write("script.py", code)
    for program in (["script.py"], ["-m", "script"], ["-c", "raise KeyboardInterrupt"]):
        assert launcher.same(*program).status == -signal.SIGINT
    caught = "import sys\ntry:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt:\n    sys.exit(3)"
    assert launcher.same("-c", caught).status == 3


def test_a_signal_from_outside_interrupts_a_waiting_program(
    launcher: Launcher, at_prompt: Callable[[Sequence[str], Path], subprocess.Popen[str]]
) -> None:
    launcher.write("script.py", "import queue\nprint('waiting', flush=True)\nqueue.Queue().get()\n")
    process = at_prompt(["-m", "interlock", "run", "script.py"], launcher.folder)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == -signal.SIGINT
    assert err.endswith("KeyboardInterrupt\n")


def test_threads_and_exit_functions_run_before_the_end(launcher: Launcher) -> None:
    code = """
import atexit, threading
atexit.register(print, "exit function")
go = threading.Event()
threading.Thread(target=lambda: (go.wait(60), print("thread"))).start()
atexit.register(print, "second")
go.set()
{end}
"""
    for end, status in (("", 0), ("1/0", 1), ("raise SystemExit(3)", 3)):
        launcher.write("script.py", code.format(end=end))
        done = launcher.same("script.py")
        assert (done.status, done.out) == (status, "thread\nsecond\nexit function\n")


def test_wrong_usage(launcher: Launcher) -> None:
    for arguments in (["run"], ["run", "-m"], ["run", "-c"], ["run", "-x", "script.py"], ["nonsense"]):
        done = launcher.interlock(*arguments)
        assert (done.status, done.out) == (2, ""), arguments
        assert "usage: interlock" in done.err


def test_help_and_version(launcher: Launcher) -> None:
    import interlock

    assert launcher.interlock("--version").out == f"interlock {interlock.__version__}\n"
    assert "doctor" in launcher.interlock("--help").out
    for arguments in (["run", "--help"], ["run", "-h"]):
        assert launcher.interlock(*arguments).out.startswith("usage: interlock run")


def test_an_engine_that_cannot_be_loaded_is_named(launcher: Launcher) -> None:
    code = (
        "import sys; sys.modules['interlock._interlock'] = None\n"
        "from interlock._cli import main; sys.exit(main())"
    )
    done = launcher.run("-c", code, "run", "-c", "print('ran')")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("interlock run: cannot install: ")


def test_the_installed_command_does_the_same(launcher: Launcher) -> None:
    command = Path(sys.executable).with_name("interlock")
    if not command.exists():
        pytest.skip("the package is not installed, so there is no command")
    launcher.write("script.py", "import sys\nprint(sys.argv, sys.path, __name__)\n1/0")
    done = subprocess.run(
        [str(command), "run", "script.py", "a"],
        cwd=launcher.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == launcher.run("script.py", "a")


@pytest.mark.parametrize("where", ["threading.Thread(target=late).start()", "atexit.register(work)"])
@pytest.mark.parametrize(
    "what",
    [
        "import asyncio; print(asyncio.run(asyncio.sleep(0, 1)))",
        "import concurrent.futures as f; future = f.Future(); future.set_result(2); print(future.result())",
        "from concurrent.futures import ThreadPoolExecutor as Pool; print(Pool(1).submit(int).result())",
        "from concurrent.futures import ProcessPoolExecutor as Pool; print(Pool(1).submit(int).result())",
        "from multiprocessing.pool import ThreadPool; print(ThreadPool(1).map(abs, [-1]))",
        "import queue; q = queue.Queue(); q.put(1); print(q.get())",
        "import subprocess; print(subprocess.run(['true']).returncode)",
    ],
)
def test_a_module_is_first_imported_when_the_main_thread_has_ended(
    launcher: Launcher, where: str, what: str
) -> None:
    launcher.write(
        "program.py",
        f"""
        import atexit, threading

        def work():
            try:
                {what}
            except RuntimeError as error:
                print(error)

        def late():
            threading.main_thread().join()
            work()

        {where}
        """,
    )
    assert launcher.same("program.py", options=("-W", "ignore")).out
