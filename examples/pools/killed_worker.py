"""A worker is killed on purpose: its call fails with an error that says so, and all other calls run."""

import os
import signal

import interlock
from interlock.concurrent.futures import ProcessPoolExecutor


def resize(name, width):
    if name == "b.png":
        os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does when memory is short
    return f"{name} is {width} wide"


def main():
    with ProcessPoolExecutor(max_workers=2, on_worker_death="fail-task") as executor:
        futures = [executor.submit(resize, name, width=100) for name in ("a.png", "b.png", "c.png")]
        for future in futures:
            try:
                print(future.result())
            except interlock.WorkerDiedError as error:
                print(f"lost: {error.task}, {error.signal}")


if __name__ == "__main__":
    main()
