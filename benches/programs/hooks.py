"""A runner of hooks like pre-commit: each hook is a command that gets the files in portions, several at a time.

Hooks have outputs, return codes and standard input. One hook changes files, and the runner makes a diff of them; one
fails; one takes too long; one does not exist.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

JOBS, PORTION = 4, 40
COUNT = "import sys; print(sum(len(open(name, 'rb').read().split()) for name in sys.argv[1:]))"
STRIP = """
import sys
for name in sys.argv[1:]:
    text = open(name, "rb").read()
    if text != text.rstrip(b"z") + b"\\n":
        open(name, "wb").write(text.rstrip(b"z") + b"\\n")
        print("fixed", name)
"""
HOOKS = {
    "checksums": ["sha256sum", "--"],
    "words": [sys.executable, "-S", "-c", COUNT],
    "end of file": [sys.executable, "-S", "-c", STRIP],
    "no marks": ["grep", "-c", "-a", "<<<<<<<", "--"],
    "noise": ["sh", "-c", 'for name; do echo "$name"; echo "$name" >&2; done; exit 3', "sh"],
    "absent": ["a-hook-that-is-not-there"],
    "late": ["sleep", "60"],
}


def portions(files: list[str]) -> list[list[str]]:
    return [files[begin : begin + PORTION] for begin in range(0, len(files), PORTION)]


def one(command: list[str], files: list[str], folder: str) -> tuple[int, bytes]:
    """Run a hook for some files. Return its return code and its output from both streams."""
    limit = 0.1 if command[0] == "sleep" else 60
    arguments = command if command[0] == "sleep" else [*command, *files]
    try:
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HOOK": command[0]},
        )
    except OSError as error:
        return 127, str(error).encode()
    try:
        out, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return 124, b"too late"
    return process.returncode, out


def filtered(name: str, folder: str) -> bytes:
    """Send a file through a filter, as hooks for staged content do."""
    content = Path(folder, name).read_bytes()
    done = subprocess.run(["tr", "a-m", "A-M"], input=content, capture_output=True, check=True, cwd=folder)
    return hashlib.sha256(done.stdout).digest()


def main(tree: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(tree, folder, dirs_exist_ok=True)
        files = sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*.bin"))
        results = {}
        start = time.perf_counter()
        with ThreadPoolExecutor(JOBS) as pool:
            for name, command in HOOKS.items():
                some = [files] if name == "late" else portions(files)
                runs = list(pool.map(lambda part, command=command: one(command, part, folder), some))
                code = max(code for code, _ in runs)
                said = hashlib.sha256(b"".join(out for _, out in runs)).hexdigest()
                results[name] = [code, len(runs), said]
            contents = b"".join(pool.map(lambda name: filtered(name, folder), files[:100]))
        diff = subprocess.run(
            ["diff", "--brief", "--recursive", tree, folder], capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - start
        results["stdin"] = [0, 100, hashlib.sha256(contents).hexdigest()]
        results["diff"] = [diff.returncode, len(diff.stdout.splitlines()), diff.stderr]
    print(json.dumps({"seconds": seconds, "result": results}))


if __name__ == "__main__":
    main(sys.argv[1])
