"""Deadlock: two threads hold one lock each and want the other's.

A barrier makes sure that both threads hold their own lock before they try to
take the second. Without the timeout they would wait for ever; with it they
give up. Neither releases its lock before both have given up, so the outcome
is always the same.
`deadlock_solved.py` shows a way out.
"""

from threading import Barrier, Lock, Thread

TIMEOUT = 0.03


class Fork:
    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = Lock()


def eat(own: Fork, other: Fork, both: Barrier, report: dict[str, bool]) -> None:
    with own.lock:
        both.wait()
        got_it = other.lock.acquire(timeout=TIMEOUT)
        both.wait()
        if got_it:
            other.lock.release()
    report[f"held the {own.name} fork, got the {other.name} fork"] = got_it


def main() -> None:
    left, right = Fork("left"), Fork("right")
    both = Barrier(2)
    report: dict[str, bool] = {}
    threads = [
        Thread(target=eat, args=(left, right, both, report)),
        Thread(target=eat, args=(right, left, both, report)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for line, got_it in sorted(report.items()):
        print(f"{line}: {got_it}")
    print("deadlock:", not any(report.values()))


if __name__ == "__main__":
    main()
