"""Five lines of a calculation as a graph: each call begins when its arguments are ready.

    a = 2
    b = 3
    p = a + b
    q = a * b
    r = q - p

`call()` is a `submit()` that accepts futures as arguments. No thread waits for them, so one worker is enough. An error
propagates like a result, to every call that depends on it.
"""

from operator import add, mul, sub

from interlock.concurrent.futures import Future, ThreadPoolExecutor


def constant(value: int) -> int:
    return value


def calculate(executor: ThreadPoolExecutor, first: int, second: int) -> Future[int]:
    a = executor.submit(constant, first)
    b = executor.submit(constant, second)
    p = executor.call(add, a, b)
    q = executor.call(mul, a, b)
    return executor.call(sub, q, p)


def main() -> None:
    for workers in (1, 3):
        with ThreadPoolExecutor(workers) as executor:
            print(f"{workers} workers: r =", calculate(executor, 2, 3).result())

    with ThreadPoolExecutor(2) as executor:
        ratio = executor.call(divmod, executor.submit(constant, 7), executor.submit(constant, 0))
        total = executor.call(sum, ratio)
        print("the error of an argument:", type(total.exception()).__name__)

        order: list[str] = []
        parts = [executor.submit(order.append, "part") for _ in range(3)]
        last = executor.after(*parts).submit(order.append, "last")
        last.result()
        print("after() without results:", order)


if __name__ == "__main__":
    main()
