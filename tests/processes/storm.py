"""A storm of kills on an executor: a random worker is killed again and again while it runs thousands of calls.

Run as a program: `python -m tests.processes.storm`. It prints the seed of each storm. INTERLOCK_STORM_SECONDS: for how
long it begins another storm (60); INTERLOCK_STORM_SEED: the first seed; INTERLOCK_STORM_TASKS: calls of each (20,000).
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import interlock
from interlock import multiprocessing
from interlock.concurrent.futures import Future, ProcessPoolExecutor, wait

WORKERS = 4
EVERY = {"fork": 0.02, "forkserver": 0.02, "spawn": 0.5}
"""Seconds between two kills. A worker that is spawned is ready later; a pool whose workers never are breaks."""
KINDS = [(method, policy) for method in ("fork", "forkserver", "spawn") for policy in ("fail-task", "retry")]


class _Account:
    """How often each call has begun: a byte for each."""

    begun: Any = None


def begin(path: str) -> None:
    """Open the account of calls, in a worker: a byte for each call, with how often it has begun."""
    with open(path, "r+b") as file:
        _Account.begun = mmap.mmap(file.fileno(), 0)


def work(number: int, seconds: float) -> int:
    """Note that the call has begun, and take some time."""
    _Account.begun[number] = min(_Account.begun[number] + 1, 255)
    time.sleep(seconds)  # sleep: this is the work
    return number


class Killer(threading.Thread):
    """Kills a random worker of an executor again and again, and notes which."""

    def __init__(self, executor: Any, dice: random.Random, every: float) -> None:
        super().__init__()
        self._executor, self._dice, self._every = executor, dice, every
        self.is_over = threading.Event()
        self.killed: list[int] = []

    def run(self) -> None:
        """Kill until it is over."""
        while not self.is_over.wait(self._every):
            workers = [*self._executor._processes]
            if workers:
                pid = self._dice.choice(workers)
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.killed.append(pid)


def storm(seed: int, method: str, policy: str, tasks: int, longest: float = 0.002) -> str:
    """Let one storm pass, check what it has left, and return what happened in short."""
    storm_of_calls(
        seed, method, policy, 20, 0.0
    )  # what stays for ever, such as the fork server, is there now
    before = _held()
    told = storm_of_calls(seed, method, policy, tasks, longest)
    after = _held()
    assert after == before, f"left over: {before} before, {after} after"
    return told


def storm_of_calls(seed: int, method: str, policy: str, tasks: int, longest: float) -> str:
    """Let one storm pass, and check what has become of the calls."""
    dice = random.Random(seed)
    with TemporaryDirectory() as folder:
        account = Path(folder, "account")
        account.write_bytes(bytes(tasks))
        context: Any = multiprocessing.get_context(method)
        options: dict[str, Any] = {
            "on_worker_death": policy,
            "initializer": begin,
            "initargs": (str(account),),
        }
        began = time.monotonic()
        with ProcessPoolExecutor(
            WORKERS, context, retries=1_000_000 * (policy == "retry"), **options
        ) as executor:
            futures = [executor.submit(work, n, dice.random() * longest) for n in range(tasks)]
            killer = Killer(executor, dice, EVERY[method])
            killer.start()
            wait(futures)
            killer.is_over.set()
            killer.join()
        took = time.monotonic() - began
        lost = _checked(futures, account.read_bytes(), {*killer.killed}, policy)
    return f"{tasks} calls, {len(killer.killed)} kills, {lost} calls lost, {took:.1f} s"


def _checked(futures: list[Future[int]], begun: bytes, killed: set[int], policy: str) -> int:
    """Check each result and each error, and return how many errors there are."""
    blamed = []
    for number, future in enumerate(futures):
        error = future.exception()
        if error is None:
            assert future.result() == number
            assert begun[number] == 1 if policy == "fail-task" else begun[number] >= 1, (
                number,
                begun[number],
            )
            continue
        assert type(error) is interlock.WorkerDiedError, repr(error)
        assert error.pid in killed, f"{error}: that one was not killed"
        assert (error.task or "").startswith(f"work({number}, "), error
        assert error.exitcode in (-signal.SIGKILL, None), error
        assert begun[number] <= 1, number
        blamed.append(error)
    assert policy == "fail-task" or not blamed, blamed
    # By their names, too: while other programs start many processes, the system's numbers recur within seconds.
    deaths = Counter((error.pid, error.process_name) for error in blamed)
    assert len(blamed) == len(deaths), f"a death has cost more than one call: {[*map(str, blamed)]}"
    return len(blamed)


def _held() -> tuple[int, int, list[str]]:
    """Return what this process holds: threads of Python, descriptors, and children that are no servers.

    Waits for threads that have been joined, and are still on their way out of the kernel.
    """
    end = time.monotonic() + 10
    while len(os.listdir("/proc/self/task")) != threading.active_count():
        assert time.monotonic() < end, "a thread that Python does not know is left over"
        time.sleep(0.01)  # sleep: nobody can wait for a thread's last instructions
    children = [
        name
        for task in os.listdir("/proc/self/task")
        for pid in Path(f"/proc/self/task/{task}/children").read_text().split()
        if "-c" not in (name := Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
    ]
    return threading.active_count(), len(os.listdir("/proc/self/fd")), children


def main() -> None:
    """Begin one storm after the other until the time is over."""
    seed = int(os.environ.get("INTERLOCK_STORM_SEED", time.time_ns() % 1_000_000))
    tasks = int(os.environ.get("INTERLOCK_STORM_TASKS", "20000"))
    end = time.monotonic() + float(os.environ.get("INTERLOCK_STORM_SECONDS", "60"))
    while True:
        method, policy = KINDS[seed % len(KINDS)]
        print(f"seed {seed}: {method}, {policy}", end=": ", flush=True)
        print(storm(seed, method, policy, tasks), flush=True)
        seed += 1
        if time.monotonic() > end:
            break


if __name__ == "__main__":
    sys.exit(main())
