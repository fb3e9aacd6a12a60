"""Logging from four processes: each has a QueueHandler, and the parent a QueueListener. 200,000 records."""

import hashlib
import json
import logging
import logging.handlers
import multiprocessing
import time
from multiprocessing.queues import Queue
from typing import Any

PROCESSES = 4
RECORDS = 50_000


class Journal(logging.Handler):
    """Counts the records of each process, and digests their text in order."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}
        self.digests: dict[str, Any] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.counts[record.name] = self.counts.get(record.name, 0) + 1
        digest = self.digests.setdefault(record.name, hashlib.sha256())
        digest.update(f"{record.levelname}:{self.format(record)}\n".encode())


def work(name: str, records: Queue) -> None:
    logger = logging.getLogger(name)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(logging.handlers.QueueHandler(records))
    for number in range(RECORDS):
        logger.info("item %d of %s is done, %.2f%%", number, name, 100 * number / RECORDS)


def main() -> None:
    start = time.perf_counter()
    records: Queue = multiprocessing.Queue()
    journal = Journal()
    listener = logging.handlers.QueueListener(records, journal)
    listener.start()
    names = [f"worker-{number}" for number in range(PROCESSES)]
    processes = [multiprocessing.Process(target=work, args=(name, records)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    listener.stop()
    seconds = time.perf_counter() - start
    result = {name: [journal.counts[name], journal.digests[name].hexdigest()] for name in names}
    assert all(count == RECORDS for count, _ in result.values()), result
    print(json.dumps({"seconds": seconds, "result": result}))


if __name__ == "__main__":
    main()
