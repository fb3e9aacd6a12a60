"""Ending all children: ask first, and use force only if a child does not react.

An event asks them to stop. A child that sees it cleans up and returns. One child never looks at the
event. It is still alive after `join(timeout)`, so `terminate()` ends it with the signal SIGTERM.
"""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event

GRACE = 0.2


def polite(name: str, stop: Event, journal: SimpleQueue[str]) -> None:
    journal.put(f"{name} is ready")
    while not stop.wait(timeout=60):
        pass
    journal.put(f"{name} has cleaned up")


def deaf(name: str, stop: Event, journal: SimpleQueue[str]) -> None:
    journal.put(f"{name} is ready")
    threading.Event().wait()


def main() -> None:
    stop = multiprocessing.Event()
    journal: SimpleQueue[str] = multiprocessing.SimpleQueue()
    tasks = {"anna": polite, "ben": polite, "carl": deaf}
    children = [
        multiprocessing.Process(target=task, args=(name, stop, journal), name=name)
        for name, task in tasks.items()
    ]
    for child in children:
        child.start()
    for line in sorted(journal.get() for _ in children):
        print(line)

    stop.set()
    for line in sorted(journal.get() for task in tasks.values() if task is polite):
        print(line)
    for child in children:
        child.join(None if tasks[child.name] is polite else GRACE)
    print("still alive:", [child.name for child in multiprocessing.active_children()])
    for left in multiprocessing.active_children():
        left.terminate()
        left.join()
    print({child.name: child.exitcode for child in children})
    print("still alive:", multiprocessing.active_children())


if __name__ == "__main__":
    main()
