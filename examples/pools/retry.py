"""Calls whose worker dies run again."""

import os
import signal
import tempfile

import interlock
from interlock.concurrent.futures import ProcessPoolExecutor


def count(path, deaths):
    """Kill the worker in the first `deaths` runs. In a later run, return the number of the run."""
    with open(path, "ab", buffering=0) as file:
        file.write(b"x")
        runs = file.tell()
    if runs <= deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return runs


def main():
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(max_workers=2, on_worker_death="retry", retries=3) as executor,
    ):
        futures = [executor.submit(count, f"{folder}/{deaths}", deaths) for deaths in range(5)]
        for deaths, future in enumerate(futures):
            try:
                print(f"{deaths} deaths: done in run {future.result()}")
            except interlock.WorkerDiedError:
                print(f"{deaths} deaths: failed after 3 retries")


if __name__ == "__main__":
    main()
