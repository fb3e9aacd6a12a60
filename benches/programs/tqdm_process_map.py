"""tqdm's process_map over 20,000 items."""

import io
import json
import time

from tqdm.contrib.concurrent import process_map


def work(number: int) -> int:
    return number * 3


def main() -> None:
    start = time.perf_counter()
    results = process_map(work, range(20_000), max_workers=2, chunksize=10, file=io.StringIO())
    print(json.dumps({"seconds": time.perf_counter() - start, "result": [len(results), sum(results)]}))


if __name__ == "__main__":
    main()
