"""A data loader like PyTorch's: workers with an index queue each, batches of 1 MB through one queue, in order.

The batches are NumPy arrays if NumPy is installed, otherwise bytearrays.
"""

from __future__ import annotations

import json
import multiprocessing
import time
import zlib
from collections.abc import Iterator
from multiprocessing.queues import Queue
from typing import Any

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

WORKERS = 2
PREFETCH = 2
BATCHES = 1_000
SIZE = 2**20


class Batches:
    """The data set."""

    def __len__(self) -> int:
        return BATCHES

    def __getitem__(self, index: int) -> Any:
        if numpy is None:
            return bytearray([index % 251]) * SIZE
        batch = numpy.full((256, SIZE // 256), index % 251, dtype=numpy.uint8)
        batch[:, 0] = numpy.arange(256)
        return batch


def fetch(data: Batches, indices: Queue, batches: Queue) -> None:
    while (index := indices.get()) is not None:
        batches.put((index, data[index]))


class Loader:
    """Hands indices to the workers in turn, some of them ahead, and returns the batches in order."""

    def __init__(self, data: Batches) -> None:
        self.data = data
        self.batches: Queue = multiprocessing.Queue()
        self.indices: list[Queue] = [multiprocessing.Queue() for _ in range(WORKERS)]
        self.workers = [
            multiprocessing.Process(target=fetch, args=(data, indices, self.batches), daemon=True)
            for indices in self.indices
        ]
        for worker in self.workers:
            worker.start()

    def __iter__(self) -> Iterator[Any]:
        early: dict[int, Any] = {}
        sent = 0
        for wanted in range(len(self.data)):
            while sent < min(len(self.data), wanted + WORKERS * PREFETCH):
                self.indices[sent % WORKERS].put(sent)
                sent += 1
            while wanted not in early:
                index, batch = self.batches.get(timeout=60)
                early[index] = batch
            yield early.pop(wanted)

    def close(self) -> None:
        for indices in self.indices:
            indices.put(None)
        for worker in self.workers:
            worker.join()


def main() -> None:
    start = time.perf_counter()
    loader = Loader(Batches())
    count, size, checksum = 0, 0, 0
    for batch in loader:
        content = memoryview(batch).cast("B")
        count, size = count + 1, size + len(content)
        checksum = zlib.crc32(content[-4096:], zlib.crc32(content[:4096], checksum))
    loader.close()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "result": [count, size, checksum]}))


if __name__ == "__main__":
    main()
