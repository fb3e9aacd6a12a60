"""Runs the test suites of packages that rely on threads, without Interlock and with it, and compares the results.

The packages, their versions and the requirements of their tests are in `field.toml`. Each gets a folder below
``target/field`` with its source archive and an environment of its own. There, a ``sitecustomize`` installs Interlock at
the start of every interpreter that inherits the environment: before pytest is imported, and in the processes that tests
start.

A test that passes without Interlock and fails with it is run once more in both ways before it counts as lost.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import tomllib
import xml.etree.ElementTree as ElementTree
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").absolute()
TABLE = Path(__file__).with_suffix(".toml")
RUNNER = ("pytest==9.2.0", "pytest-timeout==2.4.0")
TEST_LIMIT = 60
"""Seconds for one test."""

_SITECUSTOMIZE = """\
import os
if os.environ.get("INTERLOCK_FIELD") == "install":
    import interlock
    interlock.install()
"""


class CannotBeHad(Exception):
    """A package's tests can't be run here; the message says why."""


@dataclass
class Compared:
    """The result for one package."""

    name: str
    version: str
    plain: int = 0
    lost: list[str] = field(default_factory=list)
    unsteady: list[str] = field(default_factory=list)
    seconds: tuple[float, float] = (0.0, 0.0)
    word: str = ""

    def row(self) -> str:
        """A line of the table."""
        if self.word:
            return f"| {self.name} | {self.version} | | | | {self.word} |"
        plain, ours = (f"{seconds:.0f}" for seconds in self.seconds)
        return (
            f"| {self.name} | {self.version} | {self.plain} | {len(self.lost)} | {plain} / {ours} "
            f"| {len(self.unsteady) or ''} |"
        )


class Package:
    """A package with its folder, its environment and its tests."""

    def __init__(self, name: str, facts: dict[str, Any], python: str, folder: Path) -> None:
        self.name, self.version, self._facts, self._base = name, facts["version"], facts, python
        self._folder = folder / name
        self._venv = self._folder / "venv"
        self._python = str(self._venv / "bin" / "python")
        self._source = self._folder / "source"

    def prepare(self) -> None:
        """Download, unpack and install the package, unless that was already done for the same entry in `field.toml`."""
        stamp, key = self._folder / "done", repr((self._facts, RUNNER))
        if not (stamp.exists() and stamp.read_text() == key):
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)
            self._make()
            stamp.write_text(key)
        site = self._folder / "site"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        # If the package has no configuration for pytest, pytest would find that of this checkout.
        (self._folder / "pytest.ini").write_text("[pytest]\n")

    def _make(self) -> None:
        requirement = f"{self.name}=={self.version}"
        archives = self._folder / "archive"
        pip = [self._base, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        _call([*pip, "download", "--no-deps", "--no-binary", self.name, "--dest", str(archives), requirement])
        found = sorted(archives.glob("*.tar.gz"))
        if not found:
            raise CannotBeHad("there is no source archive")
        with tarfile.open(found[0]) as archive:
            archive.extractall(self._folder / "unpacked", filter="data")
        next((self._folder / "unpacked").iterdir()).rename(self._source)
        if not all((self._source / tests).exists() for tests in self._facts["tests"]):
            raise CannotBeHad("its source archive has no tests")
        _call([self._base, "-m", "venv", str(self._venv)])
        install = [self._python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        _call([*install, *RUNNER, *self._facts.get("needs", []), str(self._source)])

    def outcomes(self, way: str, tests: list[str] | None = None) -> dict[str, str]:
        """Return the outcome of each test by name, with Interlock installed ("install") or not ("plain")."""
        report = self._folder / f"{way}.xml"
        report.unlink(missing_ok=True)
        options = ["-q", "-o", "addopts=", "-p", "no:cacheprovider", f"--timeout={TEST_LIMIT}"]
        # Names in the report are relative to the root, as the second run needs them.
        options += ["--continue-on-collection-errors", f"--rootdir={self._source}"]
        options += ["--timeout-method=signal", f"--junitxml={report}", "-o", "junit_family=xunit1"]
        command = [self._python, "-m", "pytest", *options, *self._facts.get("options", [])]
        path = os.pathsep.join([str(self._folder / "site"), str(ROOT / "python")])
        env = {name: value for name, value in os.environ.items() if name not in {"INTERLOCK", "PYTHONHOME"}}
        env |= {"PYTHONPATH": path, "INTERLOCK_FIELD": way, "VIRTUAL_ENV": str(self._venv)}
        env["PATH"] = f"{self._venv / 'bin'}{os.pathsep}{env['PATH']}"
        with open(self._folder / f"{way}.log", "wb") as log:
            _limited(
                [*command, *(tests or self._facts["tests"])],
                float(self._facts.get("limit", 600)),
                cwd=self._source,
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if not report.exists():
            return {}
        return dict(_read(report))


def _read(report: Path) -> list[tuple[str, str]]:
    """Return (name, outcome) of each test. If the report gives its file, pytest can run the test again by this name."""
    found = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name, file = case.get("name") or "", case.get("file")
        classes = (case.get("classname") or "").split(".")
        if file:
            module = Path(file).with_suffix("").parts
            name = "::".join([file, *classes[len(module) :], name])
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        found.append((name, min(kinds, default="passed")))
    return found


def compare(package: Package) -> Compared:
    """Run the suite in both ways, and run lost tests once more."""
    compared = Compared(package.name, package.version)
    try:
        package.prepare()
    except CannotBeHad as reason:
        compared.word = f"skipped: {reason}"
        return compared
    begun = time.monotonic()
    plain = package.outcomes("plain")
    between = time.monotonic()
    ours = package.outcomes("install")
    compared.seconds = (between - begun, time.monotonic() - between)
    passed = [name for name, outcome in plain.items() if outcome == "passed"]
    compared.plain = len(passed)
    if not passed:
        compared.word = "skipped: no test passes plainly"
        return compared
    lost = [name for name in passed if ours.get(name) != "passed"]
    if lost and not ours:
        compared.lost = lost
        return compared
    if lost:
        again = {way: package.outcomes(way, lost) for way in ("plain", "install")}
        for name in lost:
            # If the second run did not find a test, it does not clear the test.
            cleared = again["install"].get(name) == "passed" or again["plain"].get(name, "passed") != "passed"
            (compared.unsteady if cleared else compared.lost).append(name)
    return compared


def _call(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False
        )
    except subprocess.TimeoutExpired:
        raise CannotBeHad(f"{' '.join(command[1:4])} takes too long") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise CannotBeHad(lines[-1][:200])


def _limited(command: list[str], limit: float, **how: Any) -> None:
    """Run a command in a session of its own. End the session after the command or the time limit."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **how)
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(limit)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main() -> int:
    """Prints a table and the lost tests; the exit status is 0 if there are none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="the interpreter; Interlock is built for it")
    parser.add_argument("packages", nargs="*", help="names in tools/field.toml; all of them if left out")
    options = parser.parse_args()
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    unknown = [name for name in options.packages if name not in table]
    if unknown:
        parser.error(f"no package {unknown[0]!r} in tools/field.toml; there are {', '.join(table)}")
    version = "import sys, interlock._interlock; print(sys.implementation.cache_tag)"
    tag = subprocess.run(
        [options.python, "-c", version], env={**os.environ, "PYTHONPATH": str(ROOT / "python")}, **_TEXT
    ).stdout.strip()
    if not tag:
        parser.error(f"Interlock is not built for {options.python}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the running session ends, too
    results = []
    for name in options.packages or table:
        print(f"== {name}", flush=True)
        results.append(compare(Package(name, table[name], options.python, TARGET / "field" / tag)))
        for test in results[-1].lost:
            print(f"   lost: {test}", flush=True)
        for test in results[-1].unsteady:
            print(f"   lost in one run of two: {test}", flush=True)
        print(f"   {results[-1].row()}", flush=True)
    print(
        "\n| package | version | pass plainly | lost | seconds plain / Interlock | passed on a second run |"
    )
    print("| --- | --- | ---: | ---: | ---: | --- |")
    print(*(result.row() for result in results), sep="\n")
    return int(any(result.lost for result in results))


_TEXT: dict[str, Any] = {"capture_output": True, "text": True, "check": False, "stdin": subprocess.DEVNULL}


if __name__ == "__main__":
    sys.exit(main())
