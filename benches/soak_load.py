"""The load of the soak test, made by wrk, or by hey if there is no wrk."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

WRK_SCRIPT = Path(__file__).with_name("soak_wrk.lua")
INSTALL = """\
neither wrk nor hey was found; install one of them:
  apt-get install wrk        (Debian, Ubuntu)
  apt-get install hey        (the fallback; or: go install github.com/rakyll/hey@latest)"""


@dataclass
class Load:
    """The results of one run of the load generator."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failures: dict[str, int] = field(default_factory=dict)
    """Failed requests by kind, without kinds that did not happen."""


def find_tool() -> str | None:
    """``wrk``, else ``hey``, else None."""
    return next((tool for tool in ("wrk", "hey") if shutil.which(tool)), None)


def run(tool: str, url: str, seconds: int, connections: int) -> Load:
    """Put load on ``url`` for that long. Blocks until the generator ends; raises RuntimeError if it fails."""
    command = {
        "wrk": [
            "wrk",
            "-t2",
            f"-c{connections}",
            f"-d{seconds}s",
            "--timeout",
            "10s",
            "-s",
            str(WRK_SCRIPT),
            url,
        ],
        "hey": ["hey", "-z", f"{seconds}s", "-c", str(connections), "-t", "10", url],
    }[tool]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if done.returncode:
        raise RuntimeError(f"{tool} failed with status {done.returncode}: {done.stderr.strip()}")
    return parse_wrk(done.stdout) if tool == "wrk" else parse_hey(done.stdout)


def parse_wrk(output: str) -> Load:
    """Read the line that soak_wrk.lua prints."""
    facts = json.loads(output.strip().splitlines()[-1])
    kinds = ("connect", "read", "write", "timeout", "status")
    failures = {kind: facts[kind] for kind in kinds if facts[kind]}
    return Load(facts["requests"], facts["seconds"], facts["p50_ms"], facts["p99_ms"], failures)


def parse_hey(output: str) -> Load:
    """Read hey's summary. Answers other than 2xx count as failed."""
    answers = {
        int(code): int(count)
        for code, count in re.findall(r"^\s*\[(\d{3})\]\s+(\d+) responses", output, re.MULTILINE)
    }
    _, _, errors = output.partition("Error distribution:")
    failures = {f"status {code}": count for code, count in answers.items() if not 200 <= code < 300}
    for count, kind in re.findall(r"^\s*\[(\d+)\]\s+(.+)$", errors, re.MULTILINE):
        failures[kind.rpartition(": ")[2]] = failures.get(kind.rpartition(": ")[2], 0) + int(count)
    return Load(
        requests=sum(answers.values()),
        seconds=_number(r"Total:\s+([\d.]+) secs", output),
        p50_ms=1e3 * _number(r"50%%? in ([\d.]+) secs", output),
        p99_ms=1e3 * _number(r"99%%? in ([\d.]+) secs", output),
        failures=failures,
    )


def _number(pattern: str, output: str) -> float:
    found = re.search(pattern, output)
    return float(found.group(1)) if found else float("nan")
