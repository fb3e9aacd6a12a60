"""Three Fibonacci numbers, counted the slow way by three workers.

This is work for the processor: on a build with a GIL three threads take as long as one, on a
free-threaded build they run in parallel. In both cases the pool structures the program: it submits
calls to the executor, and collects the results as they arrive.
"""

from concurrent.futures import ThreadPoolExecutor

NUMBERS = (30, 31, 32)


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def main() -> None:
    with ThreadPoolExecutor(max_workers=3) as executor:
        for number, result in zip(NUMBERS, executor.map(fibonacci, NUMBERS), strict=True):
            print(f"fibonacci({number}) = {result:,}")


if __name__ == "__main__":
    main()
