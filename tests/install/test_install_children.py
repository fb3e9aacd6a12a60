"""Children of an installed program install Interlock before they import its modules, with every start method."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import interlock
import pytest

Check = Callable[..., str]

METHODS = multiprocessing.get_all_start_methods()

# The child prints what it has installed, and what its main module and `app` found in threading during their import.
PARENT = """
    import sys, threading
    import interlock
    if __name__ == "__main__":
        {before}
    from threading import Lock as Guard
    import app

    def child(connection):
        ours = vars(interlock.threading)["Lock"]
        connection.send((interlock.installed(), [n is ours for n in (threading.Lock, Guard, app.Guard)]))

    def ask(method):
        import multiprocessing
        context = multiprocessing.get_context(method)
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=child, args=(sender,))
        process.start()
        sender.close()
        assert receiver.poll(60), "no answer"
        answer = receiver.recv()
        process.join(60)
        assert process.exitcode == 0
        return answer

    if __name__ == "__main__":
        {then}
"""
APP = "from threading import Lock as Guard"
INSTALLED = "(('threading', 'queue'), [True, True, True])\n"
PLAIN = "((), [False, False, False])\n"


def parent(then: str, before: str = "interlock.install(only=['threading', 'queue'])") -> str:
    return PARENT.format(then=then, before=before)


@pytest.mark.parametrize("method", METHODS)
def test_children_are_installed_before_they_import_the_main_module(check: Check, method: str) -> None:
    assert check(parent(f"print(ask({method!r}))"), app=APP) == INSTALLED


@pytest.mark.parametrize("method", METHODS)
def test_multiprocessing_may_be_imported_before_the_installation(check: Check, method: str) -> None:
    before = (
        "import multiprocessing.spawn, multiprocessing.pool; interlock.install(only=['threading', 'queue'])"
    )
    assert check(parent(f"print(ask({method!r}))", before), app=APP) == INSTALLED


@pytest.mark.parametrize("method", METHODS)
def test_children_have_what_their_parent_has(check: Check, method: str) -> None:
    before = "interlock.install(only={'threading'})"
    output = check(parent(f"print(ask({method!r}))", before), app=APP)
    assert output == "(('threading',), [True, True, True])\n"


@pytest.mark.parametrize("method", METHODS)
def test_children_started_after_uninstall_are_plain(check: Check, method: str) -> None:
    then = f"ask({method!r}); interlock.uninstall(); print(ask({method!r})[0])"
    assert check(parent(then), app=APP) == "()\n"


@pytest.mark.parametrize("method", METHODS)
def test_grandchildren_are_installed(check: Check, method: str) -> None:
    script = f"""
    import multiprocessing, sys
    import interlock

    def start(target, connection):
        process = multiprocessing.Process(target=target, args=(connection,))
        process.start()
        process.join(60)

    def child(connection):
        start(grandchild, connection)

    def grandchild(connection):
        connection.send(interlock.installed())

    if __name__ == "__main__":
        interlock.install(only=["threading", "queue"])
        multiprocessing.set_start_method({method!r})
        receiver, sender = multiprocessing.Pipe(duplex=False)
        start(child, sender)
        assert receiver.poll(0)
        print(receiver.recv())
    """
    assert check(script) == "('threading', 'queue')\n"


@pytest.mark.parametrize("method", METHODS)
def test_children_have_no_more_than_their_parent_has_by_then(check: Check, method: str) -> None:
    then = (
        f"ask({method!r}); interlock.uninstall(); interlock.install(only='queue'); print(ask({method!r})[0])"
    )
    assert check("import warnings; warnings.simplefilter('ignore')\n" + dedent(parent(then)), app=APP) == (
        "('queue',)\n"
    )


def test_a_fork_server_that_is_older_than_the_installation(check: Check) -> None:
    script = """
    import interlock, multiprocessing

    def child(connection):
        connection.send(interlock.installed())

    def ask():
        process = context.Process(target=child, args=(sender,))
        process.start()
        process.join(60)
        assert receiver.poll(0)
        return receiver.recv()

    if __name__ == "__main__":
        context = multiprocessing.get_context("forkserver")
        receiver, sender = context.Pipe(duplex=False)
        print(ask())
        interlock.install(only=["threading", "queue"])
        print(ask())
        interlock.uninstall()
        print(ask())
    """
    assert check(script) == "()\n('threading', 'queue')\n()\n"


def test_modules_that_the_fork_server_preloads_are_imported_after_the_installation(check: Check) -> None:
    script = """
    import interlock, multiprocessing, sys

    def child(connection):
        import app
        connection.send((app.WHERE != multiprocessing.current_process().pid, app.Guard is app.threading.Lock))

    if __name__ == "__main__":
        interlock.install(only=["threading", "queue"])
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["app"])
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=child, args=(sender,))
        process.start()
        process.join(60)
        assert receiver.poll(0)
        print(receiver.recv())
    """
    app = """
    import os, threading
    from threading import Lock as Guard
    WHERE = os.getpid()
    """
    # The server itself must find the preloaded module, and its path comes from the environment.
    path = os.pathsep.join(filter(None, [".", os.environ.get("PYTHONPATH")]))
    assert check(script, app=app, env={"PYTHONPATH": path}) == "(True, True)\n"


def test_workers_of_a_process_pool_are_installed(check: Check) -> None:
    script = """
    import interlock
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_all_start_methods, get_context

    if __name__ == "__main__":
        interlock.install(only=["threading", "queue"])
        for method in get_all_start_methods():
            with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
                assert pool.submit(interlock.installed).result(60) == ("threading", "queue"), method
    """
    check(script)


def test_children_find_interlock_where_their_parent_found_it(check: Check) -> None:
    root = Path(interlock.__file__).absolute().parent.parent
    script = f"""
    import sys
    sys.path.insert(0, {str(root)!r})
    import interlock, multiprocessing

    def child(connection):
        connection.send(interlock.installed())

    if __name__ == "__main__":
        interlock.install(only=["threading", "queue"])
        for method in ("spawn", "forkserver"):
            context = multiprocessing.get_context(method)
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=child, args=(sender,))
            process.start()
            process.join(60)
            print(process.exitcode, receiver.poll(0) and receiver.recv())
    """
    assert check(script, env={"PYTHONPATH": ""}) == "0 ('threading', 'queue')\n" * 2


def test_other_programs_are_left_alone(check: Check) -> None:
    script = """
    import subprocess, sys
    import interlock
    interlock.install(only=["threading", "queue"])
    code = "import interlock, sys; print(interlock.installed(), 'interlock.threading' in sys.modules)"
    sys.stdout.flush()
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)
    """
    assert check(script) == "() False\n"


def test_interlock_0_reaches_the_children(check: Check) -> None:
    then = "import os; os.environ['INTERLOCK'] = '0'; print(ask('spawn'))"
    assert check(parent(then), app=APP) == PLAIN


def test_a_child_that_cannot_load_interlock_goes_on_with_a_warning(check: Check) -> None:
    script = """
    import interlock, multiprocessing, os, sys
    import interlock._children as children

    def child():
        print("ran")

    if __name__ == "__main__":
        interlock.install(only=["threading", "queue"])
        children._JOIN = children._JOIN.replace("interlock._install", "interlock._absent")
        process = multiprocessing.get_context("spawn").Process(target=child)
        process.start()
        process.join(60)
        print(process.exitcode)
    """
    output = check(script)
    assert output.startswith("ran\n0\n")
    assert "RuntimeWarning: this child process continues without Interlock" in output


def test_uninstall_leaves_no_trace_in_multiprocessing(check: Check) -> None:
    check(
        """
    import sys
    import interlock
    finders = list(sys.meta_path)
    with interlock.install(only=["threading", "queue"]):
        assert "multiprocessing" not in sys.modules, "installing must not load it"
    assert sys.meta_path == finders
    from multiprocessing import spawn, util
    before = spawn.get_preparation_data, util.spawnv_passfds
    assert all(f.__module__.startswith("multiprocessing") and type(f).__name__ == "function" for f in before)
    with interlock.install(only=["threading", "queue"]):
        assert spawn.get_preparation_data is not before[0] and util.spawnv_passfds is not before[1]
    assert (spawn.get_preparation_data, util.spawnv_passfds) == before
    """
    )


def test_multiprocessing_imported_while_installed_is_the_ordinary_module(check: Check) -> None:
    check(
        """
    import interlock
    interlock.install(only=["threading", "queue"])
    import importlib.util, sys
    from multiprocessing import spawn
    assert spawn.__spec__.loader is spawn.__loader__ and "exec_module" not in vars(spawn.__loader__)
    assert spawn.get_preparation_data.__name__ == "get_preparation_data"
    interlock.uninstall()
    assert type(spawn.get_preparation_data).__name__ == "function"
    """
    )
