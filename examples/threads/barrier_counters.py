"""A barrier steps two counters in time with each other.

Neither thread begins its next step before both have finished the last one. The
barrier's action runs once per step, in one of the threads, while both threads
wait, so it always sees both counters after the same number of steps.
"""

import threading

STEPS = 4


class Pair:
    def __init__(self) -> None:
        self.ones = 0
        self.tens = 0
        self.log: list[str] = []
        self.barrier = threading.Barrier(2, action=self.compare)

    def compare(self) -> None:
        self.log.append(f"ones {self.ones}, tens {self.tens}")

    def count_ones(self) -> None:
        for _ in range(STEPS):
            self.ones += 1
            self.barrier.wait()

    def count_tens(self) -> None:
        for _ in range(STEPS):
            self.tens += 10
            self.barrier.wait()


def main() -> None:
    pair = Pair()
    threads = [threading.Thread(target=pair.count_ones), threading.Thread(target=pair.count_tens)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for step, line in enumerate(pair.log, start=1):
        print(f"step {step}: {line}")
    print("always in step:", pair.log == [f"ones {n}, tens {10 * n}" for n in range(1, STEPS + 1)])


if __name__ == "__main__":
    main()
