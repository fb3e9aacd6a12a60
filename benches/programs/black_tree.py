"""black formats copies of five packages, in two processes."""

import hashlib
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import black


def main(tree: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "tree"
        for package in ("concurrent", "json", "logging", "urllib", "wsgiref"):
            shutil.copytree(Path(tree, package), folder / package)
        start = time.perf_counter()
        try:
            black.main(["--quiet", "--workers=2", str(folder)])
        except SystemExit as end:
            status = end.code
        seconds = time.perf_counter() - start
        whole = hashlib.sha256()
        for path in sorted(folder.rglob("*.py")):
            whole.update(path.read_bytes())
    print(json.dumps({"seconds": seconds, "result": [status, whole.hexdigest()]}))


if __name__ == "__main__":
    main(sys.argv[1])
