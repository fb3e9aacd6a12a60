"""joblib with its multiprocessing backend: 20,000 small calls, and 100 with an argument of 1 MB."""

import json
import time
import zlib

from joblib import Parallel, delayed


def work(number: int) -> int:
    return number * 3


def checksum(content: bytes) -> int:
    return zlib.crc32(content)


def main() -> None:
    start = time.perf_counter()
    with Parallel(n_jobs=2, backend="multiprocessing") as parallel:
        small = parallel(delayed(work)(number) for number in range(20_000))
        large = parallel(delayed(checksum)(bytes([number]) * 2**20) for number in range(100))
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "result": [len(small), sum(small), sum(large)]}))


if __name__ == "__main__":
    main()
