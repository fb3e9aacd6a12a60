"""pylint reads two packages of the standard library, in two processes."""

import io
import json
import sys
import time
from pathlib import Path

from pylint.lint import Run
from pylint.reporters.text import TextReporter


def main(tree: str) -> None:
    output = io.StringIO()
    packages = [str(Path(tree, name)) for name in ("json", "concurrent/futures")]
    start = time.perf_counter()
    run = Run(
        ["--jobs=2", "--rcfile=/dev/null", "--persistent=no", "--score=no", *packages],
        reporter=TextReporter(output),
        exit=False,
    )
    seconds = time.perf_counter() - start
    # Which process reads which module varies, and so do some of the messages.
    lines = sorted(output.getvalue().replace(tree, "").splitlines())
    modules = [line for line in lines if line.startswith("****")]
    print(json.dumps({"seconds": seconds, "result": [run.linter.msg_status, modules, lines[-1]]}))


if __name__ == "__main__":
    main(sys.argv[1])
