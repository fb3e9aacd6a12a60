"""Progress of calls in processes, and the executor's counts."""

from interlock.concurrent.futures import ProcessPoolExecutor


def half(n):
    if n % 5 == 0:
        raise ValueError(n)
    return n // 2


def main():
    def show(done, total):
        if done % 10 == 0:
            print(f"{done} of {total}")

    with ProcessPoolExecutor(max_workers=2) as executor:
        results = [*executor.map(half, range(30), return_exceptions=True, progress=show)]
        print(results[5:9])
        stats = executor.stats()
        print(f"{stats.submitted} submitted, {stats.done} done, {stats.failed} of them failed")


if __name__ == "__main__":
    main()
