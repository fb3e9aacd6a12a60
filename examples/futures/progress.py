"""Progress of many calls: `map()`, `as_completed()` and the executor itself report it.

`progress=True` shows a bar (tqdm's, if it is installed); a string is used as its title. Here `progress` is a function,
which gets the number of calls done and the number of all calls.
"""

from interlock.concurrent.futures import ThreadPoolExecutor, as_completed


def square(number: int) -> int:
    return number * number


def show(done: int, total: int | None) -> None:
    print(f"  {done} of {'an unknown number' if total is None else total}")


def main() -> None:
    with ThreadPoolExecutor(2) as executor:
        print("map:")
        print(" ", list(executor.map(square, range(4), progress=show)))

        print("map over an iterator:")
        print(" ", sum(executor.map(square, iter(range(3)), progress=show)))

        print("as_completed:")
        futures = [executor.submit(square, number) for number in range(3)]
        print(" ", sorted(future.result() for future in as_completed(futures, progress=show)))

    seen: list[int] = []
    with ThreadPoolExecutor(2) as executor:
        for number in range(100):
            executor.submit(square, number)
        executor.progress(lambda done, total: seen.append(done))
        stats = executor.stats()
    print("the executor itself: grew", seen == sorted(seen), "up to", seen[-1])
    print(
        f"stats: {stats.submitted} submitted, {stats.done} done, {stats.waiting} waiting, {stats.failed} failed"
    )


if __name__ == "__main__":
    main()
