"""The deadlock of `deadlock.py`, solved by releasing and retrying.

A thread that cannot get the second lock in time releases the first, and then
begins with the lock that it did not get. The timeouts are random, so the two
threads do not keep yielding to each other. A barrier makes the first try fail
for both; after that nothing is staged.
"""

import random
from threading import Barrier, Lock, Thread


class Fork:
    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = Lock()


def collide(own: Fork, other: Fork, both: Barrier) -> bool:
    """Hold one fork and fail to get the other, in both threads at once."""
    with own.lock:
        both.wait()
        got_it = other.lock.acquire(timeout=0.01)
        both.wait()
        if got_it:
            other.lock.release()
    return not got_it


def try_both(first: Fork, second: Fork) -> bool:
    """Take both forks or none."""
    first.lock.acquire()
    if second.lock.acquire(timeout=random.uniform(0.001, 0.01)):
        return True
    first.lock.release()
    return False


def dine(own: Fork, other: Fork, both: Barrier, meals: dict[str, str]) -> None:
    collided = collide(own, other, both)
    first, second = other, own
    while not try_both(first, second):
        first, second = second, first
    meals[own.name] = f"first try failed: {collided}, ate later with both forks"
    second.lock.release()
    first.lock.release()


def main() -> None:
    left, right = Fork("left"), Fork("right")
    both = Barrier(2)
    meals: dict[str, str] = {}
    threads = [
        Thread(target=dine, args=(left, right, both, meals)),
        Thread(target=dine, args=(right, left, both, meals)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, meal in sorted(meals.items()):
        print(f"{name} diner: {meal}")
    print("both have eaten:", len(meals) == 2)


if __name__ == "__main__":
    main()
