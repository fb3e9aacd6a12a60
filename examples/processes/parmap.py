"""A home-made parallel map over pipes, which takes any function, even a lambda.

A pool has to pickle the functions that it sends to its processes, and a lambda can't be pickled. A forked process has a
copy of the whole program, including the function, so only the results have to be sent. That is why this example asks
for `fork`, whatever the default start method is.
"""

import multiprocessing
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def parmap(function: Callable[[T], R], items: Iterable[T], processes: int = 2) -> list[R]:
    """Return the list of results in order. Process number n of N handles every Nth item, starting at n."""
    context = multiprocessing.get_context("fork")
    numbered = list(enumerate(items))

    def work(share: list[tuple[int, T]], connection: Connection) -> None:
        connection.send([(number, function(item)) for number, item in share])
        connection.close()

    children = []
    for first in range(processes):
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=work, args=(numbered[first::processes], sender))
        child.start()
        sender.close()
        children.append((child, receiver))
    results = dict(pair for _, receiver in children for pair in receiver.recv())
    for child, _ in children:
        child.join()
    return [results[number] for number, _ in numbered]


def main() -> None:
    factor = 3
    print(parmap(lambda number: number * factor, range(10)))
    print(parmap(lambda word: word[::-1], ["stressed", "live", "diaper"], processes=3))
    print(parmap(lambda number: number, []))


if __name__ == "__main__":
    main()
