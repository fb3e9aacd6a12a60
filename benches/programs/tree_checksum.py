"""Checksums of a tree of files with a ThreadPoolExecutor: of whole files, and of small pieces of them."""

import hashlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

PIECE = 512


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def piece(content: bytes, begin: int) -> str:
    return hashlib.sha256(content[begin : begin + PIECE]).hexdigest()


def main() -> None:
    files = sorted(path for path in Path(sys.argv[1]).rglob("*") if path.is_file())
    start = time.perf_counter()
    whole = hashlib.sha256()
    with ThreadPoolExecutor(4) as pool:
        for digest in pool.map(checksum, files):
            whole.update(digest.encode())
        content = b"".join(path.read_bytes() for path in files)
        futures = [pool.submit(piece, content, begin) for begin in range(0, len(content), PIECE)]
        pieces = sorted(future.result() for future in as_completed(futures))
    combined = hashlib.sha256("".join(pieces).encode()).hexdigest()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "result": [len(files), whole.hexdigest(), combined]}))


if __name__ == "__main__":
    main()
