"""Runs real programs on plain Python and with ``interlock run`` in turn, compares results and takes median times.

    programs.py                         all programs, in .venv-programs, which is made if necessary
    programs.py --program 'dask_*' --rounds 9
    programs.py --python PATH           in that interpreter, without installing anything
    programs.py --write docs/benchmarks.md

It skips programs whose packages are not installed, and says so. The exit status is 1 if a program failed, hung, or had
a different result on Interlock.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import marshal
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import machine
import sdist
from interpreters import PROJECT, environment
from sections import table, write_section

FOLDER = PROJECT / "benches" / "programs"
VENV = PROJECT / ".venv-programs"
REQUIREMENTS = PROJECT / "requirements" / "programs.txt"
FORMS = {"plain": (), "interlock": ("-m", "interlock", "run")}
HEAD = ["program", "python, s", "interlock run, s", "times as fast", "result"]


@dataclass(frozen=True)
class Program:
    """One program: a script in the folder, which prints its time and result, or another command."""

    name: str
    title: str
    needs: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    """``{tree}`` is a folder with 500 files, ``{library}`` a copy of the standard library, ``{sdist}`` the sdist of a
    small package, ``{out}`` a new file in ``{folder}``."""

    module: str = ""
    """A module to run instead of the script. The time is that of the process, the result the files that it makes."""

    makes: str = "out"
    """A pattern for these files."""


ALL = (
    Program("dask_array", "dask, threads: sums over an array", ("dask", "numpy")),
    Program("dask_words", "dask, threads: words in a bag", ("dask",)),
    Program("web_pool", "Bottle under waitress, handlers use a pool", ("bottle", "waitress")),
    Program("to_thread", "asyncio, 20,000 calls of to_thread"),
    Program("short_lives", "900 groups of threads and pools that live for a moment"),
    Program("tree_checksum", "checksums of a tree, by a pool", arguments=("{tree}",)),
    Program(
        "zip_tree", "python -m zipfile of the tree", arguments=("-c", "{out}", "{tree}"), module="zipfile"
    ),
    Program("tqdm_map", "tqdm's thread_map, 20,000 items", ("tqdm",)),
    Program("log_pipeline", "logging from 4 processes over a queue, 200,000 records"),
    Program("data_loader", "a loader of data with 2 processes, 1,000 batches of 1 MB"),
    Program(
        "compile_all",
        "python -m compileall -j 2 of the standard library",
        arguments=("-q", "-f", "-j2", "--invalidation-mode=unchecked-hash", "{library}"),
        module="compileall",
        makes="library/**/*.pyc",
    ),
    Program("tqdm_process_map", "tqdm's process_map, 20,000 items", ("tqdm",)),
    Program("joblib_processes", "joblib's multiprocessing backend, 20,000 calls", ("joblib",)),
    Program("black_tree", "black on five packages, 2 processes", ("black",), ("{library}",)),
    Program("pylint_tree", "pylint -j 2 on two packages", ("pylint",), ("{library}",)),
    Program("grid_search", "scikit-learn's grid search, joblib's multiprocessing backend", ("sklearn",)),
    Program("word_count", "a word count, by Pool.imap_unordered", arguments=("{library}",)),
    Program("hooks", "a runner of hooks over 500 files, 4 at a time", arguments=("{tree}",)),
    Program(
        "sdist",
        "pip builds a wheel of a small sdist",
        ("pip",),
        (
            *("wheel", "--quiet", "--disable-pip-version-check", "--no-input", "--no-index", "--no-deps"),
            *("--no-build-isolation", "--no-cache-dir", "--wheel-dir", "{folder}/wheels", "{sdist}"),
        ),
        module="pip",
        makes="wheels/*.whl",
    ),
)


@dataclass
class Measured:
    """The measurements of one program."""

    program: Program
    seconds: dict[str, list[float]] = field(default_factory=lambda: {form: [] for form in FORMS})
    results: dict[str, list[str]] = field(default_factory=lambda: {form: [] for form in FORMS})
    complaints: list[str] = field(default_factory=list)

    def cells(self) -> list[str]:
        """One row of the table."""
        if self.complaints:
            return [self.program.title, "", "", "", self.complaints[0]]
        plain, ours = (median(self.seconds[form]) for form in FORMS)
        return [self.program.title, f"{plain:.3f}", f"{ours:.3f}", f"{plain / ours:.2f}", "equal"]


def main() -> int:
    """Run, print, write; return the exit status."""
    args = parse()
    chosen = [
        one for one in ALL if not args.program or any(fnmatch.fnmatch(one.name, p) for p in args.program)
    ]
    if args.list or not chosen:
        print("\n".join(f"{one.name:14} {one.title}" for one in ALL))
        return 0 if args.list else 2
    python = args.python or prepare()
    if (problem := has_interlock(python)) is not None:
        print(f"interlock cannot be imported in {python}: {problem}", file=sys.stderr)
        return 2
    neighbours = machine.Neighbours()
    measured, left_out = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plant(folder / "tree")
        sdist.make(folder / "small-1.0.tar.gz")
        if any("{library}" in program.arguments for program in chosen):
            copy_library(python, folder / "library")
        for program in chosen:
            absent = [name for name in program.needs if not can_import(python, name)]
            if absent:
                left_out.append(f"{program.title}: {', '.join(absent)} is not installed")
                print(f"left out: {left_out[-1]}", file=sys.stderr)
                continue
            measured.append(measure(program, python, folder, args))
    rows = [one.cells() for one in measured]
    text = page(rows, left_out, python, args, neighbours)
    print(text)
    if args.write:
        write_section(args.write, "programs", text, "Benchmarks")
    for one in measured:
        print("".join(f"{one.program.name}: {line}\n" for line in one.complaints), end="", file=sys.stderr)
    return int(any(one.complaints for one in measured))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", metavar="PATH", help="an interpreter that has what the programs need")
    parser.add_argument("--program", action="append", default=[], metavar="PATTERN", help="(repeatable)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each form (default 5)")
    parser.add_argument("--limit", type=float, default=120, help="seconds a run may take (default 120)")
    parser.add_argument("--list", action="store_true", help="list the programs and stop")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the section of docs/benchmarks.md")
    return parser.parse_args()


def prepare() -> str:
    """Make the programs' own environment, install what can be installed, and return its interpreter."""
    python = VENV / "bin" / "python"
    key = f"{sys.version}\n{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()}\n"
    stamp = VENV / "interlock-stamps" / "programs"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == key and python.exists():
        return str(python)
    print(f"making {VENV.name}", file=sys.stderr, flush=True)
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-I", "-m", "venv", "--clear", str(VENV)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*install, "-r", str(REQUIREMENTS)], stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        print(f"requirements/{REQUIREMENTS.name} could not be installed; pip says why above", file=sys.stderr)
        return str(python)
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(key, encoding="utf-8")
    return str(python)


def has_interlock(python: str) -> str | None:
    """Return why that interpreter can't import Interlock, or None if it can."""
    done = run([python, "-c", "import interlock._interlock"], 60)
    lines = done.stderr.strip().splitlines()
    return None if done.returncode == 0 else (lines[-1] if lines else "no reason given")


def can_import(python: str, name: str) -> bool:
    """Whether that interpreter can import the module."""
    return run([python, "-c", f"import {name}"], 60).returncode == 0


def run(command: list[str], limit: float) -> subprocess.CompletedProcess[str]:
    """Run one process with this checkout's package."""
    return subprocess.run(
        command,
        env=environment([str(PROJECT / "python")]),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )


def plant(tree: Path) -> None:
    """Make 500 files of 16 KiB in 20 folders."""
    for number in range(500):
        path = tree / f"{number % 20:02}" / f"{number:03}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(number).randbytes(16_384))


def copy_library(python: str, folder: Path) -> None:
    """Copy the standard library's sources, except for tests, some of which are invalid on purpose."""
    library = run([python, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"], 60).stdout.strip()
    unwanted = (
        "__pycache__",
        "*.so",
        "config-*",
        "dist-packages",
        "lib2to3",
        "site-packages",
        "test",
        "tests",
    )
    shutil.copytree(library, folder, ignore=shutil.ignore_patterns(*unwanted))


def measure(program: Program, python: str, folder: Path, args: argparse.Namespace) -> Measured:
    """Run the program both ways in turn, alternating which comes first, after one round that is not counted."""
    measured = Measured(program)
    for number in range(-1, args.rounds):
        print(f"{program.name}, {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
        for form in list(FORMS) if number % 2 else list(FORMS)[::-1]:
            try:
                seconds, result = run_once(program, python, form, folder, args.limit)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                measured.complaints.append(f"{form}: {error}")
                return measured
            measured.results[form].append(result)
            if number >= 0:
                measured.seconds[form].append(seconds)
    if len({result for results in measured.results.values() for result in results}) > 1:
        measured.complaints.append(f"results differ: {measured.results}")
    return measured


def run_once(program: Program, python: str, form: str, folder: Path, limit: float) -> tuple[float, str]:
    """Return seconds and result of one run. Raises RuntimeError if it failed, TimeoutExpired if it hung."""
    for path in folder.glob(program.makes):
        path.unlink()
    what = ["-m", program.module] if program.module else [str(FOLDER / f"{program.name}.py")]
    arguments = [
        argument.format(
            tree=folder / "tree",
            library=folder / "library",
            out=folder / "out",
            folder=folder,
            sdist=folder / "small-1.0.tar.gz",
        )
        for argument in program.arguments
    ]
    start = time.perf_counter()
    done = run([python, *FORMS[form], *what, *arguments], limit)
    seconds = time.perf_counter() - start
    if done.returncode or done.stderr:
        said = done.stderr.strip().splitlines() or ["nothing on stderr"]
        print(done.stderr[-4_000:], file=sys.stderr)
        raise RuntimeError(f"exit status {done.returncode}, {said[-1]}")
    if program.module:
        return seconds, digest(folder, program.makes)
    told: dict[str, Any] = json.loads(done.stdout)
    return told["seconds"], json.dumps(told["result"])


def digest(folder: Path, pattern: str) -> str:
    """Return a checksum of these files and their names."""
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise RuntimeError(f"no {pattern} was made")
    whole = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        if path.suffix == ".pyc":
            # Without the marks of objects with several references: these depend on which other modules refer to a name.
            content = content[:16] + marshal.dumps(marshal.loads(content[16:]), 2)
        whole.update(f"{path.relative_to(folder)}\n".encode() + hashlib.sha256(content).digest())
    return f"{len(paths)} files, {whole.hexdigest()}"


def page(
    rows: list[list[str]],
    left_out: list[str],
    python: str,
    args: argparse.Namespace,
    neighbours: machine.Neighbours,
) -> str:
    """The section of the page."""
    version = run([python, "-c", "import platform; print(platform.python_version())"], 60).stdout.strip()
    about = (
        f"`python benches/programs.py --rounds {args.rounds}` with CPython {version} on {machine.describe()}; "
        f"{neighbours}. Medians of {args.rounds} alternating runs each way, after one that is not counted: seconds "
        "of work as measured by the program itself, without the start of the interpreter and imports; for zipfile, "
        "compileall and pip the whole process."
    )
    missing = "\n".join(f"- left out: {line}" for line in left_out)
    return "\n\n".join(filter(None, ["## Real programs", about, table(HEAD, rows), missing]))


if __name__ == "__main__":
    sys.exit(main())
