"""Threads for a body: they are started one by one, and then begin together.

They are the standard library's threads in every namespace, so that a case about a queue measures the queue. Without
the gate, the first thread would often finish its share before the last thread exists: starting a thread while another
one computes can take a whole switch interval.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


def together(*targets: Callable[[], object]) -> None:
    """Run each target in a thread of its own; return when all have returned.

    Raises RuntimeError if a target raised; its traceback is on stderr.
    """
    gate = threading.Event()
    ready = threading.Semaphore(0)
    finished: list[bool] = []

    def run(target: Callable[[], object]) -> None:
        ready.release()
        gate.wait()
        target()
        finished.append(True)

    threads = [threading.Thread(target=run, args=(target,), daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    for _ in threads:
        ready.acquire()
    gate.set()
    for thread in threads:
        thread.join()
    if len(finished) != len(targets):
        raise RuntimeError("a thread of the body raised an exception")
