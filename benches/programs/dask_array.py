"""dask's threaded scheduler: sums over an array of 1,600 chunks."""

import json
import time

import dask
import dask.array


def main() -> None:
    dask.config.set(scheduler="threads")
    start = time.perf_counter()
    array = dask.array.arange(4_000_000, chunks=2_500).reshape(2_000, 2_000)
    total = int((array + 1).sum().compute())
    columns = int(array.max(axis=0).sum().compute())
    print(json.dumps({"seconds": time.perf_counter() - start, "result": [total, columns]}))


if __name__ == "__main__":
    main()
