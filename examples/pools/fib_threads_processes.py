"""The same executor code with threads and with processes: Fibonacci numbers, computed in Python."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

NUMBERS = [20, 21, 22, 23]


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def main():
    for kind in (ThreadPoolExecutor, ProcessPoolExecutor):
        with kind(max_workers=2) as executor:
            for n, result in zip(NUMBERS, executor.map(fib, NUMBERS), strict=True):
                print(f"{kind.__name__}: fib({n}) = {result}")


if __name__ == "__main__":
    main()
