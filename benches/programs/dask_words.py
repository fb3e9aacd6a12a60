"""dask's threaded scheduler: counts the words in a bag of lines with 2,000 partitions."""

import json
import time

import dask
import dask.bag

WORDS = ["to", "be", "or", "not", "that", "is", "the", "question", "nobler", "in", "mind", "suffer"]


def main() -> None:
    dask.config.set(scheduler="threads")
    lines = [" ".join(WORDS[number % 11 :: 1 + number % 3]) for number in range(20_000)]
    start = time.perf_counter()
    bag = dask.bag.from_sequence(lines, npartitions=2_000)
    counts = dict(bag.map(str.split).flatten().frequencies().compute())
    print(json.dumps({"seconds": time.perf_counter() - start, "result": sorted(counts.items())}))


if __name__ == "__main__":
    main()
