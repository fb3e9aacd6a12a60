"""A word count over the files of a tree, by `Pool.imap_unordered`."""

import json
import multiprocessing
import re
import sys
import time
from collections import Counter
from pathlib import Path


def count(path: Path) -> Counter[str]:
    return Counter(re.findall(r"\w+", path.read_text(encoding="utf-8", errors="replace")))


def main(tree: str) -> None:
    paths = sorted(Path(tree).rglob("*.py"))
    start = time.perf_counter()
    words: Counter[str] = Counter()
    with multiprocessing.Pool(2) as pool:
        for found in pool.imap_unordered(count, paths):
            words.update(found)
    seconds = time.perf_counter() - start
    common = sorted(words.most_common(50))
    print(json.dumps({"seconds": seconds, "result": [len(paths), len(words), words.total(), common]}))


if __name__ == "__main__":
    main(sys.argv[1])
