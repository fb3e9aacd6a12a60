"""`Pool.map()` and its relatives: the same function on many inputs, by two processes."""

from multiprocessing import Pool


def square(n):
    return n * n


def power(base, exponent):
    return base**exponent


def main():
    with Pool(2) as pool:
        print("map:", pool.map(square, range(10)))
        print("starmap:", pool.starmap(power, [(2, 10), (3, 4), (10, 3)]))
        # Each result arrives as soon as it and all results before it are done.
        print("imap:", *pool.imap(square, range(10), chunksize=3))
        # Results arrive in the order in which they are computed, which differs from run to run.
        print("imap_unordered, sorted:", sorted(pool.imap_unordered(square, range(10))))
        try:
            pool.map(square, [1, "two", 3])
        except TypeError as error:
            print("a call that fails:", error)


if __name__ == "__main__":
    main()
