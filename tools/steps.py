"""Runs commands one after another, or a few at a time, goes on after a failure, and prints a table of what passed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import IO

from tools.paths import ROOT

GRACE = 10.0
"""Seconds between the request to end and the kill."""


@dataclass(frozen=True)
class Step:
    """A command with its name and its environment."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]


@dataclass
class Steps:
    """The steps of one task with their results."""

    results: list[tuple[str, str, float]] = field(default_factory=list)
    _printing: Lock = field(default_factory=Lock, repr=False)
    _processes: set[subprocess.Popen[bytes]] = field(default_factory=set, repr=False)

    def run(
        self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None, limit: float = 900.0
    ) -> bool:
        """Runs `command` in the checkout; a run of more than `limit` seconds is ended with all its children.

        Returns whether it passed.
        """
        print(f"\n== {name}: {shlex.join(command)}", flush=True)
        return self._run(name, command, env, limit, None)

    def run_together(self, steps: Sequence[Step], limit: float, at_once: int) -> None:
        """Runs steps, so many at a time. What each prints comes at its end, all of it."""

        def run_one(step: Step) -> None:
            with tempfile.TemporaryFile("w+", errors="replace") as output:
                self._run(step.name, step.command, step.env, limit, output)
                output.seek(0)
                with self._printing:
                    print(f"\n== {step.name}: {shlex.join(step.command)}\n{output.read()}", flush=True)

        with ThreadPoolExecutor(at_once) as pool:
            running = [pool.submit(run_one, step) for step in steps]
            try:
                for future in running:
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for process in self._processes.copy():
                    _end(process)
                raise

    def _run(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str] | None,
        limit: float,
        output: IO[str] | None,
    ) -> bool:
        started = time.monotonic()
        try:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return self.record(name, f"does not start: {error}", started)
        self._processes.add(process)
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            _end(process)
            return self.record(name, f"took more than {limit:.0f} s", started)
        except BaseException:
            _end(process)
            raise
        finally:
            self._processes.discard(process)
        return self.record(name, f"exit status {code}" if code else "", started)

    def record(self, name: str, failure: str, started: float) -> bool:
        """Notes a result; an empty `failure` is a pass. `started` is the monotonic time in seconds."""
        self.results.append((name, failure, time.monotonic() - started))
        return not failure

    def finish(self) -> int:
        """Prints the table and returns the exit status: 0 when every step passed."""
        print("\n== summary", flush=True)
        for name, failure, seconds in self.results:
            print(
                f"{'FAILED' if failure else 'passed':7} {seconds:7.1f} s  {name}"
                + (f": {failure}" if failure else "")
            )
        return int(any(failure for _, failure, _ in self.results))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and the session that it leads: asked first, then killed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
