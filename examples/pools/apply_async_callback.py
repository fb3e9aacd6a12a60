"""`Pool.apply_async()` with callbacks: one for the result, one for the error.

A thread of the parent process calls them, so they should be short.
"""

from multiprocessing import Pool


def divide(a, b):
    return a / b


def main():
    results = {}
    errors = []
    with Pool(2) as pool:
        for b in (1, 2, 0, 4):
            pool.apply_async(
                divide,
                (8, b),
                callback=lambda quotient, b=b: results.update({b: quotient}),
                error_callback=errors.append,
            )
        pool.close()
        pool.join()  # returns when all calls are done, and their callbacks too
    for b in sorted(results):
        print(f"8 / {b} = {results[b]}")
    print(f"{len(errors)} failed: {errors[0]!r}")


if __name__ == "__main__":
    main()
