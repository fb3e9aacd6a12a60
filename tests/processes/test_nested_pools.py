"""Workers of pools that make pools themselves, and other hard places in which workers are started."""

from __future__ import annotations

from collections.abc import Callable

from tests.processes.test_cancelling import HEAD

Run = Callable[..., str]

HEAD += """
def square(number):
    return number * number

def pool_inside(number):
    with multiprocessing.get_context(METHOD).Pool(2) as inner:
        return sum(inner.map(square, range(number)))

def executor_inside(number):
    with executor(2) as inner:
        return sum(inner.map(square, range(number)))

def share(*all):
    global shared
    shared = all

def runs_for_ever():
    (pids,) = shared
    pids.put(os.getpid())
    while True:
        time.sleep(60)  # sleep: until it is ended

def starts_inner(kind):
    if kind == "executor":
        executor(1, initializer=share, initargs=shared).submit(runs_for_ever).result()
    else:
        multiprocessing.get_context(METHOD).Pool(1, share, shared).apply(runs_for_ever)
"""


def test_workers_of_an_executor_have_pools_of_their_own(run: Run, method: str) -> None:
    program = """
def main():
    with executor(2) as outer:
        for nested in (pool_inside, executor_inside):
            assert [*outer.map(nested, [3, 10, 20])] == [5, 285, 2470]
"""
    assert run(HEAD + program, method) == ""


def test_workers_inside_end_with_the_one_that_started_them(run: Run, method: str) -> None:
    program = """
def main():
    for kind in ("executor", "pool"):
        pids = context.SimpleQueue()
        outer = executor(1, initializer=share, initargs=(pids,))
        future = outer.submit(starts_inner, kind)
        is_gone = watched(pids.get())
        (middle,) = outer._processes
        os.kill(middle, signal.SIGKILL)
        error = future.exception(60)
        assert "SIGKILL" in str(error), error
        until(is_gone)
        outer.shutdown()
"""
    assert run(HEAD + program, method) == ""


def test_a_cancelled_call_ends_the_workers_inside(run: Run, method: str) -> None:
    program = """
def main():
    pids = context.SimpleQueue()
    outer = executor(1, initializer=share, initargs=(pids,))
    future = outer.submit(starts_inner, "executor")
    is_gone = watched(pids.get())
    assert future.cancel(running=True)
    until(is_gone)
    assert outer.submit(abs, -1).result() == 1
    outer.shutdown()
"""
    assert run(HEAD + program, method) == ""


def test_workers_of_a_pool_may_have_pools_if_the_class_was_imported(run: Run, method: str) -> None:
    program = """
def nested(kind):
    assert multiprocessing.current_process().daemon
    try:
        return kind(5)
    except AssertionError as error:
        return str(error)

def main():
    import interlock._installed as installation
    refused = "daemonic processes are not allowed to have children"
    expected = refused if "multiprocessing.pool" in installation.installed() else 30
    with context.Pool(2) as outer:
        got = outer.map(nested, [pool_inside, executor_inside] * 2, chunksize=1)
        assert got == [expected] * 4, got
        # What is no pool is refused in any case.
        assert outer.apply(starts_a_process) == refused

def starts_a_process():
    try:
        context.Process(target=abs, args=(1,)).start()
    except AssertionError as error:
        return str(error)
"""
    assert run(HEAD + program, method) == ""


def test_workers_inside_a_pool_end_with_it(run: Run, method: str) -> None:
    program = """
def main():
    import interlock._installed as installation
    if "multiprocessing.pool" in installation.installed():
        return
    for how in ("terminate", "kill"):
        for kind in ("executor", "pool"):
            pids = context.SimpleQueue()
            outer = context.Pool(1, share, (pids,))
            result = outer.apply_async(starts_inner, (kind,))
            is_gone = watched(pids.get())
            if how == "terminate":
                outer.terminate()
                outer.join()
            else:
                os.kill(outer._pool[0].pid, signal.SIGKILL)
                try:
                    result.get(60)
                except Exception as error:
                    assert "SIGKILL" in str(error), error
            until(is_gone)
            outer.terminate()
"""
    assert run(HEAD + program, method) == ""


def test_no_worker_is_forked_in_the_middle_of_an_import(run: Run) -> None:
    program = """
def main():
    with open("slow.py", "w") as file:
        file.write("import program_state, time\\nprogram_state.begun.set()\\ntime.sleep(0.3)\\n"
                   "def double(n):\\n    return 2 * n\\n")  # sleep: an import that takes long is the subject
    import types
    state = sys.modules["program_state"] = types.ModuleType("program_state")
    sys.path.insert(0, os.getcwd())
    for kind in ("pool", "executor"):
        state.begun = threading.Event()
        sys.modules.pop("slow", None)
        pool = context.Pool(1) if kind == "pool" else executor(1, on_worker_death="fail-task")
        pid_of_worker = pool.apply(pid) if kind == "pool" else pool.submit(pid).result()
        importing = threading.Thread(target=__import__, args=("slow",))
        importing.start()
        state.begun.wait()
        is_gone = watched(pid_of_worker)
        os.kill(pid_of_worker, signal.SIGKILL)
        until(is_gone)
        importing.join()
        double = sys.modules["slow"].double
        assert (pool.apply(double, (2,)) if kind == "pool" else pool.submit(double, 2).result(60)) == 4
        pool.terminate() if kind == "pool" else pool.shutdown()
"""
    assert run(HEAD + program) == ""


def test_a_worker_that_is_forked_in_the_middle_of_an_import_imports_the_module_itself(run: Run) -> None:
    program = """
def double(number):
    import slow
    return slow.double(number)

def main():
    from interlock._worker_process import start as _process_start
    with open("slow.py", "w") as file:
        file.write("import os, program_state\\nif os.getpid() == program_state.parent:\\n"
                   "    program_state.begun.set()\\n    program_state.goes.wait()\\n"
                   "def double(n):\\n    return 2 * n\\n")
    import types
    state = sys.modules["program_state"] = types.ModuleType("program_state")
    state.parent, state.begun, state.goes = os.getpid(), threading.Event(), threading.Event()
    sys.path.insert(0, os.getcwd())
    _process_start._let_imports_end = lambda: None  # as if the import began just after the look
    thread = threading.Thread(target=__import__, args=("slow",), daemon=True)
    with context.Pool(1) as pool:
        pid_of_worker = pool.apply(pid)
        thread.start()
        state.begun.wait()
        os.kill(pid_of_worker, signal.SIGKILL)
        assert pool.apply(double, (2,)) == 4
        state.goes.set()
        thread.join()
        assert pool.apply(double, (3,)) == 6
"""
    assert run(HEAD + program) == ""


def test_a_module_may_use_a_pool_while_it_is_imported(run: Run) -> None:
    program = """
def main():
    with open("uses.py", "w") as file:
        file.write("from __main__ import context, pid\\nwith context.Pool(1, maxtasksperchild=1) as pool:\\n"
                   "    pids = [pool.apply(pid) for _ in range(20)]\\n")
    sys.path.insert(0, os.getcwd())
    begun = time.monotonic()
    thread = threading.Thread(target=__import__, args=("uses",))
    thread.start()
    thread.join()
    assert len(set(sys.modules["uses"].pids)) == 20
    print(time.monotonic() - begun)
"""
    # If each start of a worker waited for the import, it would take a hundred seconds.
    assert float(run(HEAD + program)) < 60
