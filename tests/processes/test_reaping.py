"""The pool is told how a worker ended, also if the program waits for it, or for any child, at that moment."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

import pytest
from interlock import WorkerDiedError
from interlock import multiprocessing as processes
from interlock.concurrent.futures import ProcessPoolExecutor, _death_facts
from interlock.concurrent.futures._death_facts import Facts, bury, join_and_bury, watch
from interlock.multiprocessing import _life

if TYPE_CHECKING:
    from collections.abc import Iterator


def end(code: int) -> None:
    os._exit(code)


def started(code: int) -> Any:
    process = processes.get_context("fork").Process(target=end, args=(code,))
    _life.shall_end_with_parent(process)
    process.start()
    return process


@pytest.fixture
def overtaken(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that calls another one, and `bury` when the kernel has told the first one how a process ended."""
    wait4, may_note, was_told = os.wait4, threading.Event(), threading.Event()

    def wait_slowly(pid: int, flag: int) -> Any:
        told = wait4(pid, flag)
        was_told.set()
        assert may_note.wait(60)
        return told

    def run(process: Any, ask: Any, *args: Any) -> tuple[Any, Facts]:
        watch(process, None)
        connection.wait([process.sentinel])
        monkeypatch.setattr(os, "wait4", wait_slowly)
        with ThreadPoolExecutor(2) as threads:
            first = threads.submit(ask, *args)
            assert was_told.wait(60)
            second = threads.submit(bury, process.pid, 3)
            with pytest.raises(TimeoutError):
                second.result(0.2)
            may_note.set()
            return first.result(60), second.result(60)

    return run


@pytest.mark.parametrize("ask", [processes.active_children, BaseProcess.join])
def test_a_thread_that_asks_while_the_program_waits_is_told_the_same(ask: Any, overtaken: Any) -> None:
    process = started(3)
    _, facts = overtaken(process, ask, *([] if ask is processes.active_children else [process]))
    assert facts.peak_memory is not None
    assert process.exitcode == 3


def test_two_threads_that_ask_for_the_facts_get_the_same(overtaken: Any) -> None:
    process = started(3)
    first, second = overtaken(process, join_and_bury, process)
    assert first is second
    assert first.exitcode == 3
    assert first.peak_memory is not None


def test_memory_is_counted_before_the_program_can_wait() -> None:
    process = started(3)
    process.join()
    watch(process, None)
    assert (bury(process.pid).peak_memory or 0) > 0


def test_nobody_waits_for_an_exit_code_that_the_program_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_death_facts, "_NOTING", 10_000)
    process = started(3)
    watch(process, None)
    os.waitpid(process.pid, 0)
    assert join_and_bury(process) == Facts(None, None, None, None)
    assert process.exitcode is None


def test_a_signal_handler_may_ask_in_the_middle_of_that(monkeypatch: pytest.MonkeyPatch) -> None:
    process = started(3)
    watch(process, None)
    found = []

    def count() -> None:
        found.append(bury(process.pid))  # as a handler would that runs at this moment

    monkeypatch.setattr(_death_facts, "killed_by_kernel", count)
    assert bury(process.pid, -9).exitcode == -9
    assert len(found) == 1
    process.join()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def reaper() -> Iterator[None]:
    def reap(*_: object) -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    before = signal.signal(signal.SIGCHLD, reap)
    yield
    signal.signal(signal.SIGCHLD, before)


@pytest.mark.usefixtures("reaper")
def test_workers_of_a_program_that_waits_for_any_child_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_death_facts, "_NOTING", 10_000)
    fork: Any = processes.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=fork, on_worker_death="fail-task") as executor:
        for _ in range(5):
            with pytest.raises(WorkerDiedError):
                executor.submit(die).result()
        assert executor.submit(abs, -1).result() == 1
    with fork.Pool(1, on_worker_death="fail-task") as pool:
        for _ in range(5):
            with pytest.raises(WorkerDiedError):
                pool.apply(die)
        assert pool.apply(abs, (-1,)) == 1
