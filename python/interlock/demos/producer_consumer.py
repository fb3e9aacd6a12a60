"""Producers and consumers over a bounded queue: a checksum pipeline in two stages.

Usage: producer_consumer.py [SCALE]. Prints one result line, and the seconds of work as JSON on stderr.
"""

import json
import queue
import sys
import threading
import time
import zlib

PRODUCERS = 2
CONSUMERS = 3


def produce(numbers: range, records: queue.Queue[bytes | None]) -> None:
    """Put a record for each number."""
    for number in numbers:
        records.put(b"record %d" % number)


def consume(records: queue.Queue[bytes | None], sums: queue.Queue[int | None]) -> None:
    """Turn records into checksums until a None arrives."""
    while True:
        record = records.get()
        if record is None:
            return
        sums.put(zlib.crc32(record))
        records.task_done()


def collect(sums: queue.Queue[int | None], result: dict[str, int]) -> None:
    """Add up the checksums until a None arrives."""
    while (value := sums.get()) is not None:
        result["count"] += 1
        result["sum"] += value


def main(scale: float) -> None:
    """Run the pipeline until it has processed every record."""
    total = max(PRODUCERS, int(180_000 * scale))
    records: queue.Queue[bytes | None] = queue.Queue(maxsize=64)
    sums: queue.Queue[int | None] = queue.Queue()
    result = {"count": 0, "sum": 0}
    producers = [
        threading.Thread(target=produce, args=(range(first, total, PRODUCERS), records))
        for first in range(PRODUCERS)
    ]
    consumers = [threading.Thread(target=consume, args=(records, sums)) for _ in range(CONSUMERS)]
    collector = threading.Thread(target=collect, args=(sums, result))
    for thread in [*producers, *consumers, collector]:
        thread.start()
    for thread in producers:
        thread.join()
    records.join()
    for _ in consumers:
        records.put(None)
    for thread in consumers:
        thread.join()
    sums.put(None)
    collector.join()
    print(f"{result['count']} records, checksum {result['sum']:x}")


if __name__ == "__main__":
    started = time.perf_counter()
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
    print(json.dumps({"work_seconds": time.perf_counter() - started}), file=sys.stderr)
