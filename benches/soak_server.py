"""One server process of the soak test: starts it, asks it, measures its memory and stops it."""

from __future__ import annotations

import http.client
import json
import select
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from interpreters import environment

FORMS = {"plain": [], "interlock": ["-m", "interlock", "run"]}
WAIT_SECONDS = 30


class Server:
    """A server on plain ``python`` or on ``python -m interlock run``."""

    def __init__(self, python: str, name: str, form: str, paths: Sequence[str] = ()) -> None:
        """Start the server and wait until it listens. Raises RuntimeError if it does not within 30 seconds."""
        self.name, self.form = name, form
        script = Path(__file__).with_name(f"soak_app_{name}.py")
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by stop)
        self._process = subprocess.Popen(
            [python, *FORMS[form], str(script)],
            env=environment(paths),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        try:
            self._listening = self._port()
            self.url = f"http://127.0.0.1:{self._listening}/"
            self.about = self._about()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def _port(self) -> int:
        stdout = self._process.stdout
        assert stdout is not None
        ready, _, _ = select.select([stdout], [], [], WAIT_SECONDS)
        line = stdout.readline() if ready else ""
        if not line:
            raise RuntimeError(f"{self} does not listen:\n{self.log_tail()}")
        return int(json.loads(line)["port"])

    def _about(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._listening, timeout=WAIT_SECONDS)
        with closing(connection):
            connection.request("GET", "/about")
            about: dict[str, Any] = json.load(connection.getresponse())
        return about

    def rss_mib(self) -> float:
        """The resident set of the server's process."""
        status = Path(f"/proc/{self.about['pid']}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def stop(self) -> str:
        """End the server with SIGTERM, and kill it after 30 seconds. Returns a complaint, or an empty string."""
        self._process.terminate()
        try:
            status = self._process.wait(WAIT_SECONDS)
            complaint = f"{self} ended with status {status}:\n{self.log_tail()}" if status else ""
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            complaint = f"{self} did not end within {WAIT_SECONDS} s of SIGTERM:\n{self.log_tail()}"
        self._log.close()
        return complaint

    def log_tail(self) -> str:
        """The last lines that the server wrote to stderr."""
        self._log.seek(0)
        return "".join(self._log.readlines()[-30:])

    def __str__(self) -> str:
        return f"{self.name} ({self.form})"
