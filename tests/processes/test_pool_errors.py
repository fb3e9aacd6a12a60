"""The errors of tasks whose worker died, and of pools that end with a worker."""

from __future__ import annotations

import copy
import functools
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.pool import mapstar  # type: ignore[attr-defined]
from typing import Any

import interlock
import pytest
from interlock._multiprocessing_pool.packing import dump_task
from interlock._worker_process.transport import dump_call, dump_exception
from interlock.concurrent.futures import ProcessPoolExecutor, _death_facts
from interlock.concurrent.futures._call_description import call_text, payload_text
from interlock.concurrent.futures._death_facts import Facts, LastWords, bury, join_and_bury, watch
from interlock.concurrent.futures._process_errors import answer

STANDARD = "A process in the process pool was terminated abruptly while the future was running or pending."


def resize(name: str, width: int = 0) -> None:
    raise AssertionError("a description must not run anything")


class Secret:
    def __init__(self, word: str) -> None:
        self.word = word

    def __setstate__(self, state: Any) -> None:
        raise AssertionError("a description must not run anything")

    def tell(self) -> str:
        return self.word


CALL = dump_call(resize, ("a.png",), {"width": 100})


def death(**facts: Any) -> tuple[Any, ...]:
    """Return the death of a worker as the engine tells of it."""
    known = {
        "pid": 999_999_999,
        "exitcode": -9,
        "name": "ForkProcess-3",
        "was_ready": True,
        "was_running": True,
        "refusal": None,
    }
    return (*{**known, **facts}.values(),)


def error_of(kind: str, data: Any, payload: bytes | None = CALL) -> BaseException:
    error: BaseException = answer(kind, data, payload)
    return error


def test_a_task_names_its_dead_worker() -> None:
    error = error_of("died", death())
    assert type(error) is interlock.WorkerDiedError
    assert isinstance(error, BrokenProcessPool)
    assert str(error) == (
        "worker process 999999999 ('ForkProcess-3', killed by SIGKILL) died while it ran "
        "resize('a.png', width=100)"
    )
    assert (error.pid, error.process_name, error.exitcode, error.signal) == (
        999_999_999,
        "ForkProcess-3",
        -9,
        "SIGKILL",
    )
    assert (error.task, error.submitted_at) == ("resize('a.png', width=100)", None)
    assert (error.peak_memory, error.out_of_memory, error.last_words) == (None, None, None)


@pytest.mark.parametrize(
    ("facts", "payload", "words"),
    [
        ({"was_running": False}, CALL, "died while it was idle"),
        ({"was_running": False, "was_ready": False}, CALL, "died before it was ready for tasks"),
        ({}, None, "died while it ran a task"),
        ({}, b"no pickle", "died while it ran a task"),
        ({"exitcode": 3}, CALL, "exit code 3"),
        ({"exitcode": None, "name": ""}, CALL, "worker process 999999999 died"),
    ],
)
def test_the_message_tells_deaths_apart(facts: dict[str, Any], payload: bytes | None, words: str) -> None:
    assert words in str(error_of("died", death(**facts), payload))


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_the_error_keeps_its_facts(way: Any) -> None:
    error = interlock.WorkerDiedError(
        "died", pid=5, process_name="p", exitcode=-11, task="f()", submitted_at="a:1", peak_memory=7,
        out_of_memory=True, last_words="Fatal",
    )  # fmt: skip
    again = way(error)
    assert type(again) is type(error)
    assert (str(again), vars(again), again.signal) == ("died", vars(error), "SIGSEGV")


def test_a_broken_pool_says_first_what_the_standard_library_says() -> None:
    error = error_of("broken", death())
    assert isinstance(error, BrokenProcessPool)
    first, second = str(error).split("\n")
    assert first == STANDARD
    assert "killed by SIGKILL" in second
    assert "Process 999999999 terminated abruptly with exit code -9" in str(error.__cause__)


def test_the_first_line_is_what_this_version_of_the_standard_library_says() -> None:
    import inspect
    from concurrent.futures import process

    source = inspect.getsource(process._ExecutorManagerThread).replace("\n", " ")  # type: ignore[attr-defined]
    assert STANDARD in " ".join(source.replace('"', "").split())


def test_a_pool_whose_initializer_failed_says_why() -> None:
    try:
        raise LookupError("no such table")
    except LookupError as failure:
        refusal = dump_exception(failure)
    error = error_of("broken", death(refusal=refusal, was_ready=False, was_running=False, exitcode=0))
    assert str(error).startswith(STANDARD)
    assert "could not be initialized" in str(error)
    assert repr(error.__cause__) == "LookupError('no such table')"
    assert "test_pool_errors.py" in str(error.__cause__.__cause__)  # type: ignore[union-attr]


def test_each_other_kind_of_answer() -> None:
    assert repr(error_of("failed", dump_exception(ValueError(3)))) == "ValueError(3)"
    late = error_of("timed-out", None)
    assert str(late).startswith("resize('a.png', width=100) ran for longer than its timeout")
    assert type(late) is interlock.TaskTimeoutError
    assert isinstance(late, TimeoutError)
    assert str(pickle.loads(pickle.dumps(late))) == str(late)
    assert type(error_of("stopped", None)) is CancelledError
    assert "no room" in str(error_of("not-sent", "no room"))


def test_a_call_is_described_from_its_pickle_without_running_anything() -> None:
    assert payload_text(dump_call(resize, ("a.png", 1), {})) == "resize('a.png', 1)"
    assert payload_text(dump_call(Secret("x").tell, (Secret("y"), Secret), {"of": {1: Secret}}))
    assert payload_text(dump_call(Secret, ("a" * 1000,), {})).count("a") < 100  # type: ignore[union-attr]
    assert payload_text(dump_call(sum, ([*range(1000)],), {})) == "sum([0, 1, 2, 3, 4, 5, ...])"
    assert len(payload_text(dump_call(max, (*range(1000),), {})) or "") < 250
    assert payload_text(b"") is None


def test_functions_without_a_name_of_a_module_are_described_as_they_look() -> None:
    bound = functools.partial(resize, "a.png", width=3)
    assert payload_text(dump_call(bound, (2,), {})) == "functools.partial(resize, 'a.png', width=3)(2)"
    chunk = dump_task(mapstar, ((bound, (1, 2)),), {})
    assert payload_text(chunk) == "functools.partial(resize, 'a.png', width=3) for each of (1, 2)"
    pytest.importorskip("cloudpickle")

    def local(path: str) -> None:
        pass

    assert payload_text(dump_call(lambda path: None, ("b.png",), {})) == "<lambda>('b.png')"
    assert payload_text(dump_call(local, ("b.png",), {"key": lambda: 1})) == "local('b.png', key=<lambda>)"
    inner = functools.partial(lambda path: None, local)
    assert payload_text(dump_call(inner, (), {})) == "functools.partial(<lambda>, local)()"


def test_a_call_is_described_whatever_its_arguments_do() -> None:
    class Evil:
        def __repr__(self) -> str:
            raise RuntimeError

    assert call_text(resize, (1,), {"width": "a"}) == "resize(1, width='a')"
    assert call_text(Evil(), (Evil(),)).endswith(")")


def use_memory(size: int) -> None:
    memory = bytearray(size)
    memory[::4096] = bytes(len(memory[::4096]))
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_peak_memory_of_a_child_is_known() -> None:
    program = """if 1:
        import interlock, resource
        interlock.install()
        import multiprocessing
        from multiprocessing import connection
        from interlock.concurrent.futures._death_facts import bury, watch
        from interlock.multiprocessing._life import shall_end_with_parent
        from tests.processes.test_pool_errors import use_memory
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        size = before + (16 << 20)
        for method in ("fork", "spawn"):
            process = multiprocessing.get_context(method).Process(target=use_memory, args=(size,))
            shall_end_with_parent(process)  # as workers do
            process.start()
            watch(process, None)
            connection.wait([process.sentinel])
            facts = bury(process.pid)
            assert size < facts.peak_memory < before + 2 * size, (method, facts)
            assert bury(process.pid) is facts
            assert process.exitcode == -9
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)


def end(code: int) -> None:
    os._exit(code)


@pytest.mark.parametrize(("count", "is_short"), [(1, True), (0, False), (None, None)])
def test_a_killed_worker_was_out_of_memory_if_the_kernel_has_counted_that(
    count: int | None, is_short: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = [None if count is None else 4]
    monkeypatch.setattr(_death_facts, "_workers", {})
    monkeypatch.setattr(_death_facts, "_counts", _death_facts._Counts())
    monkeypatch.setattr(_death_facts, "killed_by_kernel", lambda: counts[0])
    found = []
    for code in (-9, 1, -9):
        process = get_context("fork").Process(target=end, args=(1,))
        _death_facts.expect()
        process.start()
        watch(process, None)
        if code == -9 and not found and count is not None:
            counts[0] = 4 + count
        found.append(bury(process.pid or 0, code).out_of_memory)
        process.join()
    assert found == [is_short, False, None if count is None else False]


def test_the_kernels_count_is_read() -> None:
    count = _death_facts.killed_by_kernel()
    assert count is None or count >= 0


def test_of_an_unknown_worker_nothing_is_known() -> None:
    assert bury(999_999_998) == Facts(None, None, None, None)


class _TakenElsewhere:
    """The process of a worker that has ended. Another thread was told its exit code, and notes that later, or never."""

    pid = 999_999_997
    returncode: int | None = None

    def __init__(self, code: int | None) -> None:
        self._popen, self._code, self.asked = self, code, 0

    def wait(self, timeout: float | None = None) -> None:
        pass

    def join(self) -> None:
        pass

    def __getattribute__(self, name: str) -> Any:
        if name == "returncode":
            self.asked += 1
            return self._code if self.asked > 3 else None
        return super().__getattribute__(name)


@pytest.mark.parametrize("code", [-9, None])
def test_a_worker_whose_exit_code_another_thread_was_told_is_watched_no_longer(
    code: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if code is None:
        monkeypatch.setattr(_death_facts, "_NOTING", 0.05)  # nobody notes it
    process, words = _TakenElsewhere(code), LastWords()
    watch(process, words)
    join_and_bury(process)
    assert process.pid not in _death_facts._workers
    assert words.descriptor == -1
    assert bury(process.pid).exitcode == code


def test_long_last_words_are_cut_at_their_beginning() -> None:
    words = LastWords()
    assert words.read() is None
    os.write(words.descriptor, b"first " + b"x" * 100_000 + b" last\n")
    text = words.read() or ""
    assert "first" not in text
    assert text.endswith("last")
    words.close()
    words.close()


class _BrokenEngine:
    """A pool whose only worker has died before the first call came."""

    def submit(self, *_: Any) -> tuple[Any, ...]:
        return 999_999_996, 1, "Worker-1", False, False, None

    def broken(self) -> tuple[Any, ...]:
        return self.submit()


def test_the_first_call_has_a_future_though_the_workers_died_before_it_came() -> None:
    """In the standard library the call is there before the processes are."""
    executor: Any = ProcessPoolExecutor(1, mp_context=get_context("fork"))
    executor._interlock_begin = lambda: None
    executor._interlock_pool = _BrokenEngine()
    executor._interlock_check = lambda: None
    error = executor.submit(abs, -1).exception()
    assert isinstance(error, BrokenProcessPool)
    assert "terminated abruptly while the future was running or pending" in str(error)
    executor._executor_manager_thread = object()
    with pytest.raises(BrokenProcessPool, match="not usable anymore"):
        executor.submit(abs, -1)
    executor._executor_manager_thread = executor._interlock_pool = None
