"""An Event is little more than a flag guarded by a Condition.

`wait()` sleeps until the flag is set; `set()` sets it and wakes all waiters.
`wait_for` checks the flag before it sleeps and after each wake-up, so a signal
given before the wait counts, too.
"""

import threading


class HandMadeEvent:
    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._flag = False

    def is_set(self) -> bool:
        with self._condition:
            return self._flag

    def set(self) -> None:
        with self._condition:
            self._flag = True
            self._condition.notify_all()

    def clear(self) -> None:
        with self._condition:
            self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        with self._condition:
            return self._condition.wait_for(lambda: self._flag, timeout)


def main() -> None:
    event = HandMadeEvent()
    print("set at the beginning:", event.is_set())
    print("wait with a timeout, nobody sets it:", event.wait(timeout=0.01))

    results: dict[str, bool] = {}

    def work(name: str) -> None:
        results[name] = event.wait()

    workers = [threading.Thread(target=work, args=(f"worker {n}",)) for n in (1, 2, 3)]
    for worker in workers:
        worker.start()
    print("results before set:", len(results))
    event.set()
    for worker in workers:
        worker.join()
    for name, result in sorted(results.items()):
        print(f"{name}: wait returned {result}")
    print("wait after set:", event.wait())
    event.clear()
    print("set after clear:", event.is_set())


if __name__ == "__main__":
    main()
