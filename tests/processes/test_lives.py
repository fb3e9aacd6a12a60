"""What the life of a process costs, and what it must not lose by that: its parent's end, exit handlers, its class."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.programs import FORMS, run

each_form = pytest.mark.parametrize("form", FORMS)


@each_form
@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("daemon", [False, True])
def test_a_forked_child_sees_its_parents_end(tmp_path: Path, form: str, closed: bool, daemon: bool) -> None:
    # The parent may have closed the descriptor that its children inherit, and opened another file in its place.
    program = f"""
        def watch(w):
            signal.signal(signal.SIGTERM, lambda *_: os.write(w, b"t"))
            if not current_process().daemon:  # the child of a child has another parent
                child = Process(target=len, args=((),))
                child.start()
                child.join()
            os.write(w, b"a" if parent_process().is_alive() else b"x")
            while not ended(parent_process().sentinel, 60):
                os.write(w, b"late")
            os.write(w, b"x" if parent_process().is_alive() else b"z")

        def main():
            from interlock.multiprocessing import _life
            r, w = os.pipe()
            middle = os.fork()
            if middle == 0:
                process = Process(target=len, args=((),))
                process.start()
                process.join()
                if {closed}:
                    os.close(_life.own())
                    file = open(os.devnull)
                Process(target=watch, args=(w,), daemon={daemon}).start()
                sibling = Process(target=signal.pause)  # it has nothing that keeps the parent's end from the other
                sibling.start()
                os.write(w, bytes(str(sibling.pid), "ascii") + b"|")
                signal.pause()
            os.close(w)
            told = b""
            while b"a" not in told or b"|" not in told:
                told += os.read(r, 100)
            os.kill(middle, signal.SIGKILL)
            while b"z" not in told:
                told += os.read(r, 100)
            os.kill(int(told.replace(b"a", b"").partition(b"|")[0]), signal.SIGKILL)
            print(sorted(letter for letter in told.decode() if not letter.isdigit()))
    """
    told = run(tmp_path, program, form, "fork")
    assert told.strip() == str(sorted("a|z" + "t" * daemon)), told


@each_form
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_childs_exit_handlers_run_if_there_are_any(tmp_path: Path, form: str, method: str) -> None:
    program = """
        import atexit, time
        from multiprocessing import util

        def say(*words):
            os.write(1, " ".join(words).encode() + b"\\n")

        def late():
            time.sleep(0.3)
            say("grandchild")

        def work(how):
            if how == "handler":
                atexit.register(say, how)
            elif how == "finalizer":
                util.Finalize(None, say, (how,), exitpriority=1)
            elif how == "grandchild":
                Process(target=late).start()

        def main():
            atexit.register(say, "the parent's")
            for how in ("handler", "finalizer", "grandchild", "nothing"):
                process = Process(target=work, args=(how,))
                process.start()
                process.join()
                say("joined", str(process.exitcode))
    """
    lines = run(tmp_path, program, form, method).splitlines()
    expected = ["handler", "joined 0", "finalizer", "joined 0", "grandchild", "joined 0", "joined 0"]
    if sys.version_info < (3, 13) and method != "spawn":
        expected.remove("handler")  # `multiprocessing` ends such a child without them
    assert lines == [*expected, "the parent's"]


def test_a_child_says_that_it_ends_if_there_is_a_log() -> None:
    program = """if 1:
        from multiprocessing import util
        from interlock import multiprocessing
        util.log_to_stderr(20)
        process = multiprocessing.get_context("fork").Process(target=len, args=((),), name="child")
        process.start()
        process.join()
    """
    done = subprocess.run(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, check=True, timeout=60
    )
    assert "[INFO/child] process shutting down" in done.stderr


_POOLS = {
    "executor": """
        from interlock.concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            print(*executor.submit(eval, "list(__import__('sys').modules)").result())
    """,
    "pool": """
        with context.Pool(1) as pool:
            print(*pool.apply(eval, ("list(__import__('sys').modules)",)))
    """,
    "process": """
        process = context.Process(target=exec, args=("import sys; print(*sys.modules)",))
        process.start()
        process.join()
    """,
}
_DEAR = {
    "concurrent.futures._base",
    "logging",
    "multiprocessing.pool",
    "multiprocessing.queues",
    "socket",
    "subprocess",
    "tempfile",
}


@pytest.mark.parametrize("what", _POOLS)
def test_a_spawned_process_loads_what_it_runs(tmp_path: Path, what: str) -> None:
    body = _POOLS[what].replace("\n        ", "\n    ")
    path = tmp_path / "program.py"
    path.write_text(
        f"""
if __name__ == "__main__":
    from interlock import multiprocessing
    context = multiprocessing.get_context("spawn")
{body}""",
        encoding="utf-8",
    )
    loaded = subprocess.run(
        [sys.executable, "-S", str(path)],
        env={"PYTHONPATH": ":".join(sys.path)},  # without what site imports
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=100,
    ).stdout.split()
    assert "multiprocessing.spawn" in loaded
    assert not _DEAR.intersection(loaded)
    if what == "process":
        assert not [name for name in loaded if name.partition(".")[0] == "interlock"]


def test_a_derived_process_arrives_as_its_own_class(tmp_path: Path) -> None:
    program = """
        from interlock.multiprocessing._processes import SpawnProcess

        class Named(SpawnProcess):
            def __init__(self, word):
                super().__init__(name="named")
                self.word = word
            def run(self):
                print(type(current_process()).__name__, current_process() is self, self.word, flush=True)

        def tell():
            print(type(current_process()).__name__, current_process().name, flush=True)

        def main():
            for process in (Named("word"), SpawnProcess(target=tell, name="plain")):
                process.start()
                process.join()
    """
    assert run(tmp_path, program, "import", "spawn") == "Named True word\nSpawnProcess plain\n"
