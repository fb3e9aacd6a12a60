"""tqdm's thread_map over 20,000 items."""

import io
import json
import time

from tqdm.contrib.concurrent import thread_map


def work(number: int) -> int:
    return number * 3


def main() -> None:
    start = time.perf_counter()
    results = thread_map(work, range(20_000), max_workers=4, file=io.StringIO())
    print(json.dumps({"seconds": time.perf_counter() - start, "result": [len(results), sum(results)]}))


if __name__ == "__main__":
    main()
