"""Runs commands one after another, goes on after a failure, and prints a table of what passed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tools.paths import ROOT

GRACE = 10.0
"""Seconds between the request to end and the kill."""


@dataclass
class Steps:
    """The steps of one task with their results."""

    results: list[tuple[str, str, float]] = field(default_factory=list)

    def run(
        self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None, limit: float = 900.0
    ) -> bool:
        """Runs `command` in the checkout; a run of more than `limit` seconds is ended with all its children.

        Returns whether it passed.
        """
        print(f"\n== {name}: {shlex.join(command)}", flush=True)
        started = time.monotonic()
        try:
            process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            return self.record(name, f"does not start: {error}", started)
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            _end(process)
            return self.record(name, f"took more than {limit:.0f} s", started)
        except BaseException:
            _end(process)
            raise
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
