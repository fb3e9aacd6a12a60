"""Kills random workers of process pools, of Interlock and of its peers, and counts how the tasks end.

    storm_peers.py                            all libraries that are installed, one after the other
    storm_peers.py --library loky --seed 7
    storm_peers.py --write docs/benchmarks.md

Each library runs in a process of its own: 5,000 tasks of at most 4 ms on 4 workers, and a worker gets SIGKILL every 20
ms until all tasks have ended. A run is cut off after a minute: tasks without an outcome by then count as hanging.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import machine
from interpreters import PROJECT, environment
from sections import table, write_section

TASKS, WORKERS, EVERY, LIMIT = 5_000, 4, 0.02, 60.0
HEAD = ["pool", "results", "failed", "never ended", "seconds", "kills"]
Waited = Iterator[bool | None]
"""For each task, whether it has succeeded; None if it never ends."""


def work(number: int, seconds: float) -> int:
    """Take some time."""
    time.sleep(seconds)  # sleep: this is the work
    return number


def main() -> int:
    """Run, print, write; return the exit status."""
    args = parse()
    if args.one:
        print(json.dumps(storm(args.one, args.seed)), flush=True)
        os.killpg(0, signal.SIGKILL)  # a hanging library does not end by itself, nor do its workers
    neighbours = machine.Neighbours()
    rows = [row(name, args.seed) for name in LIBRARIES if args.library in (None, name)]
    text = page(rows, args.seed, neighbours)
    print(text)
    if args.write:
        write_section(args.write, "storm", text, "Benchmarks")
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--library", choices=LIBRARIES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the section of docs/benchmarks.md")
    parser.add_argument("--one", choices=LIBRARIES, help=argparse.SUPPRESS)
    return parser.parse_args()


def row(name: str, seed: int) -> list[str]:
    """Run a library's storm in a process of its own."""
    command = [sys.executable, __file__, "--one", name, "--seed", str(seed)]
    process = subprocess.Popen(
        command,
        env=environment([str(PROJECT / "python")]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=LIMIT * 2)
    except subprocess.TimeoutExpired:
        out, err = "", "it did not end, and took no signal"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if not out.startswith("{"):
        said = err.strip().splitlines() or ["no output"]
        return [name, "not measured", said[-1][:80], "", "", ""]
    told = json.loads(out)
    return [
        name,
        *(f"{told[key]:,}" for key in ("results", "failed", "hang")),
        told["seconds"],
        told["kills"],
    ]


def storm(name: str, seed: int) -> dict[str, Any]:
    """Submit the tasks, kill, and count."""
    dice = random.Random(seed)
    tasks = [(number, dice.random() * 0.004) for number in range(TASKS)]
    submitted = LIBRARIES[name](tasks)
    killer = Killer(dice)
    outcomes: list[bool | None] = []
    end = time.monotonic() + LIMIT

    def collect() -> None:
        outcomes.extend(submitted(end))

    collector = threading.Thread(target=collect, daemon=True)
    began = time.monotonic()
    killer.start()
    collector.start()
    collector.join(LIMIT + 10)
    seconds = time.monotonic() - began
    killer.is_over.set()
    killer.join()
    results, failed = outcomes.count(True), outcomes.count(False)
    return {
        "results": results,
        "failed": failed,
        "hang": TASKS - results - failed,
        "seconds": "cut off" if results + failed < TASKS else f"{seconds:.1f}",
        "kills": str(killer.kills),
    }


class Killer(threading.Thread):
    """Kills a random child of this process now and then, except for resource trackers."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__(daemon=True)
        self._dice = dice
        self.is_over = threading.Event()
        self.kills = 0

    def run(self) -> None:
        """Kill children until the storm is over."""
        while not self.is_over.wait(EVERY):
            workers = [pid for pid in children() if not is_server(pid)]
            if workers:
                os.kill(self._dice.choice(workers), signal.SIGKILL)
                self.kills += 1


def children() -> list[int]:
    """Return the pids of this process's children."""
    found = []
    for task in os.listdir("/proc/self/task"):
        try:
            text = Path(f"/proc/self/task/{task}/children").read_text(encoding="ascii")
        except OSError:
            continue
        found += [int(pid) for pid in text.split()]
    return found


def is_server(pid: int) -> bool:
    """Whether a process is a resource tracker, or has ended."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True
    return not command or b"resource_tracker" in command


def by_futures(executor: Any, submit: Callable[..., Any], tasks: list[tuple[int, float]]) -> Any:
    """Submit one future for each task."""
    futures = []
    for task in tasks:
        try:
            futures.append(submit(work, *task))
        except Exception:  # the executor is already broken
            break

    def outcomes(end: float) -> Waited:
        for (number, _), future in zip(tasks, futures, strict=False):
            try:
                yield future.result(max(0.0, end - time.monotonic())) == number
            except TimeoutError:
                yield None
            except BaseException:
                yield False
        yield from [False] * (TASKS - len(futures))

    outcomes.__dict__["owner"] = executor
    return outcomes


def by_results(pool: Any, tasks: list[tuple[int, float]]) -> Any:
    """Submit by `apply_async`, one for each task."""
    results = [pool.apply_async(work, task) for task in tasks]

    def outcomes(end: float) -> Waited:
        for (number, _), result in zip(tasks, results, strict=True):
            result.wait(max(0.0, end - time.monotonic()))
            if not result.ready():
                yield None
                continue
            try:
                yield result.get(0) == number
            except BaseException:
                yield False

    outcomes.__dict__["owner"] = pool
    return outcomes


def standard_executor(tasks: list[tuple[int, float]]) -> Any:
    executor = importlib.import_module("concurrent.futures").ProcessPoolExecutor(WORKERS)
    return by_futures(executor, executor.submit, tasks)


def standard_pool(tasks: list[tuple[int, float]]) -> Any:
    return by_results(importlib.import_module("multiprocessing").Pool(WORKERS), tasks)


def multiprocess_pool(tasks: list[tuple[int, float]]) -> Any:
    return by_results(importlib.import_module("multiprocess").Pool(WORKERS), tasks)


def mpire_pool(tasks: list[tuple[int, float]]) -> Any:
    return by_results(importlib.import_module("mpire").WorkerPool(WORKERS), tasks)


def loky_executor(tasks: list[tuple[int, float]]) -> Any:
    executor = importlib.import_module("loky").get_reusable_executor(max_workers=WORKERS)
    return by_futures(executor, executor.submit, tasks)


def pebble_pool(tasks: list[tuple[int, float]]) -> Any:
    pool = importlib.import_module("pebble").ProcessPool(WORKERS)
    return by_futures(pool, lambda function, *args: pool.schedule(function, args=args), tasks)


def joblib_parallel(tasks: list[tuple[int, float]]) -> Any:
    joblib = importlib.import_module("joblib")
    parallel = joblib.Parallel(n_jobs=WORKERS, return_as="generator")
    results = parallel(joblib.delayed(work)(*task) for task in tasks)

    def outcomes(end: float) -> Waited:
        have = 0
        with contextlib.suppress(BaseException):
            for (number, _), result in zip(tasks, results, strict=True):
                have += 1
                yield result == number
        yield from [False] * (TASKS - have)

    return outcomes


def dask_cluster(tasks: list[tuple[int, float]]) -> Any:
    distributed = importlib.import_module("distributed")
    cluster = distributed.LocalCluster(
        n_workers=WORKERS,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
    )
    client = distributed.Client(cluster)
    return by_futures(client, lambda function, *args: client.submit(function, *args, pure=False), tasks)


def our_executor(tasks: list[tuple[int, float]]) -> Any:
    executor = importlib.import_module("interlock.concurrent.futures").ProcessPoolExecutor(WORKERS)
    return by_futures(executor, executor.submit, tasks)


def our_retrying_executor(tasks: list[tuple[int, float]]) -> Any:
    make = importlib.import_module("interlock.concurrent.futures").ProcessPoolExecutor
    executor = make(WORKERS, on_worker_death="retry", retries=1_000)
    return by_futures(executor, executor.submit, tasks)


def our_pool(tasks: list[tuple[int, float]]) -> Any:
    return by_results(importlib.import_module("interlock.multiprocessing").Pool(WORKERS), tasks)


LIBRARIES: dict[str, Callable[[list[tuple[int, float]]], Any]] = {
    "interlock ProcessPoolExecutor": our_executor,
    'interlock ProcessPoolExecutor, on_worker_death="retry"': our_retrying_executor,
    "interlock multiprocessing.Pool": our_pool,
    "concurrent.futures ProcessPoolExecutor": standard_executor,
    "multiprocessing.Pool": standard_pool,
    "loky": loky_executor,
    "Pebble ProcessPool": pebble_pool,
    "multiprocess Pool": multiprocess_pool,
    "mpire WorkerPool": mpire_pool,
    "joblib Parallel": joblib_parallel,
    "Dask LocalCluster": dask_cluster,
}


def page(rows: list[list[str]], seed: int, neighbours: machine.Neighbours) -> str:
    """The section of the page."""
    about = (
        f"`python benches/storm_peers.py --seed {seed}` on {machine.describe()}; {neighbours}. {TASKS:,} tasks of at "
        f"most 4 ms on {WORKERS} workers; a random worker gets SIGKILL every {EVERY * 1000:.0f} ms until all tasks "
        f"have ended, or {LIMIT:.0f} s are over. Default settings but for the number of workers."
    )
    return "\n\n".join(["## A storm of kills", about, table(HEAD, rows)])


if __name__ == "__main__":
    sys.exit(main())
