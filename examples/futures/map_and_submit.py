"""The two ways to give work to an executor: `map()`, and `submit()` with `result()`.

`map()` calls one function for many items and returns the results in the order of the items, no matter
which is ready first. `submit()` takes one call of any function and returns a future at once;
`result()` waits for it.
"""

from concurrent.futures import ThreadPoolExecutor


def square(number: int) -> int:
    return number * number


def word_count(text: str, *, ignore: str = "") -> int:
    return sum(word != ignore for word in text.split())


def main() -> None:
    with ThreadPoolExecutor(max_workers=3) as executor:
        print("map:", list(executor.map(square, range(10))))
        print("map over two lists:", list(executor.map(pow, [2, 3, 4], [5, 4, 3])))

        first = executor.submit(square, 12)
        second = executor.submit(word_count, "to be or not to be", ignore="or")
        print("submit:", first.result(), second.result())
        print("a result can be asked for again:", first.result(timeout=1))

        third = executor.submit(int, "twelve")
        try:
            third.result()
        except ValueError as error:
            print("result() raises what the call raised:", error)
        print("exception() returns it:", type(third.exception()).__name__)


if __name__ == "__main__":
    main()
